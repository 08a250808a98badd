/** A file that is written anew may have other columns than those that were chosen for it. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Counted } from '../../extension/data/files.js';
import { dataInspectors } from '../../extension/services/inspectors.js';
import type { Columns } from '../../runtime/contract/mapping.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { previewData } from '../../runtime/data/preview.js';
import { workspace } from './dataWizard.js';
import { recipe, write } from './support.js';

const OWN = 'Kunde,Wir\nbuy 3 lamps .,order : 3 lamps\n';
const KNOWN = 'prompt,completion\nbuy 3 lamps .,order : 3 lamps\n';
const COLUMNS = { prompt: 'Kunde', completion: 'Wir' };

test('columns that a file has no more are forgotten, and it is read by its own names; what a recipe says stays', async (t) => {
  const named = recipe({ data: { file: 'named.csv', columns: COLUMNS } });
  const files = { 'chosen.csv': OWN, 'named.csv': OWN, 'r.json': JSON.stringify(named) };
  const { services, at } = await workspace(t, files);
  const request = async (name: string, { path, ...options }: { path: string; columns?: Columns }): Promise<unknown> =>
    name === 'inspectData' ? inspectData(path, options) : previewData({ path, ...options });
  const none = { list: () => [] };
  const known = { ...services, engine: { request }, models: none, store: none };
  const { inspector } = dataInspectors(known as never);
  services.mappings.onDidChange((file) => inspector.changed(file));
  const changed = (file: string): Promise<void> =>
    new Promise((done) => inspector.onDidChange((each) => each === file && done()));
  /** What is known, once it is. */
  const counted = async (file: string): Promise<Counted> => {
    for (;;) {
      const next = changed(file);
      const found = inspector.get(file);
      if (found) return found;
      await next;
    }
  };
  const [chosen, said] = ['chosen.csv', 'named.csv'].map(at) as [string, string];
  await services.mappings.set(chosen, COLUMNS);
  for (const file of [chosen, said]) assert.ok('info' in (await counted(file)));
  for (const file of [chosen, said]) {
    await write(file, KNOWN);
    const next = changed(file);
    inspector.changed(file);
    await next;
  }
  assert.ok('info' in (await counted(chosen)));
  assert.equal(services.mappings.get(chosen), undefined);
  assert.match(JSON.stringify(await counted(said)), /there is no column .*Kunde/);
});

for (const [what, text] of Object.entries({
  'a row that is not right': OWN.replace('buy 3 lamps .', ''),
  'no rows': 'Kunde,Wir\n',
  nothing: '',
}))
  test(`columns that are there, or may come, stay chosen: of a file with ${what}`, async (t) => {
    const { services, at } = await workspace(t, { 'chosen.csv': text });
    const request = async (name: string, { path }: { path: string }): Promise<unknown> =>
      name === 'inspectData' ? Promise.reject(new Error('no')) : previewData({ path });
    const none = { list: () => [] };
    const { inspector } = dataInspectors({ ...services, engine: { request }, models: none, store: none } as never);
    await services.mappings.set(at('chosen.csv'), COLUMNS);
    const changed = new Promise((done) => inspector.onDidChange(done));
    inspector.get(at('chosen.csv'));
    await changed;
    assert.deepEqual(services.mappings.get(at('chosen.csv')), COLUMNS);
  });
