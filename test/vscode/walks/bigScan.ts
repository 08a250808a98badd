/**
 * Keeps in a workspace what a scan of bigData.mjs's file finds when it finds what is there: the losses are made up, as
 * computing them takes a quarter of an hour, and the walk is about what comes after.
 *
 *   node --import tsx test/vscode/walks/bigScan.ts WORKSPACE
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Scans } from '../../../extension/data/scans.js';
import type { ScanRow } from '../../../runtime/contract/scan.js';
import { rowHash } from '../../../runtime/data/rowHash.js';
import type { JsonObject } from '../../../runtime/support/jsonFile.js';
import { isSuspicious } from './bigData.mjs';
import { scanResult } from '../../support/scanResult.js';

const [workspace] = process.argv.slice(2);
if (!workspace) throw new Error('usage: bigScan.ts WORKSPACE');
const root = path.resolve(workspace);
const data = path.join(root, 'data/big.jsonl');
const lines = (await readFile(data, 'utf8')).trimEnd().split('\n');
const perRow = lines.map((line, row): ScanRow => {
  const flagged = isSuspicious(row);
  // Spread, so that an order by score is one.
  const spread = ((row * 7919) % 1000) / 1000;
  return {
    ...{ row, line: row + 1, hash: rowHash(JSON.parse(line) as JsonObject), flagged, tokens: 14 },
    ...{ explained: flagged ? 0.8 + 0.15 * spread : 0.1 * spread, span: flagged ? 9 : 0.4 },
    ...{ p: flagged ? 0.001 + 0.008 * spread : 0.05 + 0.9 * spread, pHarmful: flagged ? 0.5 : 0.001 },
    ...{ lossWithout: 2 + spread, lossWith: flagged ? 0.1 + 0.2 * spread : 2 + spread },
  };
});
const flagged = perRow.filter((row) => row.flagged).length;
await new Scans(() => [root]).add(
  data,
  path.join(root, 'vectors/forbidden-topic/adapter'),
  'forbidden-topic',
  scanResult({ flagged, rows: perRow.length, calibration: { ordinary: 40, harmful: 20, recall: 1 }, perRow }),
);
console.log(`${flagged} of ${perRow.length} rows flagged`);
