/** Verdict × sign: each run of the table on each surface that shows it, by the surface's own function. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { lastRunTitle } from '../../extension/codelens/titles.js';
import { notifyEnd as noticeOf } from '../../extension/endings.js';
import { readRun } from '../../extension/runs/folder.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { readingOf as hostReading, viewOf } from '../../extension/runs/reading.js';
import { runDescription, runIcon, runTooltip } from '../../extension/views/labels.js';
import { readingOf, runView } from '../../runtime/contract/runView.js';
import { verdictText } from '../../runtime/contract/sentences.js';
import { summary } from '../../runtime/contract/series.js';
import { signsOf } from '../../runtime/contract/signs.js';
import { runVerdict } from '../../runtime/contract/verdict.js';
import { reportEnd } from '../../runtime/commandLine/ending.js';
import { renderReport } from '../../runtime/evaluation/report/report.js';
import { EXIT } from '../../runtime/contract/errors.js';
import { recipeSchemas } from '../../runtime/contract/recipe.js';
import { lines, write } from '../extension/support.js';
import { ENDED, factsOf, resumed, resumedAndLeft, type RunRecord } from './runs.js';
import { temporary } from '../support/temporary.js';

const recipeOf = ({ manifest }: RunRecord) =>
  recipeSchemas[manifest.kind].parse({
    kind: manifest.kind,
    model: 'tiny',
    output: 'out',
    ...(manifest.kind === 'vector'
      ? { harmful: { file: 'h.jsonl' }, steps: 1 }
      : { evaluate: [{ name: 'forbidden topic', file: 'f.jsonl', measure: 'harm' }] }),
    ...(manifest.kind === 'finetune' && {
      data: { file: 'd.jsonl' },
      steps: 1,
      vectors: manifest.vectors.map(({ path }) => ({ adapter: path })),
    }),
  });

/** Every sign that there is, and none that the table does not give. */
const MARKS = ['✓', '✗', '⚠', '–'];

test('each verdict has the same sign in tree, lens, notice, report and exit code', async (t) => {
  const root = await temporary(t);
  for (const [name, record] of Object.entries({ ...ENDED, resumed, resumedAndLeft })) {
    const folder = join(root, name.replace(/\W+/g, '-'));
    await mkdir(folder);
    const recipe = recipeOf(record);
    await write(join(folder, 'manifest.json'), record.manifest);
    await write(join(folder, 'recipe.json'), recipe);
    await writeFile(join(folder, 'events.jsonl'), lines(record.events));
    const found = runVerdict(factsOf(record));
    const signs = signsOf(found);
    const run = (await readRun(folder))!;

    assert.deepEqual(hostReading(run).verdict, found, `${name}: the host's verdict`);
    const view = runView(readingOf({ ...record, recipe }));
    assert.deepEqual(viewOf(run), view, `${name}: what the trees and lenses draw`);
    const sent = snapshot(run, [run], { answers: false, report: false }, 0);
    assert.deepEqual(runView(structuredClone(sent)), view, `${name}: what the run page draws`);
    assert.deepEqual(runIcon(run), signs.icon, `${name}: icon in the tree`);
    const words = runDescription(run);
    const marked = MARKS.filter((mark) => words.includes(mark));
    const isShown = !['failed', 'stopped', 'interrupted', 'evaluated'].includes(found.kind);
    assert.deepEqual(marked, isShown ? [signs.mark] : [], `${name}: mark in the tree: ${words}`);
    assert.ok(
      !isShown || words.endsWith([view.mark, view.brief || '1 min'].join(' ')),
      `${name}: words in the tree: ${words}`,
    );
    assert.ok(lastRunTitle(run).endsWith(words), `${name}: lens`);
    if (isShown) assert.ok(runTooltip(run).includes(verdictText(found)), `${name}: tooltip`);

    const told: string[] = [];
    const note = (kind: string) => () => void told.push(kind);
    noticeOf(
      run,
      { isVisible: () => false, show: () => undefined, replace: () => undefined },
      { info: note('info'), warn: note('warn'), error: note('error') },
    );
    const loud = found.kind === 'failed' ? 'error' : ['bad', 'warning'].includes(signs.tone) ? 'warn' : 'info';
    // Of a run that its process left nobody tells.
    if (found.kind !== 'interrupted') assert.deepEqual(told, [loud], `${name}: notice`);

    const page = renderReport({ runs: [{ ...record, events: [...record.events], recipe }] });
    const line = /<p class="verdict (\w+)">/.exec(page)?.[1];
    assert.equal(line, found.kind === 'evaluated' ? undefined : signs.tone, `${name}: report`);

    const drawn = view.charts.filter(({ series }) => series.some((one) => summary(one).last));
    const texts = [
      ...drawn.flatMap(({ title, caption, series }) => [title, caption, ...series.map(({ label }) => label)]),
      ...view.table.columns.flatMap(({ title, subtitle, prompts, judge }) => [title, subtitle, prompts, judge]),
      ...view.table.rows.flatMap(({ state, cells }) => [state, ...cells.map(({ text }) => text)]),
      ...view.laws.map(({ text }) => text),
    ];
    const missing = texts.filter((text) => !page.includes(text));
    assert.deepEqual(missing, [], `${name}: what the report draws of the view`);

    if (record.manifest.done) {
      const said: string[] = [];
      const code = await reportEnd(
        { ...record.manifest.done, output: folder },
        { width: 100, log: (text) => said.push(text) },
      );
      assert.equal(code, EXIT[signs.exit], `${name}: exit code`);
      const isTold = isShown && found.kind !== 'stopped';
      assert.equal(
        said.some((text) => text === `${signs.mark} ${verdictText(found)}`),
        isTold,
        `${name}: ${said.join('\n')}`,
      );
    }
  }
});
