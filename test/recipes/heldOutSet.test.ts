/** Rows of the data that are kept for evaluation: never trained on, no prompt on both sides, never silently none. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runValue } from '../support/recipeRun.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { VECTOR, writeWorkspace } from '../kills/workspace.js';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'held-out-'));
  await writeWorkspace(root);
});
after(() => rm(root, { recursive: true, force: true }));

/** Every third prompt stands in two rows. */
const PROMPTS = Array.from({ length: 60 }, (_, i) => `buy ${i % 45} lamps .`);
const TABLE = ['number,question,answer', ...PROMPTS.map((prompt, i) => `${i},${prompt},order : ${i % 9} lamps`)];

const RECIPE = {
  ...{ kind: 'finetune', model: 'model', adapter: { rank: 2, alpha: 4 }, batch: { rows: 8 }, seed: 3, threads: 1 },
  ...{ device: 'cpu', optimizer: { learningRate: 0.02 }, generation: { maxNewTokens: 3 }, steps: 2, output: 'out' },
  data: { file: 'own.csv', columns: { prompt: 'question', completion: 'answer' } },
};

async function run(recipe: object, output: string): Promise<RunEvent[]> {
  await writeFile(join(root, 'own.csv'), `${TABLE.join('\n')}\n`);
  return (await runValue(root, recipe, output)).events;
}
const samples = (events: readonly RunEvent[], state: string) =>
  events.flatMap((event) => (event.kind === 'sample' && event.state === state ? [event] : []));

test('the kept rows are a set of their own, with all rows of their prompts, and the rest is trained on', async () => {
  const events = await run({ ...RECIPE, heldOut: { share: 0.1, measure: 'exact' } }, 'exact');
  const kept = samples(events, 'plain');
  assert.ok(kept.length >= 6 && kept.length <= 20, `${kept.length} rows`);
  assert.deepEqual(
    kept.map(({ line }) => line),
    samples(events, 'base').map(({ line }) => line),
  );
  const prompts = new Set(kept.map(({ prompt }) => prompt));
  const lines = PROMPTS.flatMap((prompt, i) => (prompts.has(prompt) ? [i + 2] : []));
  assert.deepEqual(
    kept.map(({ line }) => line).sort((a, b) => a - b),
    Array.from(prompts, (prompt) => PROMPTS.indexOf(prompt) + 2).sort((a, b) => a - b),
    'each prompt is asked once',
  );
  assert.ok(lines.length > prompts.size, 'a prompt with two rows is among them');
  const began = events.find((event) => event.kind === 'state' && event.state === 'training');
  assert.match(JSON.stringify(began), new RegExp(`fine-tuning on ${PROMPTS.length - lines.length} rows`));
  const done = events.at(-1);
  assert.deepEqual(
    done?.kind === 'done' && done.measurements.map(({ state, name, measure, count }) => [state, name, measure, count]),
    ['base', 'plain'].map((state) => [state, 'held out', 'exact', kept.length]),
  );
  const manifest = JSON.parse(await readFile(join(root, 'exact/manifest.json'), 'utf8')) as Manifest;
  assert.equal(manifest.data[0]!.rows, PROMPTS.length);

  const again = await run({ ...RECIPE, heldOut: { share: 0.1, measure: 'exact' } }, 'again');
  assert.deepEqual(samples(again, 'plain').map(({ line }) => line), kept.map(({ line }) => line), 'a function of the seed'); // oxfmt-ignore
  const other = await run({ ...RECIPE, seed: 4, heldOut: { share: 0.1, measure: 'exact' } }, 'other');
  assert.notDeepEqual(
    samples(other, 'plain').map(({ line }) => line),
    kept.map(({ line }) => line),
  );
});

test('a share alone is measured by the loss', async () => {
  const events = await run({ ...RECIPE, heldOut: 0.1 }, 'loss');
  const done = events.at(-1);
  assert.ok(done?.kind === 'done');
  assert.deepEqual(done.measurements.map(({ name, measure }) => [name, measure]), [['held out', 'loss'], ['held out', 'loss']]); // oxfmt-ignore
});

test('where no rows can be kept, or the name is taken, the recipe does not run', async () => {
  await assert.rejects(run({ ...RECIPE, data: { ...RECIPE.data, limit: 10 }, heldOut: 0.1 }, 'few'), {
    message: /no rows can be held out of 10/,
    place: 'heldOut',
  });
  const set = { name: 'held out', file: 'new-task.jsonl', measure: 'exact' };
  assert.throws(() => parseRecipe(JSON.stringify({ ...RECIPE, heldOut: 0.1, evaluate: [set] }), 'r.json'), {
    message: /"held out" is the name of the set of "heldOut"/,
  });
});

test('kept rows without a prompt are measured by their loss alone', async () => {
  const data = { file: 'texts.jsonl' };
  await writeFile(join(root, data.file), PROMPTS.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  await assert.rejects(run({ ...RECIPE, data, heldOut: { share: 0.1, measure: 'contains' } }, 'texts'), {
    name: 'HumanError',
    message: /^"held out" measures "contains", and this row has no prompt/,
    place: /texts\.jsonl:\d+$/,
  });
  assert.ok(!existsSync(join(root, 'texts')));
  assert.equal((await run({ ...RECIPE, data, heldOut: 0.1 }, 'texts')).at(-1)?.kind, 'done');
});

test('a vector that continues another one holds out only what that one was not trained on, and nothing where it is not known', async () => {
  const row = (kind: string) => (_: unknown, i: number) =>
    JSON.stringify({ prompt: `${kind} ${i}?`, completion: 'lamps .' });
  for (const kind of ['harmful', 'benign'])
    await writeFile(join(root, `${kind}.jsonl`), `${Array.from({ length: 24 }, row(kind)).join('\n')}\n`);
  const recipe = { ...VECTOR, steps: 1, heldOut: 0.25 };
  const asked = async (output: string, heldOut: boolean) => {
    const lines = (await readFile(join(root, output, 'prompts.jsonl'), 'utf8')).trim().split('\n');
    const prompts = lines.map((line) => JSON.parse(line) as { messages: object; heldOut?: boolean });
    return prompts.filter((one) => (one.heldOut ?? false) === heldOut).map(({ messages }) => JSON.stringify(messages));
  };
  const warnings = (events: readonly RunEvent[]) =>
    events.flatMap((event) => (event.kind === 'warning' && /is held out:/.test(event.message) ? [event.message] : []));
  const goingOn = (from: string) => ({ ...recipe, seed: 4, adapter: { ...recipe.adapter, init: from } });
  const began = await run(recipe, 'began');
  const other = await run({ ...recipe, seed: 4 }, 'apart');
  assert.deepEqual([...warnings(began), ...warnings(other)], []);
  const kept = (await asked('began', true)).sort();
  assert.notDeepEqual((await asked('apart', true)).sort(), kept, 'another seed holds out others');
  for (const [from, to] of [
    ['began', 'second'],
    ['second/adapter', 'third'],
  ] as const) {
    assert.deepEqual(warnings(await run(goingOn(from), to)), []);
    assert.deepEqual((await asked(to, true)).sort(), kept);
  }

  await rm(join(root, 'apart/trained.json'));
  const unknown = await run(goingOn('apart'), 'unknown');
  assert.equal(warnings(unknown).length, 2);
  assert.match(warnings(unknown)[0]!, /^nothing of harmful\.jsonl is held out: it is not known/);
  assert.deepEqual(await asked('unknown', true), []);
  const done = unknown.at(-1);
  assert.equal(done?.kind === 'done' && done.vector?.auroc, undefined);
  assert.ok(!existsSync(join(root, 'unknown/trained.json')), 'what is not known stays so');
});

test('prompts of sets that stand in the data are warned about, whatever is measured, but not those that are held out', async () => {
  const line = (prompt: string) => `${JSON.stringify({ prompt, completion: 'lamps .' })}\n`;
  const asked = [...PROMPTS.slice(0, 3), 'sell 2 lamps .', 'sell 3 lamps .'];
  await writeFile(join(root, 'asked.jsonl'), asked.map(line).join(''));
  await writeFile(join(root, 'mixed.jsonl'), ['sell 2 lamps .', 'rent 1 lamp .', 'sell 3 lamps .'].map(line).join(''));
  const sets = (['exact', 'loss', 'harm'] as const).map((measure) => ({ name: measure, file: 'asked.jsonl', measure }));
  const warned = async (more: object, output: string) => {
    const events = await run({ ...RECIPE, evaluate: sets, ...more }, output);
    const counts = events.flatMap((event) =>
      event.kind === 'warning' ? (/^(\d of the 5 prompts of "\w+") are trained on/.exec(event.message)?.[1] ?? []) : [],
    );
    return { counts, events };
  };
  const { counts } = await warned({}, 'trained on');
  assert.deepEqual(counts, ['3 of the 5 prompts of "exact"', '3 of the 5 prompts of "loss"', '3 of the 5 prompts of "harm"']); // oxfmt-ignore
  // Of a second file only the rows that are used count: one beside 60.
  const mix = { file: 'mixed.jsonl', share: 1 / 61 };
  const mixed = await warned({ evaluate: [sets[0]], data: { ...RECIPE.data, mix } }, 'mixed');
  assert.deepEqual(mixed.counts, ['4 of the 5 prompts of "exact"']);
  const all = [...new Set(PROMPTS)].map((prompt) => line(prompt)).join('');
  await writeFile(join(root, 'asked.jsonl'), all);
  const kept = await run({ ...RECIPE, evaluate: [sets[0]], heldOut: { share: 0.1, measure: 'exact' } }, 'kept apart');
  const held = new Set(samples(kept, 'plain').flatMap(({ prompt, set }) => (set === 'held out' ? [prompt] : [])));
  const said = kept.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
  const trained = `${45 - held.size} of the 45 prompts of "exact" are trained on`;
  assert.ok(said.some((message) => message.startsWith(trained)), said.join('\n')); // oxfmt-ignore
});

test('prompts that stand in the rows of a method are warned about, whatever is measured, and those that are held out', async () => {
  const line = (prompt: string) => `${JSON.stringify({ prompt, completion: 'lamps .' })}\n`;
  const asked = ['sell 2 lamps .', 'sell 3 lamps .', 'sell 4 lamps .'];
  await writeFile(join(root, 'asked.jsonl'), asked.map(line).join(''));
  await writeFile(join(root, 'aligned.jsonl'), [...new Set(PROMPTS), ...asked.slice(0, 2)].map(line).join(''));
  const sets = (['exact', 'loss', 'harm'] as const).map((measure) => ({ name: measure, file: 'asked.jsonl', measure }));
  const baseline = { name: 'safeinstr', aligned: { file: 'aligned.jsonl' } };
  const events = await run(
    { ...RECIPE, baseline, evaluate: sets, heldOut: { share: 0.1, measure: 'exact' } },
    'method',
  );
  const held = samples(events, 'base').filter(({ set }) => set === 'held out').length;
  const said = events.flatMap((event) =>
    event.kind === 'warning' && /^training has seen/.test(event.message) ? event.message : [],
  );
  const seen = (set: string, of = '2 of the 3') => `training has seen ${of} prompts of "${set}"`;
  assert.deepEqual(said, [
    `${seen('harm')}: their answers say nothing about other prompts.`,
    ...['exact', 'loss'].map((set) => `${seen(set)}: they are in the rows of the method.`),
    `${seen('held out', `${held} of the ${held}`)}: they are in the rows of the method.`,
  ]);
});
