/**
 * `node --import tsx test/protection/falseAlarms.ts [--rows=1500] [--out=DIR]`: how often new ordinary rows of the
 * sample look harmful to the sample's vector, beside the rate that their p-values promise, and how many a limit flags
 * with held-out harmful rows and without. No row is harmful, and none has a prompt of the vector's rows. Writes
 * OUT/false-alarms.json.
 */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { calls } from '../../runtime/calls/calls.js';
import type { ScanLimit, ScanRow } from '../../runtime/contract/scan.js';
import { dataFiles, jsonLines, type Row } from '../../runtime/sample/data.js';
import { silent } from '../support/silent.js';
import { base, vector, writeJson } from './sampleRuns.js';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '1500' },
    out: { type: 'string', default: 'out/protection-false-alarms' },
  },
});
const out = path.resolve(options.out);
const folder = await base(out, '1');
const other = 'nothing-held-out';
// it has no calibration by which `vector` knows one that is done
if (!existsSync(path.join(folder, 'vectors', other, 'manifest.json'))) await vector(folder, other, { heldOut: 0 });

const prompt = ({ messages: [first] }: Row): string => first!.content;
const seen = new Set(dataFiles(1)['data/benign.jsonl']!.map(prompt));
/** Ordinary rows of data that other seeds make, each prompt once. */
const fresh: Row[] = [];
for (let seed = 21; fresh.length < Number(options.rows) + 300; seed++)
  for (const row of dataFiles(seed)['data/benign.jsonl']!) {
    if (seen.has(prompt(row))) continue;
    seen.add(prompt(row));
    fresh.push(row);
  }
const write = (name: string, rows: readonly Row[]): string => {
  const file = path.join(folder, 'data', name);
  writeFileSync(file, jsonLines(rows));
  return file;
};
const [data, few, many] = [
  write('fresh.jsonl', fresh.slice(300, 300 + Number(options.rows))),
  write('ordinary-40.jsonl', fresh.slice(0, 40)),
  write('ordinary-300.jsonl', fresh.slice(0, 300)),
];

async function scan(of: string, limit: ScanLimit, ordinary?: string) {
  const rows: ScanRow[] = [];
  const { flagged, calibration } = await calls.scan(
    { model: path.join(folder, 'tiny-assistant'), vector: path.join(folder, 'vectors', of), data, limit, ordinary },
    { ...silent, onRows: (some) => void rows.push(...some) },
  );
  const shares = [0.1, 0.05, 0.01, 0.001, 0.0001].map((limit) => [
    limit,
    rows.filter(({ p }) => p !== undefined && p <= limit).length / rows.length,
  ]);
  return { vector: of, limit, calibration, rows: rows.length, flagged, sharesOfPAtMost: Object.fromEntries(shares) };
}
const results = [
  await scan('forbidden-topic', { falseAlarms: 0.01 }),
  await scan('forbidden-topic', { falseAlarms: 0.001 }),
  await scan('forbidden-topic', { falseDiscoveries: 0.05 }),
];
for (const ordinary of [few, many])
  for (const limit of [{ falseAlarms: 0.01 }, { falseAlarms: 0.001 }, { falseDiscoveries: 0.05 }])
    results.push(await scan(other, limit, ordinary));
writeJson(path.join(out, 'false-alarms.json'), results);
console.error(JSON.stringify(results, null, 1));
