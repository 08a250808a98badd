import type { Services } from '../services/services.js';
import { withProgress } from '../host/messages.js';
import { numbers, t } from '../host/text.js';
import { HARMFUL_ROWS, ORDINARY_ROWS, type DataChoice, type RowsChoice, type VectorChoice } from './recipeFiles.js';
import type { Questions } from './wizard.js';

/**
 * Which rows a vector learns from. Nobody is asked where the files have no more than are taken.
 * @param will what a training on them will take
 */
export async function askRows(
  services: Pick<Services, 'engine' | 'inspector'>,
  ask: Questions,
  { harmful, benign }: Pick<VectorChoice, 'harmful' | 'benign'>,
  will: (rows: RowsChoice) => Promise<string | undefined>,
): Promise<RowsChoice> {
  const files = [harmful, ...(benign ? [benign] : [])];
  const [wrong = 0, ordinary] = await ask.atFirst(JSON.stringify(files), async () => {
    const counts: number[] = [];
    for (const file of files) counts.push(await countOf(services, file));
    return counts;
  });
  if (wrong <= HARMFUL_ROWS && (ordinary ?? 0) <= ORDINARY_ROWS) return 'first';
  const detail = async (rows: RowsChoice): Promise<string> => {
    const { count } = numbers();
    const taken = (all: number, most: number): string => count(rows === 'all' ? all : Math.min(all, most));
    const parts = [
      t('{0} of {1} harmful rows', taken(wrong, HARMFUL_ROWS), count(wrong)),
      ...(ordinary === undefined
        ? []
        : [t('{0} of {1} ordinary rows', taken(ordinary, ORDINARY_ROWS), count(ordinary))]),
    ].join(', ');
    const expected = await will(rows);
    return expected === undefined ? parts : `${parts}. ${t('The run: {0}', expected)}`;
  };
  return ask.pick(t('Which rows does the vector learn from?'), [
    {
      label: t('The first rows'),
      description: t('of a file that is sorted by kind they show one kind: shuffle it'),
      detail: await detail('first'),
      value: 'first' as const,
    },
    { label: t('All rows'), detail: await detail('all'), value: 'all' as const },
  ]);
}

async function countOf(
  { engine, inspector }: Pick<Services, 'engine' | 'inspector'>,
  { file, columns, format }: DataChoice,
): Promise<number> {
  const known = inspector.get(file);
  if (known && 'info' in known) return known.info.rows;
  const params = { path: file, ...(columns && { columns }), ...(format && { format }) };
  const { rows } = await withProgress(t('Reading the rows'), (onProgress, token) =>
    engine.request('inspectData', params, { token, onProgress }),
  );
  return rows;
}
