/** The way from a run folder to its files, which stays when a workspace is moved. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRooted, wayTo } from '../../runtime/contract/moved.js';

test('the way leads up to what both share and down from there, whichever system wrote the paths', () => {
  assert.equal(wayTo('/w/vectors/v', '/w/recipes/v.json'), '../../recipes/v.json');
  assert.equal(wayTo('/w/recipes/v.json/../../vectors/v', '/w/recipes/v.json'), '../../recipes/v.json');
  assert.equal(wayTo('/w/v', '/w/v/adapter'), 'adapter');
  assert.equal(wayTo('/w/v', '/w/v'), '.');
  assert.equal(wayTo('/w/v', '/models/x'), '../../models/x');
  assert.equal(wayTo('C:\\w\\vectors\\v', 'c:/w/recipes/v.json'), '../../recipes/v.json');
  assert.equal(wayTo('\\\\host\\w\\v', '\\\\host\\w\\data.jsonl'), '../data.jsonl');
  assert.equal(wayTo('/w/a\\b', '/w/c'), '../c');
});

test('none leads to another drive, another system, or what is no absolute path', () => {
  assert.equal(wayTo('C:\\w\\v', 'D:\\models\\x'), undefined);
  assert.equal(wayTo('/w/v', 'C:\\w\\x'), undefined);
  assert.equal(wayTo('/w/v', 'hub:owner/name'), undefined);
  assert.equal(wayTo('v', '/w/x'), undefined);
  assert.deepEqual(['/w', 'C:\\w', 'c:/w', '\\\\host\\w', 'w', '../w', 'hub:o/n'].map(isRooted), [
    ...[true, true, true, true],
    ...[false, false, false],
  ]);
});
