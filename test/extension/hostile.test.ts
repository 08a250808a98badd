/** A workspace may hold anything: what one file does wrong is its own row, and all other rows stay. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, open, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { errorText } from '../../runtime/contract/errors.js';
import { readText } from '../../extension/host/checkedFile.js';
import { DataInspector } from '../../extension/data/files.js';
import { Scans } from '../../extension/data/scans.js';
import { RunStore } from '../../extension/runs/store.js';
import { testRows } from '../../extension/testing/sets.js';
import { runTooltip } from '../../extension/views/labels.js';
import { WorkspaceModels } from '../../extension/workspace/models.js';
import { Problems } from '../../extension/data/problems.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { writeState } from '../../extension/host/state.js';
import type { ModelInfo } from '../../runtime/contract/modelInfo.js';
import { fake } from './fake/vscode.js';
import { harm, lines, manifest, recipe, runFolder, sample, step, temporary, write } from './support.js';

const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
before(() => process.on('unhandledRejection', note));
after(() => void process.off('unhandledRejection', note));

/**
 * Kinds of files, each with what is right in it. `row`: a fault is a row of its own; the others are told by a row that
 * is there.
 */
const KINDS: Record<string, { at: string; content: unknown; row?: 'runs' | 'models' | 'data' }> = {
  recipe: {
    at: 'recipes/bad.json',
    content: recipe({ judges: [{ classifier: 'x' }], stop: { harmfulLoss: 1 } }),
    row: 'runs',
  },
  manifest: {
    at: 'adapters/bad/manifest.json',
    content: manifest('/w', {
      recipe: '/w/r.json',
      judges: [{ name: 'j', path: 'p', sha256: 's' }],
      done: { kind: 'done', outcome: 'finished', output: '/w', step: 1, seconds: 1, measurements: [harm('plain', 1)] },
      error: { kind: 'failed', message: 'm' },
    }),
    row: 'runs',
  },
  'recipe of a run': { at: 'adapters/bad/recipe.json', content: recipe() },
  events: { at: 'adapters/bad/events.jsonl', content: step(1) },
  answers: { at: 'adapters/bad/answers.jsonl', content: sample('plain', 1, 'complied') },
  owner: {
    at: 'adapters/bad/owner.json',
    content: { pid: 1, host: 'h', started: 's', since: '2026-01-01T00:00:00.000Z' },
  },
  adapter: { at: 'adapters/bad/adapter/adapter_config.json', content: { r: 8 } },
  vector: { at: 'adapters/bad/adapter/security_vector.json', content: { role: 'security' } },
  state: {
    at: '.security-vectors/workspace.json',
    content: { version: 1, models: [{ path: 'm', name: 'm', adapters: [{ path: 'a', attached: true, scale: 1 }] }] },
    row: 'models',
  },
  scan: { at: '.security-vectors/scans/bad.json', content: { version: 2 }, row: 'data' },
};

const fill = (file: string, content: string | Buffer): Promise<unknown> => writeFile(file, content);
/** Each makes the file what it should not be. */
const FAULTS: Record<string, (file: string, right: string) => Promise<unknown>> = {
  empty: (file) => fill(file, ''),
  truncated: (file, right) => fill(file, right.slice(0, right.length / 2)),
  brackets: (file) => fill(file, '['.repeat(10_000)),
  'deep objects': (file) => fill(file, `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}\n`),
  'deep under a known key': (file, right) =>
    fill(file, `${right.trim().replace(/\}$/, '')},"x":${'['.repeat(9000)}${']'.repeat(9000)}}\n`),
  binary: (file) => fill(file, Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 167) % 256))),
  '100 MB': async (file) => {
    await (await open(file, 'w')).close();
    const handle = await open(file, 'r+');
    await handle.write('{"kind":"vector"', 0);
    await handle.truncate(100 * 1024 ** 2);
    await handle.close();
  },
  'a folder': (file) => mkdir(file),
  'a pipe': async (file) => void execFileSync('mkfifo', [file]),
  'a device': (file) => symlink('/dev/zero', file),
  'a circular link': (file) => symlink(file, file),
  'deleted after it was listed': async () => undefined,
};

/** The value with each of its keys, at any depth, replaced by values of other types. */
function* wrongTypes(value: unknown): Generator<unknown> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, own] of Object.entries(value)) {
    for (const wrong of [5, 'x', null, true, [], [5], {}, { toString: 1 }, [[null]]]) {
      const copy = structuredClone(value) as Record<string, unknown>;
      copy[key] = wrong;
      yield copy;
    }
    for (const wrong of wrongTypes(own)) {
      const copy = structuredClone(value) as Record<string, unknown>;
      copy[key] = wrong;
      yield copy;
    }
  }
}

/** A workspace with a good run, recipe, model and data file beside the bad one. */
async function workspaceAt(root: string) {
  const good = await runFolder(root, 'good', {
    events: [step(1)],
    answers: [sample('plain', 1, 'complied')],
  });
  const goodRecipe = await write(join(root, 'recipes/good.json'), recipe());
  const data = await write(join(root, 'train.jsonl'), '{"prompt":"a","completion":"b"}\n');
  await runFolder(root, 'bad', { manifest: { outcome: 'running', ended: undefined }, events: [step(1)] });
  await write(join(root, 'adapters/bad/adapter/adapter_config.json'), { r: 8 });
  await writeState(root, {
    version: 1,
    models: [{ path: 'm', name: 'm', adapters: [{ path: 'adapters/bad', attached: true, scale: 1 }] }],
  });
  return { good, goodRecipe, data };
}

/** Reads the workspace as the window does at its start, and looks at everything that the views show. */
async function look(root: string, bad: string, good: Awaited<ReturnType<typeof workspaceAt>>) {
  const store = new RunStore();
  const recipes = new RecipeIndex();
  const problems = new Problems();
  const scans = new Scans(() => [root], problems);
  const models = new WorkspaceModels(
    {
      root: () => root,
      inspect: async (path) => ({ path, adapters: [] }) as unknown as ModelInfo,
      runs: () => store.list(),
    },
    problems,
  );
  const found = [
    bad,
    good.goodRecipe,
    good.data,
    join(good.good, 'manifest.json'),
    join(root, 'adapters/bad/manifest.json'),
  ];
  fake.find = (glob) => {
    if (glob === '**/manifest.json') return found.filter((file) => file.endsWith('manifest.json'));
    return found.filter((file) => file.endsWith(String(glob).includes('jsonl') ? '.jsonl' : '.json'));
  };
  const errors: unknown[] = [];
  const files = new WorkspaceFiles({
    store,
    recipes,
    problems,
    onState: () => models.refresh(),
    onDataFile: () => undefined,
    onReview: () => undefined,
    onError: (error) => errors.push(error),
  });
  await Promise.all([files.scan(), scans.load(), models.refresh()]);
  for (const run of store.list()) {
    await store.answersOf(run.folder);
    runTooltip(run);
    assert.equal(typeof JSON.stringify(run), 'string');
  }
  models.list();
  assert.ok(store.get(good.good), 'the good run stays');
  assert.equal((await store.answersOf(good.good)).length, 1);
  assert.ok(recipes.get(good.goodRecipe), 'the good recipe stays');
  assert.ok(files.dataFiles().includes(good.data), 'the data file stays');
  assert.deepEqual(errors, []);
  const rows = (['runs', 'models', 'data'] as const).flatMap((view) =>
    problems.list(view).map((file) => ({ view, file })),
  );
  const told = [
    ...rows.map(({ file }) => errorText(problems.get(file)!)),
    ...store.list().map((run) => runTooltip(run)),
    ...models.list().flatMap((model) => model.adapters.map((a) => a.reason ?? '')),
  ].join('\n');
  files.dispose();
  models.dispose();
  return { rows, told, problems, store };
}

for (const [kind, { at, content, row }] of Object.entries(KINDS)) {
  for (const [fault, make] of Object.entries(FAULTS)) {
    test(`${kind}, ${fault}: all other rows stay`, { timeout: 60_000 }, async (t) => {
      const root = await temporary(t);
      const good = await workspaceAt(root);
      const file = join(root, at);
      await mkdir(dirname(file), { recursive: true });
      await rm(file, { recursive: true, force: true });
      await make(file, `${JSON.stringify(content)}\n`);
      const { rows, told, problems } = await look(root, file, good);
      assert.ok(
        rows.every((each) => each.file === file),
        JSON.stringify(rows),
      );
      // An empty file, or none, is no fault where none is needed; what a run that was killed left half is left out.
      if (fault.startsWith('deleted')) assert.deepEqual(rows, []);
      else if (row) {
        assert.deepEqual(rows, [{ view: row, file }]);
        const { message, place, remedy } = problems.get(file)!;
        assert.ok(message && remedy && place?.startsWith(file), JSON.stringify({ message, place, remedy }));
        assert.ok(!message.startsWith('internal'), message);
      } else if (!['empty', 'truncated'].includes(fault) && !['owner', 'recipe of a run'].includes(kind))
        assert.ok(told.includes(file), `nothing is said of it: ${told}`);
      assert.deepEqual(unhandled, []);
    });
  }

  test(`${kind}, wrong types for every key: all other rows stay`, async (t) => {
    const root = await temporary(t);
    const good = await workspaceAt(root);
    for (const [i, wrong] of [...wrongTypes(content)].entries()) {
      // All of them with HOSTILE=all: that takes half a minute.
      if (process.env.HOSTILE !== 'all' && i % 7 !== 0) continue;
      await write(join(root, at), `${JSON.stringify(wrong)}\n`);
      await look(root, join(root, at), good);
    }
    assert.deepEqual(unhandled, []);
  });
}

test('brackets in a file that is no recipe are a row of their own; large data is not read', async (t) => {
  const root = await temporary(t);
  const good = await workspaceAt(root);
  const file = await write(join(root, 'elsewhere.json'), '['.repeat(10_000));
  assert.deepEqual((await look(root, file, good)).rows, [{ view: 'runs', file }]);
  await write(file, `{"kind": "vector", "rows": [${'0,'.repeat(600_000)}0]}`);
  assert.deepEqual((await look(root, file, good)).rows, []);
  await write(file, '{"compilerOptions": {}, // comments are fine\n}');
  assert.deepEqual((await look(root, file, good)).rows, []);
});

test("other programs' manifests are none of ours, and a row goes when its file is repaired", async (t) => {
  const root = await temporary(t);
  const good = await workspaceAt(root);
  const other = await write(join(root, 'web/manifest.json'), { name: 'app', icons: [] });
  assert.deepEqual((await look(root, other, good)).rows, []);
  const bad = await write(join(root, 'adapters/bad/manifest.json'), manifest(root, { result: { path: 5 } as never }));
  const { rows, told, problems, store } = await look(root, bad, good);
  assert.deepEqual(rows, [{ view: 'runs', file: bad }]);
  assert.match(told, /"result\.path" is missing or has the wrong type/);
  await write(bad, manifest(root));
  await problems.guard(bad, 'runs', () => store.read(dirname(bad)));
  assert.deepEqual(problems.list('runs'), []);
});

test('lines of events that are none are counted, and those around them are drawn', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'a', { events: [step(1)] });
  const odd = [{ kind: 'step', step: 'two' }, [1], 5, { kind: 'done', measurements: {} }];
  await write(join(folder, 'events.jsonl'), lines([step(1), ...odd, step(2)]));
  const run = (await new RunStore().read(folder))!;
  assert.deepEqual(run.train.step, [1, 2]);
  assert.match(run.warnings[0]!.message, /^4 of its lines/);
});

test('a data file that is a pipe is not opened', async (t) => {
  const root = await temporary(t);
  const pipe = join(root, 'x.jsonl');
  execFileSync('mkfifo', [pipe]);
  const inspector = new DataInspector(() => assert.fail('the engine was asked'));
  const counted = new Promise<void>((resolve) => inspector.onDidChange(() => resolve()));
  inspector.get(pipe);
  await counted;
  assert.match(JSON.stringify(inspector.get(pipe)), /not a file/);
  await assert.rejects(readText(pipe), /pipe or a device/);
});

test('rows of an evaluation set with wrong types are named by what is there', () => {
  const odd = '{"messages":[{"role":{"toString":1},"content":"a"},null,5]}\n{"prompt":{"toString":1}}\n[[[\n';
  assert.deepEqual(testRows(odd, 10), [
    { line: 1, prompt: '' },
    { line: 2, prompt: '' },
  ]);
});
