/** docs/accuracy.md against the tolerances that the tests hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { code, json, read, rows } from './pages.js';

test('the tolerances are those of the references', () => {
  const { tolerance } = json('test/fixtures/reference/llama/reference.json') as {
    tolerance: Record<string, { max_rel: number; rms_rel: number }>;
  };
  const listed = rows(read('docs/accuracy.md')).map(([group, max, rms]) => [
    code(group!)[0],
    { max_rel: Number(max), rms_rel: Number(rms) },
  ]);
  const { exact, ...groups } = tolerance;
  assert.deepEqual(exact, { max_rel: 0, rms_rel: 0 });
  assert.deepEqual(Object.fromEntries(listed), groups);
});

test('the bounds of the real model and of webgpu are those of their tests', () => {
  const text = read('docs/accuracy.md');
  const bounds = (file: string): Set<string> =>
    new Set([...read(file).matchAll(/< (\d+e-\d+)/g)].map((match) => match[1]!));
  const [smollm2] = /per token are within (\S+),/.exec(text)!.slice(1);
  assert.deepEqual(bounds('test/models/smollm2.test.ts'), new Set([smollm2]));
  const said = [/losses of the CPU within (\S+)\. /, /reference model gives them within (\S+);/].map(
    (pattern) => pattern.exec(text)![1]!,
  );
  for (const bound of said) assert.ok(bounds('test/device/webgpu.test.ts').has(bound), bound);
});
