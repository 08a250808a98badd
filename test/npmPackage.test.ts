/**
 * The command line as npm installs it: into an empty folder, away from the repository. TGZ names the package; `npm
 * test` makes it.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { commands } from '../runtime/commandLine/commands.js';

const tgz = process.env.TGZ ?? '';
let folder: string;
let installed: string;
const shell = process.platform === 'win32';

/** `npx security-vectors …` in the folder; --no-install: never one of the same name from the registry. */
async function run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)('npx', ['--no-install', 'security-vectors', ...args], { cwd: folder, shell });
}

before(async () => {
  assert.ok(tgz, 'TGZ is not set: node build.mjs --pack --out FILE');
  folder = await mkdtemp(path.join(tmpdir(), 'npm-'));
  await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n');
  // Without scripts: the one of onnxruntime-node downloads CUDA.
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', path.resolve(tgz)];
  await promisify(execFile)('npm', install, { cwd: folder, shell });
  installed = path.join(folder, 'node_modules/security-vectors');
});
after(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

test('it holds the command line, the sample, the pages and the licences, and nothing of VS Code', async () => {
  const files = (await readdir(installed, { recursive: true })).map((file) => file.replaceAll('\\', '/'));
  for (const file of [
    'package.json',
    'README.md',
    'LICENSE',
    'docs/command-line.md',
    'dist/cli.js',
    'dist/NOTICES.txt',
    'dist/job/train.py',
  ])
    assert.ok(files.includes(file), file);
  const left = files.filter((file) => /extension|webview|\.vsix|\.map$|\.ts$|package\.nls|licences/.test(file));
  assert.deepEqual(left, []);
  const manifest = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8')) as Record<string, object>;
  assert.deepEqual(Object.keys(manifest.dependencies!), ['onnxruntime-node']);
  assert.deepEqual(manifest.bin, { 'security-vectors': 'dist/cli.js' });
  assert.equal(manifest.scripts, undefined);
});

test('its bill of materials names what is in its programs', async () => {
  const bom = JSON.parse(await readFile(path.join(installed, 'dist/sbom.cdx.json'), 'utf8')) as {
    components: { name: string }[];
  };
  const names = bom.components.map(({ name }) => name);
  const programs = (await readdir(path.join(installed, 'dist'))).filter((file) => file.endsWith('.js'));
  assert.ok(programs.length > 3, 'what is not always needed has a file of its own');
  const code = (await Promise.all(programs.map((file) => readFile(path.join(installed, 'dist', file), 'utf8')))).join();
  const bundled = new Set([...code.matchAll(/^\/\/ node_modules\/(?:@[^/]+\/)?([^/]+)\//gm)].map((match) => match[1]!));
  assert.ok(bundled.size > 3, [...bundled].join());
  for (const name of bundled) assert.ok(names.includes(name), name);
  assert.ok(names.includes('onnxruntime-node') && !names.includes('chart.js'));
});

test('npx: help, doctor and completion', async () => {
  const help = await run('--help');
  for (const name of Object.keys(commands)) assert.ok(help.stdout.includes(`\n  ${name}`), name);
  const { stdout } = await run('doctor');
  assert.match(stdout, /^versions: +security-vectors \d/);
  assert.ok(!stdout.includes(folder));
  const script = (await run('completion', 'bash')).stdout;
  assert.equal(spawnSync('bash', ['-n'], { input: script }).status, 0);
});

test('npx: a recipe of the sample that trains two steps', async () => {
  const workspace = path.join(folder, 'workspace');
  await cp(path.join(installed, 'media/sample'), workspace, { recursive: true });
  const recipe = path.join(workspace, 'recipes/vector.json');
  const { epochs: _, ...rest } = JSON.parse(await readFile(recipe, 'utf8')) as Record<string, unknown>;
  await writeFile(recipe, JSON.stringify({ ...rest, steps: 2, evaluateEvery: 2 }));
  const { stdout } = await run('train', recipe, '--json');
  const last = JSON.parse(stdout.trim().split('\n').at(-1)!) as { kind: string; step: number; laws: object };
  assert.deepEqual([last.kind, last.step, last.laws], ['done', 2, { baseUnchanged: true }]);
  const manifest = await readFile(path.join(workspace, 'vectors/forbidden-topic/manifest.json'), 'utf8');
  assert.equal((JSON.parse(manifest) as { outcome: string }).outcome, 'finished');
});
