import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { requireWritable } from '../../runtime/support/writable.js';

const home = process.cwd();
const dir = mkdtempSync(join(tmpdir(), 'writable-'));
process.chdir(dir);
after(() => {
  process.chdir(home);
  rmSync(dir, { recursive: true });
});

it('a place is tried and left as it was, named from the root or from the folder that one is in', async () => {
  for (const file of ['a/safety.xml', 'a/b/safety.xml', join(dir, 'c/d/safety.xml'), 'safety.xml']) {
    await requireWritable(file);
    assert.deepEqual(readdirSync(dir), [], file);
  }
  writeFileSync('there', 'kept');
  await requireWritable('there');
  await assert.rejects(requireWritable('there/below.xml'));
  await assert.rejects(requireWritable('.'), /this is a folder/);
  assert.deepEqual(readdirSync(dir), ['there']);
});
