import { writeCleaned } from '../../runtime/data/cleaned.js';
import { rowHash } from '../../runtime/data/rowHash.js';
import { readRows } from '../../runtime/data/rows.js';

type Options = Omit<Parameters<typeof writeCleaned>[0], 'hashes'>;

/** The hashes of the rows of a file that are to be kept or cut, as a scan of it has them. */
export async function hashesOf({ data, keep, cut }: Pick<Options, 'data' | 'keep' | 'cut'>): Promise<string[]> {
  const hashes: string[] = [];
  for await (const raw of readRows(data, { allColumns: true }))
    if ([...keep, ...cut.map(([row]) => [row, row])].some(([from, to]) => from! <= raw.row && raw.row <= to!))
      hashes.push('value' in raw ? rowHash(raw.value) : '');
  return hashes;
}

/** Cleans a file as it was scanned. */
export const cleaned = async (options: Options): ReturnType<typeof writeCleaned> =>
  writeCleaned({ ...options, hashes: await hashesOf(options) });
