/**
 * scan.json of a run: a line with the numbers of the scan, then one for each row. Together they are one JSON text,
 * which of a large file is more than a string holds.
 */
import { open, readFile, type FileHandle } from 'node:fs/promises';
import type { ScanResult, ScanRow } from '../../contract/scan.js';
import { replaceFile } from '../../support/replaceFile.js';

const ROWS_AT_ONCE = 10_000;
const ROWS = ',"perRow":[';

export async function writeScan(file: string, { perRow, ...numbers }: ScanResult): Promise<void> {
  await replaceFile(file, async (handle) => {
    await handle.writeFile(`${JSON.stringify(numbers).replace(/}$/, ROWS)}\n`);
    for (let at = 0; at < perRow.length; at += ROWS_AT_ONCE) {
      const rows = perRow.slice(at, at + ROWS_AT_ONCE).map((row) => JSON.stringify(row));
      await handle.writeFile(`${at > 0 ? ',\n' : ''}${rows.join(',\n')}`);
    }
    await handle.writeFile('\n]}\n');
  });
}

/** Without `rows` none of them is read. */
export async function readScan(file: string, rows = true): Promise<ScanResult> {
  const handle = await open(file);
  try {
    return (await inLines(handle, rows)) ?? (JSON.parse(await readFile(file, 'utf8')) as ScanResult);
  } finally {
    await handle.close();
  }
}

/** Undefined for a file of an earlier version, which is one line. */
async function inLines(handle: FileHandle, rows: boolean): Promise<ScanResult | undefined> {
  let scan: ScanResult | undefined;
  const perRow: ScanRow[] = [];
  for await (const line of handle.readLines({ autoClose: false })) {
    if (!scan) {
      if (!line.endsWith(ROWS)) return undefined;
      scan = { ...(JSON.parse(`${line}]}`) as ScanResult), perRow };
      if (!rows) return scan;
    } else if (line.startsWith('{')) perRow.push(JSON.parse(line.replace(/,$/, '')) as ScanRow);
  }
  return scan;
}
