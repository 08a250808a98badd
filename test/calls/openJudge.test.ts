/**
 * A classifier that fails while it judges leaves its answers open: the run ends as it would, and is judged again later.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { calls } from '../../runtime/calls/calls.js';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import type { DoneEvent, Measurement, RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { isLeftOpen } from '../../runtime/contract/measures.js';
import { readingOf, runView } from '../../runtime/contract/runView.js';
import { readRun } from '../../runtime/evaluation/report/runReport.js';
import { makeClassifier } from '../evaluation/tinyClassifier.js';
import { silent } from '../support/silent.js';

const SAMPLE = fileURLToPath(new URL('../../media/sample', import.meta.url));
const OF = 24;

let folder: string;
const file = (...parts: string[]): string => join(folder, ...parts);
const classifier = (name: string, sorry: number): Promise<string> =>
  makeClassifier(file('judges', name), { tokenizer: file('tiny-assistant'), weights: { Sorry: sorry } });
const common = { model: '../tiny-assistant', steps: 1, threads: 1, device: 'cpu' };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'open-judge-'));
  await cp(SAMPLE, folder, { recursive: true });
  const vector = { ...common, kind: 'vector', harmful: { file: '../data/harmful.jsonl', limit: 20 }, heldOut: 0 };
  await writeFile(file('recipes/v.json'), JSON.stringify({ ...vector, output: '../vectors/v' }));
  await calls.run({ recipe: file('recipes/v.json') }, silent);
  await classifier('good', 1);
  await classifier('broken', NaN);
});
after(() => rm(folder, { recursive: true }));

interface Ran {
  done: DoneEvent;
  warnings: Extract<RunEvent, { kind: 'warning' }>[];
}

async function run(
  name: string,
  judges: unknown[],
  onEvent: (event: RunEvent) => void = () => undefined,
): Promise<Ran> {
  const recipe = {
    ...common,
    kind: 'finetune',
    data: { file: '../data/train.jsonl', limit: 40 },
    vectors: [{ adapter: '../vectors/v' }],
    evaluate: [{ name: 'topic', file: '../eval/forbidden.jsonl', measure: 'harm', limit: OF }],
    judges,
    generation: { maxNewTokens: 12 },
    output: `../adapters/${name}`,
  };
  await writeFile(file('recipes/p.json'), JSON.stringify(recipe));
  const warnings: Ran['warnings'] = [];
  const done = await calls.run(
    { recipe: file('recipes/p.json') },
    {
      ...silent,
      onEvent(event) {
        if (event.kind === 'warning') warnings.push(event);
        onEvent(event);
      },
    },
  );
  return { done, warnings };
}
const harm = (measurements: readonly Measurement[]): [string, string, number][] =>
  measurements
    .filter((m) => m.measure === 'harm' && !isLeftOpen(m))
    .map(({ state, judge, value }) => [state, judge, value]);
const samples = async (name: string): Promise<SampleEvent[]> =>
  (await readFile(file('adapters', name, 'answers.jsonl'), 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SampleEvent);
const verdict = async (name: string) => runView(readingOf(await readRun(file('adapters', name)))).verdict;

/** Who has left answers open, so that there is no verdict. */
const open = async (name: string): Promise<unknown> => {
  const found = await verdict(name);
  return 'cause' in found && found.cause === 'unmeasured' && [found.of.judge, found.of.now?.open];
};

test('the only judge: there is no verdict, it says why, and a mended one gives it', async () => {
  const { done, warnings } = await run('alone', [{ classifier: '../judges/broken', refused: 'REJECTION', name: 'c' }]);
  assert.equal(done.outcome, 'finished');
  assert.deepEqual(harm(done.measurements), []);
  const [warning] = warnings.filter(({ place }) => place === 'judges');
  assert.equal(
    warning?.message,
    `c has left ${OF} of ${OF} answers of "base" to "topic" open: the classifier gives logits that are not numbers.`,
  );
  assert.match(warning.remedy!, /evaluate --answers/);
  assert.deepEqual(await open('alone'), ['c', OF]);
  assert.ok((await samples('alone')).every((sample) => !('verdict' in sample)));
  assert.match(await readFile(file('adapters/alone/report.html'), 'utf8'), /not judged/);

  const mended = { classifier: file('judges/good'), refused: 'REJECTION', name: 'c' };
  const { measurements } = await calls.judge({ run: file('adapters/alone'), judges: [mended] }, silent);
  assert.deepEqual(harm(measurements), [['base', 'c', 0], ['protected', 'c', 0]]); // oxfmt-ignore
  assert.ok((await samples('alone')).every((sample) => sample.verdict === 'refused' && sample.judge === undefined));
  const { kind, ...why } = await verdict('alone');
  assert.ok(kind !== 'unknown' || ('cause' in why && why.cause !== 'notEvaluated'), kind);
});

test('the first of two: the other one is the main judge of what it leaves open', async () => {
  const broken = { classifier: '../judges/broken', refused: 'REJECTION', name: 'c' };
  const { done } = await run('first', [broken, 'refusal-phrases']);
  assert.deepEqual(harm(done.measurements), [['base', 'refusal-phrases', 0], ['protected', 'refusal-phrases', 0]]); // oxfmt-ignore
  assert.deepEqual(await open('first'), ['c', OF], 'nobody speaks for it');
  const [sample] = await samples('first');
  assert.deepEqual([sample!.verdict, sample!.judge, sample!.verdicts], ['refused', 'refusal-phrases', {}]);
  const mended = { classifier: file('judges/good'), refused: 'REJECTION', name: 'c' };
  await calls.judge({ run: file('adapters/first'), judges: [mended] }, silent);
  const [again] = await samples('first');
  assert.deepEqual([again!.verdict, again!.judge, again!.verdicts], ['refused', 'c', { 'refusal-phrases': 'refused' }]);
});

test('one that cannot be opened any more after training', async () => {
  await classifier('gone', 1);
  const gone = { classifier: '../judges/gone', refused: 'REJECTION', name: 'c' };
  const { done, warnings } = await run('gone', ['refusal-phrases', gone], ({ kind }) => {
    if (kind === 'step') rmSync(file('judges/gone'), { recursive: true, force: true });
  });
  assert.equal(done.outcome, 'finished');
  assert.deepEqual(
    harm(done.measurements).map(([state, judge]) => [state, judge]),
    [['base', 'refusal-phrases'], ['base', 'c'], ['protected', 'refusal-phrases']], // oxfmt-ignore
  );
  assert.match(
    warnings.at(-1)!.message,
    /^c has left 24 of 24 answers of "protected" to "topic" open: there is no folder/,
  );
  const { judges } = JSON.parse(await readFile(file('adapters/gone/manifest.json'), 'utf8')) as Manifest;
  assert.deepEqual(
    judges!.map(({ name, sha256 }) => [name, sha256?.length]),
    [['c', 64]],
  );
  await assert.rejects(run('never', ['refusal-phrases', gone]), /there is no folder/, 'before it begins');
});
