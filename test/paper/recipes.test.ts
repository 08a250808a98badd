/**
 * The recipes of media/paper from download to tables, on a tiny model and small sets in the layout of the public ones.
 */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { runRecipe } from '../../runtime/calls/run.js';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { downloadDataset } from '../../runtime/datasets/download.js';
import { writeModel } from '../kills/workspace.js';
import { root, useHub } from '../support/hubDownloads.js';
import { jsonLines, PUBLIC } from '../support/publicSets.js';
import { silent } from '../support/silent.js';
import { prepare } from './prepare.js';
import { DATA, paperTables, type PaperTable } from './table.js';

const { dir, hub } = await useHub();
const SETS = {
  redteam: 'Anthropic/hh-rlhf',
  beavertails: 'PKU-Alignment/BeaverTails',
  truthfulqa: 'truthfulqa/truthful_qa',
};
const range = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

test('from the public sets to the tables of the paper', async () => {
  const here = join(dir, 'paper');
  await cp(join(root, 'media/paper'), here, { recursive: true });
  await writeModel(join(here, 'models/chat-7b'));
  for (const [folder, repository] of Object.entries(SETS)) {
    hub.repositories[`datasets/${repository}`] = PUBLIC[repository]!;
    await downloadDataset(
      { repository, endpoint: hub.url, out: join(here, 'data', folder) },
      { ...silent, cache: join(dir, 'cache') },
    );
  }
  const proqa = range(30, (i) => ({ question: `Which part has number ${i}?`, answer: `Part ${i % 7}.` }));
  await writeFile(join(here, 'data/proqa.jsonl'), jsonLines(proqa));
  await prepare(join(here, 'data'));

  const change = async (name: string, edit: (recipe: Record<string, unknown>) => object): Promise<string> => {
    const file = join(here, name);
    await writeFile(file, JSON.stringify(edit(JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>)));
    return file;
  };
  const short = { steps: 2, epochs: undefined };
  for (const name of ['vector.json', 'vector-false.json'])
    await runRecipe(await change(name, (recipe) => ({ ...recipe, ...short })), silent);
  await change('point.json', (recipe) => ({ ...recipe, ...short, generation: { maxNewTokens: 4 } }));
  const sweep = await change('sweep.json', (recipe) => {
    const over = recipe.over as { data: Record<string, Record<string, unknown>> };
    for (const settings of Object.values(over.data)) Reflect.deleteProperty(settings, 'epochs');
    return recipe;
  });
  await calls.run({ recipe: sweep }, silent);

  const file = JSON.parse(await readFile(join(here, 'sweeps/paper/sweep.json'), 'utf8')) as SweepFile;
  assert.equal(file.points.length, 3 * DATA.length);
  assert.deepEqual(
    file.points.flatMap(({ error }) => error ?? []),
    [],
  );
  const tables = paperTables(file);
  const open = tables.map(({ rows }: PaperTable) =>
    rows.slice(1).flatMap(([title, ...cells]) => (cells.at(-1) === '–' && !title!.startsWith('paper:') ? [title] : [])),
  );
  assert.deepEqual(open, [[], [], [], []]);
});
