/** A wizard keeps the keys between its questions: what is typed there must not go into a file. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { mock, test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Emitter } from '../../extension/host/disposable.js';
import { Cancelled } from '../../extension/host/errors.js';
import { window } from './fake/vscode.js';

const { wizard } = await import('../../extension/commands/wizard.js');

/** A Quick Pick as the window has it: of two that are shown the first one hides. */
class Pick {
  placeholder = '';
  enabled = true;
  busy = false;
  selectedItems: readonly { label: string }[] = [];
  items: readonly { label: string }[] = [];
  private readonly accepted = new Emitter<void>();
  private readonly hidden = new Emitter<void>();
  readonly onDidAccept = this.accepted.event;
  readonly onDidHide = this.hidden.event;
  readonly onDidTriggerButton = new Emitter<never>().event;

  constructor(private readonly screen: { shown?: Pick }) {}

  show(): void {
    const before = this.screen.shown;
    this.screen.shown = this;
    if (before) setImmediate(() => before.hidden.fire());
  }

  /** Escape, or an extension's own. */
  hide(): void {
    if (this.screen.shown !== this) return;
    this.screen.shown = undefined;
    setImmediate(() => this.hidden.fire());
  }

  dispose = (): void => this.hide();

  choose(): void {
    this.selectedItems = this.items.slice(0, 1);
    this.accepted.fire();
  }
}

function screen(t: TestContext): { shown?: Pick } {
  const it: { shown?: Pick } = {};
  const create = mock.method(window, 'createQuickPick', () => new Pick(it));
  t.after(() => create.mock.restore());
  return it;
}

const choice = (label: string) => ({ label, value: label });

/** A wizard with some work between its two questions, which a test ends. */
function asked(t: TestContext) {
  const it = screen(t);
  let end = (): void => undefined;
  const work = new Promise<void>((done) => (end = done));
  const answers = wizard('Train', async (ask) => {
    const first = await ask.pick('Which?', [choice('a')]);
    await work;
    return [first, await ask.pick('How?', [choice('b')])];
  });
  return { it, end, answers };
}

test('a question that is answered stays until the next one is there, and takes no second answer', async (t) => {
  const { it, end, answers } = asked(t);
  it.shown!.choose();
  await turn();
  assert.deepEqual([it.shown?.placeholder, it.shown?.enabled, it.shown?.busy], ['Which?', false, true]);
  end();
  await turn();
  assert.deepEqual([it.shown?.placeholder, it.shown?.enabled, it.shown?.busy], ['How?', true, false]);
  it.shown!.choose();
  assert.deepEqual(await answers, ['a', 'b']);
  assert.equal(it.shown, undefined);
});

test('who leaves between two questions is asked no other one', async (t) => {
  const { it, end, answers } = asked(t);
  it.shown!.choose();
  await turn();
  it.shown!.hide();
  await turn();
  end();
  await assert.rejects(answers, Cancelled);
  assert.equal(it.shown, undefined);
});

test('what is done behind the last question counts as left as well', async (t) => {
  const it = screen(t);
  const answers = wizard('Train', async (ask) => {
    await ask.pick('Which?', [choice('a')]);
    await turn();
    await turn();
    return 'done';
  });
  it.shown!.choose();
  await turn();
  it.shown!.hide();
  await assert.rejects(answers, Cancelled);
});

test('a dialog for files in place of a question is no leaving', async (t) => {
  const it = screen(t);
  const dialog = mock.fn(async () => {
    it.shown?.hide();
    await turn();
    return [{ fsPath: '/w/a.jsonl' }];
  });
  Object.assign(window, { showOpenDialog: dialog });
  t.after(() => Reflect.deleteProperty(window, 'showOpenDialog'));
  const answers = wizard('Train', async (ask) => [
    await ask.pick('Which?', [choice('a')]),
    await ask.browse({}),
    await ask.pick('How?', [choice('b')]),
  ]);
  it.shown!.choose();
  await turn();
  await turn();
  await turn();
  assert.equal(it.shown?.placeholder, 'How?');
  it.shown!.choose();
  assert.deepEqual(await answers, ['a', '/w/a.jsonl', 'b']);
});
