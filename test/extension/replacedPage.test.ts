/** A run that replaces another takes its place when it is done: the pages that show it go with it. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type * as vscode from 'vscode';
import type { Engine } from '../../extension/engine/engine.js';
import { Runner } from '../../extension/runs/runner.js';
import { RunStore } from '../../extension/runs/store.js';
import type { DoneEvent } from '../../runtime/contract/events.js';
import { fake, Uri, type FakePanel } from './fake/vscode.js';
import { recipe, runFolder, sample, step, temporary, until, write } from './support.js';

const { RunPanels } = await import('../../extension/panels/runPanel.js');
const { ComparePanels } = await import('../../extension/panels/comparePanel.js');
const extension = Uri.file('/extension') as unknown as vscode.Uri;
const answers = [sample('protected', 1, 'refused')];

/** A finished run, and one at work that is to replace it. */
async function replacing(t: TestContext) {
  const root = await temporary(t);
  const output = await runFolder(root, 'colours', { events: [step(1)] });
  const other = await runFolder(root, 'other', { events: [step(1)] });
  const store = new RunStore();
  let finish = (_: DoneEvent): void => undefined;
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (() => new Promise<DoneEvent>((resolve) => (finish = resolve))) as Engine['request'],
    dispose: () => undefined,
  });
  const runner = new Runner({ store, engine, assertTrusted: () => undefined });
  t.after(() => runner.dispose());
  const actions = { onBug: assert.ifError, openRun: () => undefined, notices: { info: () => undefined } };
  const panels = new RunPanels(extension, store, actions as unknown as ConstructorParameters<typeof RunPanels>[2]);
  const compared = new ComparePanels(extension, store, actions);
  t.after(() => [panels, compared].forEach((part) => part.dispose()));
  await store.read(output);
  const file = await write(join(root, 'recipes/colours.json'), recipe({}));
  const { run, ended } = await runner.start(file, { replace: true });
  assert.equal(run.folder, join(output, 'next'));
  const open = async (show: () => unknown): Promise<FakePanel> => {
    await show();
    const panel = fake.panels.at(-1)!;
    await panel.request({ type: 'ready' });
    return panel;
  };
  const end = async (): Promise<void> => {
    await runFolder(root, 'colours', { events: [step(1), step(2)], answers });
    finish({ output } as DoneEvent);
    assert.equal((await ended).folder, output);
  };
  return { output, next: run.folder, other, panels, compared, open, end };
}

type Sent = { type: string; run?: { id: string; train: { step: number[] } }; of?: string[] };
const sent = (panel: FakePanel): Sent[] => panel.events() as Sent[];

test('its page stays, and shows the result with the answers that were open', async (t) => {
  const { output, next, panels, open, end } = await replacing(t);
  const panel = await open(() => panels.show(next));
  await panel.request({ type: 'openAnswers' });
  const before = sent(panel).length;
  await end();
  await until(() => sent(panel).at(-1)?.type === 'answers' && sent(panel).length > before);
  assert.equal(panel.isDisposed, false);
  const shown = sent(panel).findLast(({ type }) => type === 'snapshot');
  assert.deepEqual([shown?.run?.id, shown?.run?.train.step], [output, [1, 2]]);
  assert.deepEqual(
    [next, output].map((folder) => panels.isVisible(folder)),
    [false, true],
  );
  const count = fake.panels.length;
  await panels.show(output);
  assert.equal(fake.panels.length, count, 'it is the page of the result');
  panel.dispose();
  assert.equal(panels.isVisible(output), false);
});

test('where the replaced run has a page, too, one stays', async (t) => {
  const { output, next, panels, open, end } = await replacing(t);
  const old = await open(() => panels.show(output));
  const panel = await open(() => panels.show(next));
  await end();
  await until(() => sent(old).at(-1)?.run?.train.step.length === 2);
  assert.deepEqual([panel.isDisposed, old.isDisposed, panels.isVisible(output)], [true, false, true]);
});

test('a page that compares it goes on with the result', async (t) => {
  const { output, next, other, compared, open, end } = await replacing(t);
  const panel = await open(() => compared.show([next, other]));
  await end();
  await until(() => sent(panel).at(-1)?.run?.id === output);
  assert.deepEqual(sent(panel).at(-1)?.of, [output, other]);
});
