/**
 * What people say of answers: each label is in the run that gave the answer, or its own request fails and the page says
 * what is so.
 */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type * as vscode from 'vscode';
import { LabelQueue } from '../../extension/runs/labels.js';
import type { LabelledAnswer } from '../../runtime/contract/labels.js';
import { inputError } from '../../extension/host/errors.js';
import { RunStore } from '../../extension/runs/store.js';
import { fake, Uri } from './fake/vscode.js';
import { runFolder, sample, temporary, until } from './support.js';
import { keeping } from './fake/memory.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';

const { RunPanels } = await import('../../extension/panels/runPanel.js');
const { judgeAgain } = await import('../../extension/commands/judgeAgain.js');

const label = (row: number): LabelledAnswer => ({
  ...{ set: 'topic', state: 'base', row, prompt: 'How?', answer: 'No.', label: 'refused' },
});

test('labels that are given while others are written are written together', async () => {
  const written: string[][] = [];
  let go = (): void => undefined;
  const queue = new LabelQueue(async (run, labels) => {
    written.push([run, ...labels.map(({ row }) => String(row))]);
    if (written.length === 1) await new Promise<void>((resolve) => (go = resolve));
    if (labels.some(({ row }) => row === 9)) throw new Error('no room');
  });
  const first = queue.add('a', label(1));
  await new Promise(setImmediate);
  const others = [queue.add('a', label(2)), queue.add('a', label(3)), queue.add('b', label(4))];
  go();
  await Promise.all([first, ...others]);
  assert.deepEqual(written, [['a', '1'], ['a', '2', '3'], ['b', '4']]); // oxfmt-ignore
  await assert.rejects(queue.add('a', label(9)), /no room/);
  await queue.add('a', label(5));
});

test('labels that a run refuses fail, and those of other runs are written', async () => {
  const written: string[] = [];
  const queue = new LabelQueue(async (run, labels) => {
    await new Promise(setImmediate);
    if (run === 'a') throw new Error('another process has it');
    written.push(...labels.map(({ row }) => `${run}${row}`));
  });
  const given = [
    queue.add('a', label(1)),
    queue.add('b', label(2)),
    queue.add('a', label(3)),
    queue.add('b', label(4)),
  ];
  assert.deepEqual(
    (await Promise.allSettled(given)).map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(written, ['b2', 'b4']);
});

async function pageOf(t: TestContext, write: () => Promise<unknown>) {
  const root = await temporary(t);
  const folder = await runFolder(root, 'a', { answers: [sample('plain', 1, 'refused')] });
  const store = new RunStore();
  const actions = { label: write, onBug: assert.ifError } as unknown as ConstructorParameters<typeof RunPanels>[2];
  const panels = new RunPanels(Uri.file('/extension') as unknown as vscode.Uri, store, actions);
  t.after(() => panels.dispose());
  await panels.show(folder, { answers: true });
  const panel = fake.panels.at(-1)!;
  await panel.request({ type: 'ready' });
  const answers = () =>
    panel.events().filter(({ type }) => type === 'answers') as unknown as { canLabel: boolean; reveal: boolean }[];
  return { folder, store, panel, answers };
}

test('a page that is shown again has its answers, and goes to them only when they are asked for', async (t) => {
  const { panel, answers } = await pageOf(t, async () => undefined);
  await panel.request({ type: 'ready' });
  await panel.request({ type: 'openAnswers' });
  assert.deepEqual(answers().map(({ reveal }) => reveal), [true, false, true]); // oxfmt-ignore
});

test('a label that is refused is taken back on the page', async (t) => {
  const { panel, answers } = await pageOf(t, () => Promise.reject(inputError('another process has it')));
  const before = answers();
  assert.equal(before.length, 1);
  const { prompt, answer } = sample('plain', 1, 'refused');
  const given = { set: 'forbidden', row: 0, state: 'plain', prompt, answer, label: 'complied' };
  const outcome = (await panel.request({ type: 'label', ...given })) as { kind: string };
  assert.equal(outcome.kind, 'error');
  assert.deepEqual(answers(), [before[0], { ...before[0], reveal: false }], 'what is so');
});

test('while a run is judged again its answers are not labelled', async (t) => {
  const { folder, store, answers } = await pageOf(t, async () => undefined);
  const services = {
    assertTrusted: () => undefined,
    workAtHand: new WorkAtHand(keeping()),
    engine: {
      async request() {
        await until(() => !answers().at(-1)!.canLabel);
        throw new Error('out of reach');
      },
    },
    secrets: {},
    store,
  };
  assert.equal(answers().at(-1)!.canLabel, true);
  const given = { run: folder, judges: ['refusal-phrases' as const] };
  await assert.rejects(judgeAgain(services as unknown as Parameters<typeof judgeAgain>[0], given), /out of reach/);
  await until(() => answers().at(-1)!.canLabel);
});
