/** What pages and the part for browsers are made of: who sends them something checks what they answer. */
import assert from 'node:assert/strict';
import { build } from 'esbuild';
import path from 'node:path';
import { test } from 'node:test';

test('neither a page nor the part for browsers carries schemas', async () => {
  const pages = ['run', 'chat', 'training', 'triage', 'compare'].map((page) => `webview/${page}/main.ts`);
  const { metafile } = await build({
    absWorkingDir: path.resolve(import.meta.dirname, '../..'),
    entryPoints: [...pages, 'extension/web.ts'],
    bundle: true,
    platform: 'browser',
    format: 'cjs',
    external: ['vscode'],
    metafile: true,
    write: false,
    outdir: 'out',
  });
  for (const { entryPoint, inputs } of Object.values(metafile.outputs))
    assert.deepEqual(
      Object.keys(inputs).filter((file) => /node_modules\/zod\//.test(file) && inputs[file]!.bytesInOutput > 0),
      [],
      entryPoint,
    );
});
