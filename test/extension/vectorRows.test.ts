/** The wizard of vectors takes the first rows of large files only where the person has chosen that. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { CommandArguments } from '../../extension/host/commandArguments.js';
import { BACK, fake, Uri, window, workspace } from './fake/vscode.js';
import { temporary, write } from './support.js';

const { HostError } = await import('../../extension/host/errors.js');
const { trainVector } = await import('../../extension/commands/training.js');

const COUNTS = { few: 80, many: 1000, ordinary: 5000 };
type Name = keyof typeof COUNTS;
interface Data {
  file: string;
  limit?: number;
}
const nameOf = (file: string): Name => /(\w+)\.jsonl$/.exec(file)![1] as Name;

/** Trains a vector on rows of these files. @returns what was asked, and the recipe's data */
async function trained(
  t: TestContext,
  harmful: Name,
  benign: Name | '',
  answers: (question: string) => string,
  more: CommandArguments['trainVector'] = {},
  known?: { tooLarge: number },
  refused?: Error,
) {
  const root = await temporary(t);
  fake.settings.set('device', 'cpu').set('threads', 1);
  const before = { answer: fake.answer, folders: workspace.workspaceFolders, pick: window.createQuickPick };
  t.after(() => {
    fake.answer = before.answer;
    window.createQuickPick = before.pick;
    Object.assign(workspace, { workspaceFolders: before.folders });
  });
  Object.assign(workspace, { workspaceFolders: [{ uri: Uri.file(root) }] });
  const offered: string[] = [];
  window.createQuickPick = () => {
    const box = before.pick() as { items: readonly { label: string; detail?: string }[]; show(): void };
    const show = box.show.bind(box);
    return Object.assign(box, {
      show: () => (offered.push(...box.items.map(({ label, detail }) => `${label}: ${detail}`)), show()),
    });
  };
  const asked: string[] = [];
  fake.answer = (question) => (asked.push(question), answers(question));
  const read: string[] = [];
  /** Files of which more than the first rows were asked for, and how many questions had been answered before. */
  const whole: [string, Name, number][] = [];
  const note = (request: string, path: string, limit?: number): void => {
    if (limit === undefined) whole.push([request, nameOf(path), asked.length]);
  };
  let file = '';
  const requests: Record<string, (params: never) => unknown> = {
    inspectData: ({ path, limit }: { path: string; limit?: number }) => {
      note('inspectData', path, limit);
      read.push(nameOf(path));
      return { rows: Math.min(limit ?? Infinity, COUNTS[nameOf(path)]) };
    },
    defaults: ({ data }: { data: Data[] }) => ({
      ...(data.forEach((one) => note('defaults', one.file, one.limit)), { batch: { rows: 8 }, learningRate: 1e-3 }),
      epochs: data.reduce((sum, { file: one, limit }) => sum + Math.min(limit ?? Infinity, COUNTS[nameOf(one)]), 0),
    }),
    estimate: ({ text }: { text: string }) => ({
      ...{ memory: { weights: 1, adapters: 1, moments: 1, activations: 1, logits: 1, program: 1 } },
      ...{ peakBytes: [1e9, 1e9], limitBytes: 2e9, fits: true, steps: 1, stepSeconds: [1, 1], usefulTokens: 1 },
      ...{ measured: true, seconds: [1, 1].map((n) => n * (JSON.parse(text) as { epochs: number }).epochs) },
    }),
  };
  const ended = { folder: root, progress: { state: 'finished' }, measurements: [] };
  const services = {
    assertTrusted: () => undefined,
    engine: {
      request: async (name: string, params: never) => {
        if (name === 'estimate' && refused) throw refused;
        return requests[name]!(params);
      },
    },
    inspector: { get: () => known },
    models: { list: () => [{ path: join(root, 'tiny'), name: 'tiny', adapters: [] }] },
    recipes: { list: () => [], read: async (one: string) => void (file = one) },
    runPanels: { show: () => undefined },
    runner: { standing: async () => undefined, start: async () => ({ run: ended, ended: Promise.resolve(ended) }) },
  };
  const at = (name: Name): Promise<string> => write(join(root, `${name}.jsonl`), '');
  const columns = { text: 'text' };
  await trainVector(services as never, {
    ...{ model: join(root, 'tiny'), harmful: await at(harmful), benign: benign && (await at(benign)) },
    ...{ harmfulColumns: columns, benignColumns: columns },
    ...more,
  });
  const recipe = JSON.parse(await readFile(file, 'utf8')) as Record<'harmful' | 'benign', Data | undefined>;
  return { asked, offered, read, whole, limits: [recipe.harmful?.limit, recipe.benign?.limit] };
}

const byLabel = (label: string) => (question: string) => (question.startsWith('Which rows') ? label : 'v');
const QUESTION = 'Which rows does the vector learn from?';

test('of files with no more rows than are taken nobody is asked', async (t) => {
  const { asked, limits } = await trained(t, 'few', '', byLabel(''));
  assert.deepEqual([asked.length, limits], [1, [100, undefined]]);
  assert.match(asked[0]!, /^Name of the result/);
});

test('of larger ones it is said how many of them are taken, and what either takes', async (t) => {
  const first = await trained(t, 'many', 'ordinary', byLabel('The first rows'));
  assert.equal(first.asked[0], QUESTION);
  assert.equal(first.offered.length, 2);
  assert.match(
    first.offered[0]!,
    /^The first rows: 100 of 1,000 harmful rows, 200 of 5,000 ordinary rows\. The run: .*5 min/,
  );
  assert.match(
    first.offered[1]!,
    /^All rows: 1,000 of 1,000 harmful rows, 5,000 of 5,000 ordinary rows\. The run: .* h/,
  );
  assert.match(first.asked[1]!, /^Name of the result\. The run: .*5 min/);
  assert.deepEqual(first.limits, [100, 200]);
  const all = await trained(t, 'many', 'few', byLabel('All rows'));
  assert.match(all.offered[0]!, /100 of 1,000 harmful rows, 80 of 80 ordinary rows/);
  assert.deepEqual(all.limits, [undefined, undefined]);
});

test('a recipe that the run will refuse is said to be one; what is no fault of the recipe is not', async (t) => {
  const asked = async (kind: 'input' | 'internal'): Promise<string> => {
    const refused = new HostError({ kind, message: 'no row of the data can be used.' });
    return (await trained(t, 'few', '', byLabel(''), {}, undefined, refused)).asked[0]!;
  };
  assert.equal(await asked('input'), 'Name of the result. The run: no row of the data can be used.');
  assert.equal(await asked('internal'), 'Name of the result');
});

test('who goes back from the name chooses the rows again, and they are counted once', async (t) => {
  const answers = ['The first rows', BACK, 'All rows', 'v'];
  const { asked, read, limits } = await trained(t, 'many', '', () => answers.shift()!);
  assert.deepEqual(asked.filter((question) => question === QUESTION).length, 2);
  assert.deepEqual([read, limits], [['many'], [undefined, undefined]]);
});

test('a large file is read to its end only for a vector that takes all rows', async (t) => {
  const large = { tooLarge: 3e9 };
  const first = await trained(t, 'many', 'ordinary', byLabel('The first rows'), {}, large);
  assert.match(
    first.offered[0]!,
    /: 100 of more than 100 harmful rows, 200 of more than 200 ordinary rows\. The run: /,
  );
  assert.equal(first.offered[1], 'All rows: if you choose this, large files are read to the end');
  assert.deepEqual([first.whole, first.limits], [[], [100, 200]]);
  const all = await trained(t, 'many', 'few', byLabel('All rows'), {}, large);
  assert.match(all.offered[0]!, /: 100 of more than 100 harmful rows, 80 of 80 ordinary rows\./);
  assert.ok(all.whole.length > 0 && all.whole.every(([request, , answered]) => request === 'defaults' && answered > 0));
  assert.match(all.asked[1]!, /^Name of the result\. The run: /);
  // Of a large file with few rows nobody is asked.
  assert.deepEqual((await trained(t, 'few', '', byLabel(''), {}, large)).asked.length, 1);
});

test('a command may say it', async (t) => {
  for (const [rows, limit] of [
    ['first', 100],
    ['all', undefined],
  ] as const) {
    const { asked, limits } = await trained(t, 'many', '', byLabel(''), { rows, name: 'v' });
    assert.deepEqual([asked, limits], [[], [limit, undefined]]);
  }
});
