/** Data files that no editor has as a text can be looked at all the same. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Reviews } from '../../extension/data/reviews.js';
import { Scans } from '../../extension/data/scans.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';
import type { Button } from '../../extension/host/notices.js';
import { keeping } from './fake/memory.js';
import { commands, fake, workspace, window } from './fake/vscode.js';
import { adapter, temporary, write } from './support.js';
import { scanResult } from '../support/scanResult.js';

const { dataLink, openData } = await import('../../extension/data/openData.js');
const { scan } = await import('../../extension/commands/scan.js');

test('a row of Data opens the file in the window; parquet is shown as rows', () => {
  assert.equal(dataLink('/w/big.jsonl').command, 'vscode.open');
  const [, at] = dataLink('/w/big.jsonl', 42).arguments as [unknown, { selection: { start: { line: number } } }];
  assert.equal(at.selection.start.line, 41);
  for (const line of [undefined, 42])
    assert.deepEqual(
      [dataLink('/w/rows.PARQUET', line).command, dataLink('/w/rows.PARQUET', line).arguments],
      ['securityVectors.previewData', [{ file: '/w/rows.PARQUET' }]],
    );
});

test('what a scan or a review opens takes no document of the extension', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'rows.parquet'), 'PAR1');
  const called: unknown[] = [];
  const before = { execute: commands.executeCommand, open: workspace.openTextDocument, show: window.showTextDocument };
  t.after(() => {
    commands.executeCommand = before.execute;
    workspace.openTextDocument = before.open;
    window.showTextDocument = before.show;
  });
  commands.executeCommand = async (name: string) => void called.push(name);
  workspace.openTextDocument = () => Promise.reject(new Error('this is binary'));
  window.showTextDocument = () => Promise.reject(new Error('this is binary'));
  fake.settings = new Map<string, unknown>([['scanFalseAlarms', 0.01], ['device', 'cpu']]); // oxfmt-ignore
  t.after(() => fake.settings.clear());
  await openData(data, 7);
  const buttons: Button[] = [];
  const model = { path: '/m', name: 'm', adapters: [adapter('v', { path: '/v/adapter', precision: 'int4' })] };
  const asked: Record<string, unknown>[] = [];
  const reviews = new Reviews();
  const services = {
    assertTrusted: () => undefined,
    engine: {
      request: async (_: string, params: Record<string, unknown>) => (
        asked.push(params),
        { ...scanResult(), columns: ['a'] }
      ),
    },
    mappings: { get: () => ({ text: 'a' }) },
    models: { list: () => [model] },
    notices: { info: (_: string, ...given: Button[]) => void buttons.push(...given) },
    recipes: { list: () => [] },
    reviews,
    scans: new Scans(() => [root]),
    workAtHand: new WorkAtHand(keeping()),
  };
  await scan(services as never, { file: data, model: '/m', vector: '/v' });
  const { precision, device } = asked.find((params) => 'vector' in params)!;
  assert.deepEqual([precision, device], ['int4', 'cpu'], 'as its run held the weights');
  assert.deepEqual(buttons.map(({ title }) => title), ['Open']); // oxfmt-ignore
  await reviews.decide(data, ['AAAAAAAAAAAAAAAA'], 'exclude');
  await scan(services as never, { file: data, model: '/m', vector: '/v' });
  assert.deepEqual(asked.filter((params) => 'vector' in params).map(({ reviewed }) => reviewed), [undefined, 'read']); // oxfmt-ignore
  await buttons[0]!.run();
  assert.deepEqual(called, ['securityVectors.previewData', 'securityVectors.previewData']);
});
