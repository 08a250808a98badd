import { stat } from 'node:fs/promises';

/** A file that was changed so short a time ago may be changed again with the same time, milliseconds. */
const RECENT = 2000;

/** The same as long as the size and the times of these files are; undefined where one of them was changed only now. @throws where one is not there */
export async function fileStamp(files: readonly string[]): Promise<string | undefined> {
  const all = await Promise.all(files.map(async (file) => ({ file, ...(await stat(file, { bigint: true })) })));
  if (all.some(({ mtimeMs }) => Date.now() - Number(mtimeMs) < RECENT)) return undefined;
  return JSON.stringify(all.map(({ file, size, mtimeNs, ctimeNs }) => [file, size, mtimeNs, ctimeNs].map(String)));
}
