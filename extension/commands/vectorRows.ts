import { stat } from 'node:fs/promises';
import { COUNTED_BYTES } from '../data/files.js';
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
  const [wrong, ordinary] = (await ask.atFirst(JSON.stringify(files), async () => {
    const counts: Count[] = [];
    for (const [i, file] of files.entries())
      counts.push(await countOf(services, file, i === 0 ? HARMFUL_ROWS : ORDINARY_ROWS));
    return counts;
  })) as [Count, Count?];
  if (wrong.rows <= HARMFUL_ROWS && (ordinary?.rows ?? 0) <= ORDINARY_ROWS) return 'first';
  const { count } = numbers();
  const detail = async (rows: RowsChoice): Promise<string> => {
    const taken = ({ rows: all, most }: Count): string => count(rows === 'all' ? all : Math.min(all, most));
    const among = ({ rows: all, most, isWhole }: Count): string =>
      isWhole ? count(all) : t('more than {0}', count(most));
    const parts = [
      t('{0} of {1} harmful rows', taken(wrong), among(wrong)),
      ...(ordinary ? [t('{0} of {1} ordinary rows', taken(ordinary), among(ordinary))] : []),
    ].join(', ');
    const expected = await will(rows);
    return expected === undefined ? parts : `${parts}. ${t('The run: {0}', expected)}`;
  };
  const isKnown = wrong.isWhole && (ordinary?.isWhole ?? true);
  return ask.pick(t('Which rows does the vector learn from?'), [
    {
      label: t('The first rows'),
      description: t('all of one kind if the file is sorted by kind: shuffle it first'),
      detail: await detail('first'),
      value: 'first' as const,
    },
    {
      label: t('All rows'),
      detail: isKnown ? await detail('all') : t('if you choose this, large files are read to the end'),
      value: 'all' as const,
    },
  ]);
}

/** Rows of a file, of which a vector takes `most` unless it takes all; of a large file not to the end. */
interface Count {
  rows: number;
  most: number;
  isWhole: boolean;
}

async function countOf(
  { engine, inspector }: Pick<Services, 'engine' | 'inspector'>,
  { file, columns, format }: DataChoice,
  most: number,
): Promise<Count> {
  const known = inspector.get(file);
  if (known && 'info' in known) return { rows: known.info.rows, most, isWhole: true };
  const isLarge = (known && 'tooLarge' in known) || (await stat(file)).size > COUNTED_BYTES;
  const params = { path: file, ...(columns && { columns }), ...(format && { format }) };
  const { rows } = await withProgress(t('Reading the rows'), (onProgress, token) =>
    engine.request('inspectData', { ...params, ...(isLarge && { limit: most + 1 }) }, { token, onProgress }),
  );
  return { rows, most, isWhole: !isLarge || rows <= most };
}
