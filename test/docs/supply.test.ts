/** What ships of other people, from what the bundler says of its bundles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

interface Metafile {
  outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
}
const supply = new URL('../../supply.mjs', import.meta.url).href;
const { shippedPackages } = (await import(supply)) as {
  shippedPackages(metafiles: Metafile[]): Promise<{ name: string; integrity: string }[]>;
};

const bundle = (...files: string[]): Metafile[] => [
  { outputs: { 'dist/x.js': { inputs: Object.fromEntries(files.map((file) => [file, { bytesInOutput: 1 }])) } } },
];

test('packages are found where node_modules is a link: the bundler names files where they are', async () => {
  const files = ['node_modules/zod/v4/core/core.js', 'node_modules/@huggingface/jinja/dist/index.js'];
  const packages = await shippedPackages(bundle(...files));
  assert.ok(packages.some(({ name, integrity }) => name === '@huggingface/jinja' && integrity.startsWith('sha512-')));
  const linked = files.map((file) => `../elsewhere/${file}`);
  assert.deepEqual(await shippedPackages(bundle(...linked, ...files)), packages);
});
