/**
 * Runs that an earlier version has finished are judged and labelled as what they are, though their recipe would be read
 * otherwise now.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { manifestOf, samplesOf, writeKeptRun } from '../support/keptRun.js';
import { silent } from '../support/silent.js';

const ROWS = 4;
const PHRASES = ['sure'];

let root: string;
let run: string;
let made = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'judge-earlier-'));
});
beforeEach(() => {
  run = join(root, String(made++));
});
after(() => rm(root, { recursive: true }));

const FINETUNE = {
  ...{ kind: 'finetune', data: { file: 'topic.jsonl' }, epochs: 1 },
  optimizer: { learningRate: 1e-5 },
};
const TOPIC = { name: 'topic', file: 'topic.jsonl', measure: 'harm' };

/** As the earlier version had written it. */
async function rewriteRecipe(change: object): Promise<void> {
  const file = join(run, 'recipe.json');
  const recipe = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...recipe, ...change }));
}

/** Labels the first answer. */
async function label(): Promise<void> {
  const [{ state, set, row, prompt, answer }] = await samplesOf(run);
  const said = { state, set, row, prompt, answer, label: 'complied' as const };
  assert.equal((await calls.judge({ run, labels: [said] }, silent)).labelled, 1);
  assert.equal((await samplesOf(run))[0].label, 'complied');
}

test('phrases that no measure looked for, and an adapter that full fine-tuning did not start from, stand in no way', async () => {
  const other = (measure: string) => ({ name: measure, file: 'other.jsonl', measure, phrases: PHRASES });
  for (const [recipe, change] of [
    [{}, { evaluate: [TOPIC, other('exact'), other('loss')] }],
    [FINETUNE, { heldOut: { share: 0.1, measure: 'loss', phrases: PHRASES } }],
    [FINETUNE, { heldOut: { share: 0.1, measure: 'exact', phrases: PHRASES } }],
    [FINETUNE, { method: 'full', adapter: { init: 'before' } }],
  ] as const) {
    run = join(root, String(made++));
    await writeKeptRun(run, ROWS, { recipe });
    await rewriteRecipe(change);
    await label();
    const { measurements } = (await manifestOf(run)).done!;
    assert.ok(measurements.every(({ judge }) => judge === 'refusal-phrases'));
  }
});

test('an over-refusal set keeps what the published phrases have said of it, whatever phrases it has', async () => {
  const set = { ...TOPIC, measure: 'over-refusal' };
  const said = (judge: string): object => ({ state: 'base', name: 'topic', measure: 'over-refusal', value: 1, count: ROWS, judge }); // oxfmt-ignore
  for (const [judges, asked] of [
    [['refusal-phrases'], ['refusal-phrases']],
    [
      [{ classifier: 'c', refused: 'r' }, 'refusal-phrases'],
      ['c', 'refusal-phrases'],
    ],
    [['refusal-phrases'], ['phrases']],
  ] as const) {
    run = join(root, String(made++));
    await writeKeptRun(run, ROWS, {
      states: ['base'],
      recipe: { evaluate: [{ ...set, phrases: PHRASES }], judges },
    });
    const manifest = await manifestOf(run);
    const done = { ...manifest.done, measurements: asked.map(said) };
    await writeFile(join(run, 'manifest.json'), JSON.stringify({ ...manifest, done }));
    const [first, second] = asked;
    const samples = (await samplesOf(run)).map((sample) => ({
      ...sample,
      ...(second !== undefined && { judge: first, verdicts: { [second]: 'refused' } }),
    }));
    await writeFile(join(run, 'answers.jsonl'), samples.map((one) => `${JSON.stringify(one)}\n`).join(''));
    await label();
    const { measurements } = (await manifestOf(run)).done!;
    assert.deepEqual(
      measurements.map(({ judge, value, labelled }) => [judge, value, labelled]),
      asked.map((judge) => [judge, 1 - 1 / ROWS, 1]),
    );
    const [, other] = await samplesOf(run);
    assert.deepEqual(
      [other.verdict, other.verdicts],
      ['refused', second === undefined ? undefined : { [second]: 'refused' }],
    );
  }
});

test('what never was a recipe is refused as before', async () => {
  await writeKeptRun(run, ROWS);
  await rewriteRecipe({ evaluate: [{ ...TOPIC, phrases: [] }] });
  await assert.rejects(calls.judge({ run }, silent), /this list is empty/);
});
