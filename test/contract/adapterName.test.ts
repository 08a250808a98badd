/** What an adapter is called, by where it lies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adapterName } from '../../runtime/contract/adapterName.js';
import { hubFolder } from '../../runtime/contract/hubName.js';

test('an adapter has the name of its folder, or of the run whose result it is', () => {
  const names = ['/w/v', '/w/v/', '/w/v/adapter', 'C:\\w\\v\\adapter', '../v', 'v', 'adapter', '/adapters--x'];
  assert.deepEqual(names.map(adapterName), ['v', 'v', 'v', 'v', 'v', 'v', 'adapter', 'adapters--x']);
});

test('one from the Hub has its place there, as recipes write it, and not that of the cache', () => {
  assert.equal(adapterName('hub:me/v'), 'hub:me/v@main');
  for (const revision of ['main', 'refs/pr/1', 'a1b2']) {
    const folder = hubFolder({ repository: 'me/v.1', revision });
    const name = `hub:me/v.1@${revision}`;
    assert.deepEqual([`/cache/hub/${folder}`, `C:\\cache\\hub\\${folder}`, name].map(adapterName), [name, name, name]);
  }
});
