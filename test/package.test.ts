/**
 * The packed extension: what is in it, and that it runs away from the repository. VSIX names the file; `npm test` makes
 * it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Engine, RestartLimit } from '../extension/engine/engine.js';
import { links } from './docs/pages.js';
import { readZip, unzip } from './support/zip.js';

const MODEL = 'media/sample/tiny-assistant';
const target = `${process.platform}-${process.arch}`;
const vsix = process.env.VSIX ?? '';
let entries: Map<string, () => Buffer>;
let files: string[];
let folder: string;

before(async () => {
  assert.ok(vsix, 'VSIX is not set: node build.mjs --package --out FILE');
  entries = await readZip(vsix);
  files = [...entries.keys()].filter((name) => name.startsWith('extension/')).map((name) => name.slice(10));
  // Outside the repository: its node_modules would hide what is missing here.
  folder = await mkdtemp(path.join(tmpdir(), 'vsix-'));
  await unzip(entries, 'extension/', folder);
});
after(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

test('holds the bundles, the manifest and the sample', () => {
  const bundles = [
    'extension.cjs',
    'web.cjs',
    'engine.js',
    'cli.js',
    'classifier.js',
    'recipe.schema.json',
    ...['train.py', 'adapters.py', 'losses.py', 'messages.py', 'requirements.txt'].map((file) => `job/${file}`),
    'NOTICES.txt',
    'sbom.cdx.json',
  ];
  const pages = ['run.js', 'chat.js', 'training.js', 'style.css'].map((file) => `webview/${file}`);
  const wanted = [
    ...[...bundles, ...pages].map((file) => `dist/${file}`),
    ...['package.json', 'package.nls.json', 'l10n/bundle.l10n.json'],
    ...['de', 'fr'].flatMap((language) => [`package.nls.${language}.json`, `l10n/bundle.l10n.${language}.json`]),
    ...['readme.md', 'changelog.md', 'SECURITY.md', 'LICENSE.txt'],
    ...['config.json', 'tokenizer.json', 'model.safetensors'].map((file) => `${MODEL}/${file}`),
  ];
  assert.deepEqual(
    wanted.filter((file) => !files.includes(file)),
    [],
  );
});

test('packaging leaves dist/ as it is: what runs from there keeps its files', async () => {
  // Made before the packages, which have no source maps.
  for (const file of ['dist/cli.js', 'dist/cli.js.map', 'dist/engine.js.map']) await stat(file);
});

test('the links of README and docs lead to files that are in it', () => {
  // vsce gives these files other names.
  const renamed: Record<string, string> = {
    'README.md': 'readme.md',
    'CHANGELOG.md': 'changelog.md',
    LICENSE: 'LICENSE.txt',
  };
  const pages = [...files.filter((file) => file.startsWith('docs/')), 'readme.md'];
  assert.ok(pages.length > 8, pages.join());
  for (const page of pages)
    for (const link of links(entries.get(`extension/${page}`)!().toString())) {
      const target = path.posix.join(path.posix.dirname(page), link.split('#')[0]!);
      assert.ok(link.startsWith('#') || files.includes(renamed[target] ?? target), `${page}: ${link}`);
    }
});

test('holds nothing but what is meant to ship', () => {
  const allowed =
    /^(package(\.nls(\.\w+)?)?\.json|readme\.md|changelog\.md|SECURITY\.md|LICENSE\.txt|docs\/[\w-]+\.md|dist\/[\w./-]+|l10n\/[\w.-]+\.json|media\/[\w./-]+|node_modules\/onnxruntime-(node|common)\/.+)$/;
  const left = files.filter((file) => !allowed.test(file) || /\.(map|ts|mts|tsbuildinfo)$/.test(file));
  assert.deepEqual(left, []);
});

test('holds the binaries of one platform', () => {
  const platforms = new Set(
    files.flatMap((file) => /^node_modules\/onnxruntime-node\/bin\/napi-v\d+\/(\w+\/\w+)\//.exec(file)?.[1] ?? []),
  );
  assert.deepEqual([...platforms], [target.replace('-', '/')]);
  const manifest = entries.get('extension.vsixmanifest')!().toString();
  assert.match(manifest, new RegExp(`TargetPlatform="${target}"`));
});

test('is small enough to download', async (t) => {
  const { size } = await stat(vsix);
  t.diagnostic(`${(size / 1e6).toFixed(1)} MB`);
  console.log(`${path.basename(vsix)}: ${(size / 1e6).toFixed(1)} MB, ${files.length} files`);
  assert.ok(size > 5e6 && size < 45e6, `${size} bytes`);
});

test('the unpacked engine starts as a child and inspects the sample model', async () => {
  const log: string[] = [];
  const engine = new Engine({
    environment: () => ({}),
    entry: path.join(folder, 'dist/engine.js'),
    log: (level, message) => void log.push(`${level}: ${message}`),
    idleMs: 60_000,
    restarts: new RestartLimit(),
  });
  try {
    const model = await engine.request('inspect', { path: path.join(folder, MODEL) });
    assert.equal(model.supported, true, model.reason ?? '');
    assert.equal(model.tokenizer, true);
    assert.ok(model.parameters! > 100_000 && model.parameters! < 3_000_000, `${model.parameters} parameters`);
  } catch (error) {
    throw new Error(log.join('\n'), { cause: error });
  } finally {
    engine.dispose();
  }
});

test('the unpacked command line generates with the sample model', async () => {
  const args = ['dist/cli.js', 'generate', '--model', MODEL, '--prompt', 'hello', '--max-new-tokens', '4', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
  const answer = JSON.parse(stdout.trim().split('\n').at(-1)!) as { text: string; ids: number[] };
  assert.equal(typeof answer.text, 'string');
  assert.ok(answer.ids.length >= 1 && answer.ids.length <= 4, `${answer.ids.length} ids`);
});
