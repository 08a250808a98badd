/** docs/protection.md is what its generator writes from the kept results, and nothing else. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { read, ROOT } from './pages.js';

test('every figure of the page is one of the kept results', () => {
  const results = join(ROOT, 'test/protection/results');
  const script = join(ROOT, 'test/protection/report.mjs');
  const page = execFileSync(process.execPath, [script, results, results, '--print'], { encoding: 'utf8' });
  assert.equal(read('docs/protection.md'), page);
});
