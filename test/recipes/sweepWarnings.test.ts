/** What its points are warned of stands in the sweep: said once, in the table and in the report. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PLAIN } from '../kills/workspace.js';
import { runSweep as run, sweepsFolder, type RanSweep, type Sweeps } from '../support/sweeps.js';

let at: Sweeps;
let recipe: string;
before(async () => {
  at = await sweepsFolder();
  const seen = [{ name: 'seen 1', file: 'train.jsonl', measure: 'loss' }];
  await at.write('seen', { ...PLAIN, steps: 2, evaluate: [...seen, PLAIN.evaluate[0]] });
  const over = { seed: [1, 2] };
  recipe = await at.write('warned', { kind: 'sweep', base: 'seen.json', over, output: 'sweeps/warned' });
});
after(() => at.remove());

const SEEN = /^10 of the 10 prompts of "seen 1" are trained on/;
const seenIn = ({ events }: RanSweep): { place?: string; before: number }[] =>
  events.flatMap((event, i) =>
    event.kind === 'warning' && SEEN.test(event.message)
      ? [{ place: event.place, before: events.slice(0, i).filter(({ kind }) => kind === 'point').length }]
      : [],
  );

test('what points are warned of is said once, when the first of them is', async () => {
  assert.deepEqual(seenIn(await run(recipe)), [{ place: 'seed 1 → evaluate', before: 0 }]);
  const { points } = await at.table('warned');
  for (const { warnings = [] } of points)
    assert.deepEqual(
      warnings.filter(({ message }) => SEEN.test(message)).map(({ place, set }) => [place, set]),
      [['evaluate', 'seen 1']],
    );
  const report = await readFile(join(at.root, 'sweeps/warned/report.html'), 'utf8');
  assert.match(
    report,
    /at 2 of 2 points \(seed 1 → evaluate\): 10 of the 10 prompts of &quot;seen 1&quot; are trained on/,
  );
  assert.match(report, /<th scope="col">seen 1 · loss ⚠/);
});

test('resumed, the sweep says it of the points that were done before', async () => {
  assert.deepEqual(seenIn(await run(recipe, { resume: true })), [{ place: 'seed 1 → evaluate', before: 0 }]);
});
