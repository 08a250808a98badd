/** What goes wrong once, or comes between, does not stay. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inputError, HostError } from '../../extension/host/errors.js';
import { Chat, EMPTY_CHAT } from '../../extension/panels/chat.js';
import { RunPanels } from '../../extension/panels/runPanel.js';
import { recipeFacts } from '../../extension/runs/recipe.js';
import { Runner } from '../../extension/runs/runner.js';
import { RunStore } from '../../extension/runs/store.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { fake, FakePanel, Uri } from './fake/vscode.js';
import { recipe, runFolder, step, temporary, write } from './support.js';
import { opened } from './trainingPanel.js';

const { WorkspaceModels } = await import('../../extension/workspace/models.js');
const { dataFacts, nodeId } = await import('../../extension/views/dataFacts.js');

test('a chat with a wrong setting says so in its answers, and answers when it is corrected', async () => {
  let isWrong = true;
  const chat = new Chat({
    path: '/m',
    memory: EMPTY_CHAT,
    model: () => ({ path: '/m', name: 'tiny', adapters: [] }),
    states: () => [{ name: 'base', adapters: [] }],
    vector: () => undefined,
    generate: async () => ({ text: 'hello', ids: [1], stopped: true, seconds: 1 }),
    explain: () => assert.fail(),
    newStop: () => ({
      token: { isCancellationRequested: false, onCancellationRequested: () => ({ dispose: () => undefined }) },
      cancel: () => undefined,
    }),
    maxNewTokens: () => {
      if (isWrong) throw inputError('it cannot be 0.');
      return 16;
    },
    device: () => 'cpu',
    post: () => undefined,
    changed: () => undefined,
    keep: () => undefined,
    onBug: assert.ifError,
  } as never);
  await chat.send('one');
  isWrong = false;
  await chat.send('two');
  const { busy, rounds } = chat.state();
  assert.equal(busy, false);
  assert.deepEqual(
    rounds.map(({ answers }) => answers.map(({ content, error }) => error?.message ?? content)),
    [['it cannot be 0.'], ['hello']],
  );
});

test('a run that leaves the queue and is started again at once is the one that is shown', async (t) => {
  const root = await temporary(t);
  const file = (name: string): Promise<string> =>
    write(join(root, `recipes/${name}.json`), recipe({ output: `../adapters/${name}` }));
  const [a, b] = [await file('a'), await file('b')];
  const steps = Array.from({ length: 20_000 }, (_, i) => step(i + 1));
  const folder = await runFolder(root, 'b', { manifest: { outcome: 'failed', done: undefined }, events: steps });
  const store = new RunStore();
  const engine = () => ({ request: () => new Promise<never>(() => undefined), dispose: () => undefined });
  const runner = new Runner({ store, engine: engine as never, assertTrusted: () => undefined });
  t.after(() => runner.dispose());
  await runner.start(a);
  await runner.start(b);
  const withdrawn = new Promise((resolve) => runner.onDidWithdraw(resolve));
  runner.stop(folder);
  await runner.start(b);
  await withdrawn;
  const { live, place } = store.get(folder)!;
  assert.deepEqual([live, place], [true, 1]);
});

test('a model that the engine did not come to look at is looked at again when a person tries again', async (t) => {
  const root = await temporary(t);
  await write(join(root, '.security-vectors/workspace.json'), {
    version: 1,
    models: ['m', 'wrong'].map((name) => ({ path: name, name, adapters: [] })),
  });
  let asked = 0;
  let fails = true;
  const models = new WorkspaceModels({
    root: () => root,
    runs: () => [],
    inspect: async (path) => {
      asked++;
      if (path.endsWith('wrong')) throw inputError('there is no such file.');
      if (fails) throw new HostError({ kind: 'failed', message: 'the engine ended.' });
      return { supported: true, adapters: [] } as never;
    },
  });
  t.after(() => models.dispose());
  await models.refresh();
  fails = false;
  asked = 0;
  await models.inspectFailed();
  assert.deepEqual(
    models.list().map(({ problem }) => problem?.split('\n')[0]),
    [undefined, 'there is no such file.'],
  );
  assert.equal(asked, 1, 'what is wrong with the other is known');
});

test('a tab of the window before does not take the place of a page that is open', async (t) => {
  const folder = await runFolder(await temporary(t), 'colours', { events: [step(1)] });
  const store = new RunStore();
  await store.read(folder);
  const panels = new RunPanels(Uri.file('/x') as never, store, { onBug: assert.ifError } as never);
  await panels.show(folder);
  const page = fake.panels.at(-1)!;
  await page.request({ type: 'ready' });
  const restored = new FakePanel('colours, plain');
  await panels.deserializeWebviewPanel(restored as never, { run: folder });
  const before = page.events().length;
  store.relabel(folder, { name: 'second', tags: [], archived: false });
  for (let i = 0; i < 100 && page.events().length === before; i++) await sleep(20);
  assert.ok(page.events().length > before);
  assert.equal(restored.isDisposed, true);
});

test('the page of a run that waits comes back in the next window once the queue is there; that of one that is gone closes', async (t) => {
  const root = await temporary(t);
  const store = new RunStore();
  const panels = new RunPanels(Uri.file('/x') as never, store, { onBug: assert.ifError } as never);
  const [waits, gone] = [new FakePanel('waits'), new FakePanel('gone')];
  const back = [
    panels.deserializeWebviewPanel(waits as never, { run: join(root, 'adapters/waits') }),
    panels.deserializeWebviewPanel(gone as never, { run: join(root, 'adapters/gone') }),
  ];
  const facts = recipeFacts(JSON.stringify(recipe({ output: 'adapters/waits' })), join(root, 'r.json'))!;
  store.queued(store.begin(facts, 'waits', false), 1, 'Place 1 of 1 in the queue.');
  panels.allKnown();
  await Promise.all(back);
  assert.deepEqual([waits.isDisposed, gone.isDisposed], [false, true]);
  await waits.request({ type: 'ready' });
  assert.match(JSON.stringify(waits.events()), /Place 1 of 1 in the queue/);
});

test('rows in one line of a file are told apart', async (t) => {
  const file = join(await temporary(t), 'min.json');
  const row = { prompt: 'say hello', completion: 'hello there' };
  await writeFile(file, JSON.stringify([row, row, row, { prompt: 1 }, { prompt: 2 }]));
  const facts = dataFacts({ info: await inspectData(file, {}) } as never, undefined, {} as never);
  const ids = facts.flatMap((fact) => (fact.rows ?? []).map((one) => nodeId({ data: file, fact, row: one })));
  assert.ok(ids.length >= 4, ids.join());
  assert.equal(new Set(ids).size, ids.length, ids.join());
});

test('protection that is switched on again for another model has a vector of that model', async (t) => {
  const vector = (name: string) => ({ role: 'security', name, path: `/${name}`, reason: null });
  const other = { ...vector('of-other'), attached: false, scale: 1 };
  const { ask, state, read } = await opened(t, {
    adapters: [vector('v1')],
    models: [{ path: '/other', name: 'other', adapters: [other] }],
  } as never);
  await ask({ type: 'protect', on: false });
  const choice = state().form!.fields.model.choices.find(({ label }) => label === 'other')!;
  await ask({ type: 'choose', key: 'model', value: choice.value });
  await ask({ type: 'protect', on: true });
  assert.match(await read('protected'), /of-other/);
});
