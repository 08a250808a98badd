/**
 * What ships of other people: named, licensed, without known vulnerabilities; and the package is the same bytes when it
 * is built again. VSIX names the package; `npm test` makes it.
 */
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { build, type BuildOptions } from 'esbuild';
import assert from 'node:assert/strict';
import { execFile, type ExecFileException } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { readZip } from './support/zip.js';

/** Free licences that ask for no more than their notice. Of any other, first find out what it asks for. */
const ALLOWED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

interface Component {
  purl: string;
  hashes: { alg: string; content: string }[];
  licenses: { license?: { id: string }; expression?: string }[];
}
interface Lock {
  packages: Record<string, { version: string; integrity?: string; dev?: boolean }>;
}

const root = path.resolve(import.meta.dirname, '..');
const vsix = process.env.VSIX ?? '';
let entries: Map<string, () => Buffer>;
let components: Component[];

const text = (file: string): string => entries.get(`extension/${file}`)!().toString();
const purl = (name: string, version: string): string => `pkg:npm/${name.replace('@', '%40')}@${version}`;
const licence = ({ licenses: [first] }: Component): string => first!.license?.id ?? first!.expression!;

before(async () => {
  assert.ok(vsix, 'VSIX is not set: node build.mjs --package --out FILE');
  entries = await readZip(vsix);
  ({ components } = JSON.parse(text('dist/sbom.cdx.json')) as { components: Component[] });
});

test('the bill of materials is valid CycloneDX 1.6', async () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  assert.equal(await validator.validate(text('dist/sbom.cdx.json')), null);
});

/** Folders of the packages of which the bundles have code: esbuild writes each file's path before its code. */
async function bundledFolders(): Promise<Set<string>> {
  const options: BuildOptions = { bundle: true, write: false, outdir: 'out', absWorkingDir: root, logLevel: 'error' };
  const node: BuildOptions = { ...options, platform: 'node', format: 'esm', mainFields: ['module', 'main'] };
  const programs = ['extension/start.ts', 'runtime/main.ts', 'runtime/cli.ts'];
  const built = await Promise.all([
    build({ ...node, entryPoints: programs, external: ['vscode', 'onnxruntime-node'] }),
    build({
      ...options,
      entryPoints: ['webview/run/main.ts', 'webview/chat/main.ts', 'webview/triage/main.ts', 'webview/style.css'],
    }),
  ]);
  const code = built.flatMap(({ outputFiles }) => outputFiles!.map((file) => file.text)).join('\n');
  return new Set(
    [...code.matchAll(/^ *(?:\/\/|\/\*) (node_modules\/.*\/)[^/]+$/gm)].map(([, file]) => packageOf(file!)),
  );
}
const packageOf = (file: string): string => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)![0];

test('the bill of materials names the packages that ship and no others, as the lock file has them', async () => {
  const { packages } = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as Lock;
  const packed = [...entries.keys()].flatMap((file) => /^extension\/(node_modules\/.+)/.exec(file)?.[1] ?? []);
  const folders = [...(await bundledFolders()), ...packed.map(packageOf)];
  const shipped = [...new Set(folders)].map((folder) => {
    const { version, integrity, dev } = packages[folder]!;
    assert.ok(!dev, `${folder} ships, so it belongs to "dependencies": npm audit looks there`);
    const hash = Buffer.from(integrity!.replace('sha512-', ''), 'base64').toString('hex');
    return `${purl(folder.split('node_modules/').at(-1)!, version)} ${hash}`;
  });
  const named = components.map((each) => `${each.purl} ${each.hashes[0]!.content}`);
  assert.deepEqual(named.sort(), shipped.sort());
});

test('every package that ships has a licence that is allowed', () => {
  for (const each of components)
    for (const id of licence(each).match(/[^()\s]+/g)!)
      assert.ok(id === 'AND' || ALLOWED.includes(id), `${each.purl}: ${licence(each)}`);
});

test('every package that ships has its licence text in the notices', () => {
  const notices = text('dist/NOTICES.txt').split(`\n\n${'-'.repeat(80)}\n\n`);
  const named = notices.map((notice) => {
    const [, name, version, id] = /^(\S+) (\S+): (.+)\n/.exec(notice)!;
    assert.match(notice, /copyright/i, name);
    assert.match(notice, /permission (is hereby granted|to use)|Apache License/i, name);
    return `${purl(name!, version!)} ${id}`;
  });
  assert.deepEqual(named.sort(), components.map((each) => `${each.purl} ${licence(each)}`).sort());
});

test('the notices of what onnxruntime contains are those of the version that ships', () => {
  const { version } = JSON.parse(text('node_modules/onnxruntime-node/package.json')) as { version: string };
  assert.ok(text('dist/NOTICES.txt').includes(`onnxruntime ${version}: the licence of onnxruntime, then the notices`));
});

test('no dependency has a known vulnerability of high severity or above', async (t) => {
  const args = ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=20000'];
  const npm = promisify(execFile)('npm', args, { cwd: root, shell: process.platform === 'win32' });
  // It ends with 1 when there is anything to report.
  const { stdout } = await npm.catch((error: ExecFileException) => ({ stdout: error.stdout ?? error.message }));
  const report = JSON.parse(/^\{[^]*\}$/m.exec(stdout)?.[0] ?? '{}') as {
    message?: string;
    vulnerabilities?: Record<string, { severity: string }>;
  };
  if (!report.vulnerabilities) return t.skip(`NOT CHECKED: ${report.message ?? stdout}`);
  const found = Object.entries(report.vulnerabilities).filter(([, { severity }]) => /high|critical/.test(severity));
  assert.deepEqual(found, []);
});

const OTHERWISE = 'built again in another folder, under another umask, language and time zone, the package is the same';
test(OTHERWISE, { skip: process.platform === 'win32' && 'there is no umask' }, async () => {
  const folder = await mkdtemp(path.join(root, 'out/again-')); // on the same disk: packages are linked, not copied
  try {
    for (const name of await readdir(root))
      if (!['.git', 'node_modules', 'dist', 'out', 'test'].includes(name))
        await cp(path.join(root, name), path.join(folder, name), { recursive: true });
    const link = process.platform === 'linux' ? '-al' : '-R';
    await promisify(execFile)('cp', [link, path.join(root, 'node_modules'), folder]);
    await chmod(path.join(folder, 'README.md'), 0o600);
    await chmod(path.join(folder, 'LICENSE'), 0o755);
    const out = path.join(folder, 'again.vsix');
    const build = [path.join(folder, 'build.mjs'), '--package', '--out', out];
    const env = { ...process.env, TZ: 'Pacific/Auckland', LC_ALL: 'cs_CZ.UTF-8' };
    const command = ['-c', 'umask 077 && exec "$@"', 'sh', process.execPath, ...build];
    await promisify(execFile)('sh', command, { cwd: '/', env });
    const again = await readZip(out);
    const differing = [...again].filter(([name, read]) => !entries.get(name)?.().equals(read())).map(([name]) => name);
    assert.deepEqual(differing, []);
    const sha256 = async (file: string) =>
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex');
    assert.equal(await sha256(out), await sha256(vsix));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
