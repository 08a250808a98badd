/** Commands on the rows of a data file. */
import { resolve } from 'node:path';
import { calls } from '../calls/calls.js';
import { cleaningOf } from '../contract/cleaning.js';
import type { RowText } from '../contract/dataInfo.js';
import { EXIT } from '../contract/errors.js';
import type { ReadAs } from '../contract/mapping.js';
import type { ScanRow } from '../contract/scan.js';
import {
  cleanedText,
  extrapolatedBelow,
  flaggedText,
  listedRows,
  relatedText,
  scanText,
} from '../contract/scanText.js';
import { checkCleaned } from '../data/cleaned.js';
import { readReview } from '../data/readReview.js';
import { adapterPath, computing, type Given, readAs, reference, required, scanLimit, wrong } from './given.js';

/** Characters that are read of a row to tell what it asks, behind system messages too. */
const ASKED = 100_000;

export async function scan({ values, out, reporter }: Given): Promise<number> {
  const data = resolve(required(values, 'data'));
  const read = readAs(values);
  const clean = values.clean === undefined ? undefined : resolve(values.clean);
  const ordinary = values.ordinary && resolve(values.ordinary);
  if (clean !== undefined) await checkCleaned({ data, ordinary, out: clean, force: values.force });
  else if (values.force === true) throw wrong('--force is of use only with --clean.');
  for (const name of ['reviewed', 'keep-unscanned'] as const)
    if (clean === undefined && values[name] === true) throw wrong(`--${name} is of use only with --clean.`);
  const decisions = values.reviewed === true ? (await readReview(data, 'leave out --reviewed')).decisions : undefined;
  const perRow: ScanRow[] = [];
  const result = await calls.scan(
    {
      model: resolve(required(values, 'model')),
      vector: adapterPath(required(values, 'vector')),
      data,
      ...read,
      limit: scanLimit(values),
      ordinary,
      ...(decisions && { reviewed: 'leave' as const }),
      ...computing(values),
    },
    { ...reporter, onRows: (rows) => void perRow.push(...rows) },
  );
  for (const row of perRow) out.line(row);
  out.line({ ...result, extrapolatedBelow: extrapolatedBelow(result) });
  out.log(scanText(result));
  const texts = await listedTexts(perRow, { data, ...read }, reporter);
  for (const line of flaggedText(perRow, result, texts)) out.log(`  ${line}`);
  if (clean === undefined) return EXIT.done;
  const unscanned = values['keep-unscanned'] === true ? 'keep' : 'leave';
  const cleaning = cleaningOf(perRow, decisions, { unscanned });
  const cleaned = await calls.clean({ data, ...read, out: clean, force: values.force, ...cleaning }, reporter);
  out.line(cleaned);
  out.log(cleanedText(cleaned.path, cleaned));
  const related = relatedText(perRow, decisions);
  if (related !== undefined) out.log(related);
  if (cleaned.unscanned?.stayed === false) out.log('--keep-unscanned keeps what was not scanned.');
  out.log(cleaned.changes);
  return EXIT.done;
}

/** None where the file is away by now: the scan is done. */
async function listedTexts(
  rows: readonly ScanRow[],
  source: { data: string } & ReadAs,
  reporter: Given['reporter'],
): Promise<RowText[]> {
  const hashes = listedRows(rows).flatMap(({ hash }) => hash ?? []);
  if (hashes.length === 0) return [];
  return calls.rowTexts({ ...source, hashes, most: ASKED }, reporter).catch(() => []);
}

export async function score({ values, out, reporter }: Given): Promise<number> {
  for (const row of await calls.score(
    {
      ...reference(values),
      data: resolve(required(values, 'data')),
      ...readAs(values),
      ...computing(values),
    },
    reporter,
  )) {
    out.line(row);
    out.print(JSON.stringify(row));
  }
  return EXIT.done;
}
