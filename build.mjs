/**
 * Bundles the programs into dist/, and makes the .vsix and the npm package of the command line.
 *
 *   node build.mjs                                       development build with source maps
 *   node build.mjs --watch                               the same, again after each change
 *   node build.mjs --production                          minified, without source maps
 *   node build.mjs --package [--target linux-x64] [--out FILE]    one .vsix for one platform
 *   node build.mjs --pack [--out FILE]                   the command line as a .tgz for npm, for every platform
 *
 * Both packages are built for production in out/package/: what runs from dist/ meanwhile keeps its files.
 */
import { build, context } from 'esbuild';
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { billOfMaterials, notices, shippedPackages } from './supply.mjs';

const root = path.dirname(fileURLToPath(import.meta.url));

/** Platforms that onnxruntime-node has binaries for, and where they are inside its package. */
const TARGETS = {
  'linux-x64': 'linux/x64',
  'linux-arm64': 'linux/arm64',
  'win32-x64': 'win32/x64',
  'win32-arm64': 'win32/arm64',
  'darwin-arm64': 'darwin/arm64',
};

const { values: options } = parseArgs({
  options: {
    watch: { type: 'boolean', default: false },
    production: { type: 'boolean', default: false },
    package: { type: 'boolean', default: false },
    pack: { type: 'boolean', default: false },
    target: { type: 'string', default: `${process.platform}-${process.arch}` },
    out: { type: 'string' },
  },
});
if (options.package && options.pack) {
  console.error('--package and --pack make one file each: name one of them.');
  process.exit(2);
}
if (options.package && !TARGETS[options.target]) {
  const known = Object.keys(TARGETS).join(', ');
  console.error(`No package for ${options.target}: onnxruntime-node has no binaries for it. There are: ${known}.`);
  process.exit(2);
}
const production = options.production || options.package || options.pack;
/** Where the package is put together, and where the bundles are written; relative to the root. */
const stage = options.package ? `out/package/${options.target}` : options.pack ? 'out/package/npm' : '.';
const dist = path.posix.join(stage, 'dist');

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: production,
  sourcemap: production ? false : 'linked',
  legalComments: 'none', // dist/NOTICES.txt has them whole
  metafile: true,
  logLevel: 'warning',
  treeShaking: true,
};

// ESM bundles have no `require`, but CommonJS dependencies inside them call it for Node's own modules.
const requireBanner =
  "import { createRequire as createRequire__ } from 'node:module'; const require = createRequire__(import.meta.url);";

// `module` first: a UMD build hides its `require` calls from the bundler.
const node = { ...common, platform: 'node', target: 'node20', mainFields: ['module', 'main'] };
const engine = { ...node, format: 'esm', external: ['onnxruntime-node'] };
// Not minified: the stack of a bug report from a packaged engine must be readable, and its size hardly matters.
// It keeps the notices in our own sources, too.
const readable = { minify: false, minifySyntax: production, keepNames: true, legalComments: 'inline' };

/**
 * The names of `vscode`, once for all files: esbuild copies the hundreds of them for each file that imports it, and
 * that takes the extension host longer than anything else at its start.
 */
const sharedVscode = {
  name: 'shared vscode',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^vscode$/ }, ({ namespace }) =>
      namespace === 'shared' ? { path: 'vscode', external: true } : { path: 'vscode', namespace: 'shared' },
    );
    onLoad({ filter: /^vscode$/, namespace: 'shared' }, () => ({ contents: "export * from 'vscode';" }));
  },
};

/** Every program and page, and what it is made from. */
const bundles = [
  {
    ...node,
    format: 'cjs',
    entryPoints: ['extension/start.ts'],
    outfile: `${dist}/extension.cjs`,
    plugins: [sharedVscode],
  },
  {
    ...common,
    platform: 'browser',
    target: 'es2022',
    format: 'cjs',
    entryPoints: ['extension/web.ts'],
    outfile: `${dist}/web.cjs`,
    external: ['vscode'],
  },
  // What a program does not always need it imports when it does. Chunks lie beside the programs: `import.meta.url`
  // leads to dist/.
  {
    ...engine,
    ...readable,
    entryPoints: { engine: 'runtime/main.ts', cli: 'runtime/cli.ts' },
    outdir: dist,
    splitting: true,
    chunkNames: 'chunk-[hash]',
    banner: { js: requireBanner },
  },
  {
    ...engine,
    ...readable,
    entryPoints: ['runtime/evaluation/judges/apartChild.ts'],
    outfile: `${dist}/classifier.js`,
    banner: { js: requireBanner },
  },
  ...['run', 'chat', 'training', 'triage', 'compare'].map((page) => ({
    ...common,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    minify: true,
    entryPoints: [`webview/${page}/main.ts`],
    outfile: `${dist}/webview/${page}.js`,
  })),
  { ...common, minify: true, entryPoints: ['webview/style.css'], outfile: `${dist}/webview/style.css` },
];

/** Turns a rejection of esbuild into `false`: it has printed its errors, and the other bundles' errors count too. */
const settled = (promise) =>
  promise.then(
    () => true,
    (error) => {
      if (!error.errors) console.error(error);
      return false;
    },
  );

/** The recipes' JSON Schema for the editor, from the zod schema that also checks them. */
async function writeRecipeSchema() {
  const { outputFiles } = await build({
    ...common,
    entryPoints: ['runtime/contract/recipeSchema.ts'],
    format: 'esm',
    platform: 'node',
    sourcemap: false,
    write: false,
  });
  const { editorSchema } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  );
  const text = `${JSON.stringify(editorSchema(), null, 2)}\n`;
  await writeFile(path.join(root, dist, 'recipe.schema.json'), text);
}

const json = async (file) => JSON.parse(await readFile(path.join(root, file), 'utf8'));

/** Writes what the bundles contain of other people: their licences, and the bill of materials. */
async function writeSupply(folder, metafiles) {
  const packages = await shippedPackages(metafiles);
  await writeFile(path.join(folder, 'NOTICES.txt'), notices(packages));
  await writeFile(path.join(folder, 'sbom.cdx.json'), billOfMaterials(await json('package.json'), packages));
}

/** What is sent to a cluster: Python, as it is. */
const JOB = 'runtime/cluster/job';

/** Of each bundle esbuild's account of its parts, in their order; undefined when one failed. */
async function buildAll() {
  const folder = path.join(root, dist);
  // A stage is made anew; in dist/, source maps of earlier builds go.
  if (production) await rm(stage === '.' ? folder : path.join(root, stage), { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const built = bundles.map((bundle) => build(bundle));
  const ok = await Promise.all([...built, writeRecipeSchema()].map(settled));
  if (ok.includes(false)) return undefined;
  const metafiles = (await Promise.all(built)).map(({ metafile }) => metafile);
  const outputs = metafiles.flatMap(({ outputs }) => Object.keys(outputs));
  for (const file of await readdir(folder))
    if (file.startsWith('chunk-') && !outputs.includes(`${dist}/${file}`)) await rm(path.join(folder, file));
  await writeSupply(folder, metafiles);
  await chmod(path.join(folder, 'cli.js'), 0o755);
  await cp(path.join(root, JOB), path.join(folder, 'job'), {
    recursive: true,
    filter: (file) => !file.includes('__pycache__'),
  });
  return metafiles;
}

async function watchAll() {
  await buildAll();
  for (const bundle of bundles) await (await context({ ...bundle, logLevel: 'info' })).watch();
  const schema = await context({
    ...common,
    entryPoints: ['runtime/contract/recipeSchema.ts'],
    write: false,
    logLevel: 'silent',
    plugins: [{ name: 'recipe schema', setup: (b) => void b.onEnd(() => settled(writeRecipeSchema())) }],
  });
  await schema.watch();
}

/**
 * Stages beside dist/ exactly what ships, and runs vsce there. A .vscodeignore cannot vary by platform, a staged
 * folder can; the white list is copied along and holds there too.
 */
async function packageVsix(target, out) {
  const binaries = TARGETS[target];
  const folder = path.join(root, stage);
  const put = (file, filter) => cp(path.join(root, file), path.join(folder, file), { recursive: true, filter });

  const names = (await readdir(root)).filter((file) => /^package\.nls(\.\w+)?\.json$/.test(file));
  for (const file of ['l10n', ...names, '.vscodeignore']) await put(file);
  await putTexts(folder);

  const manifest = await json('package.json');
  const ort = await json('node_modules/onnxruntime-node/package.json');
  delete manifest.scripts;
  delete manifest.devDependencies;
  manifest.dependencies = { 'onnxruntime-node': ort.version };
  // What only the install script needs is not shipped, and vsce checks that every listed dependency is there.
  delete ort.scripts;
  delete ort.devDependencies;
  ort.dependencies = { 'onnxruntime-common': ort.dependencies['onnxruntime-common'] };

  const code = (file) => !/\.(map|d\.ts)$/.test(file);
  const bin = `node_modules/onnxruntime-node/bin/napi-v6/${binaries}`;
  await stat(path.join(root, bin, 'onnxruntime_binding.node'));
  await put(bin, (file) => !/\.\d+\.\d+\.\d+\.dylib$/.test(file)); // a second copy under a name that nothing loads
  await put('node_modules/onnxruntime-node/dist', code);
  await put('node_modules/onnxruntime-common/dist/cjs', code); // with its package.json: without it Node takes it for ESM
  await put('node_modules/onnxruntime-common/package.json');
  await writeFile(path.join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  await writeFile(path.join(folder, 'node_modules/onnxruntime-node/package.json'), JSON.stringify(ort, null, 2));

  const file = path.resolve(out ?? path.join(root, 'out', `${manifest.name}-${target}-${manifest.version}.vsix`));
  await mkdir(path.dirname(file), { recursive: true });
  await zip(folder, target, `${file}.part`);
  await rename(`${file}.part`, file);
  const { size } = await stat(file);
  console.log(`${path.relative(process.cwd(), file)}: ${(size / 1e6).toFixed(1)} MB`);
}

/** What both packages have: the pages and the sample. */
async function putTexts(folder) {
  for (const file of ['docs', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'])
    await cp(path.join(root, file), path.join(folder, file), { recursive: true });
  // Runs made in the sample's own folder stay here, as they stay out of git; licences are in NOTICES.txt.
  const made = await readFile(path.join(root, 'media/sample/.gitignore'), 'utf8');
  const runs = made.split(/\r?\n/).flatMap((line) => (line ? [path.resolve(root, 'media/sample', line)] : []));
  const kept = [...runs, path.join(root, 'media/licences')];
  const filter = (file) => !kept.includes(file);
  await cp(path.join(root, 'media'), path.join(folder, 'media'), { recursive: true, filter });
}

/** The programs of the command line. onnxruntime-node is installed by npm for the machine that it is on. */
const COMMAND_LINE = [`${dist}/cli.js`, `${dist}/classifier.js`];

/** The files that these programs import, with themselves: esbuild's account of each. */
function importedBy(programs, metafiles) {
  const outputs = Object.assign({}, ...metafiles.map(({ outputs }) => outputs));
  const found = new Set(programs);
  for (const file of found)
    for (const { path: imported, external } of outputs[file].imports) if (!external) found.add(imported);
  return Object.fromEntries([...found].map((file) => [file, outputs[file]]));
}

async function packCommandLine(metafiles, out) {
  const folder = path.join(root, stage);
  await putTexts(folder);
  const outputs = importedBy(COMMAND_LINE, metafiles);
  for (const file of await readdir(path.join(root, dist)))
    if (file !== 'job' && !(`${dist}/${file}` in outputs)) await rm(path.join(root, dist, file), { recursive: true });
  await writeSupply(path.join(root, dist), [{ outputs }]);
  const { name, version, description, license, type, engines, bin } = await json('package.json');
  const ort = await json('node_modules/onnxruntime-node/package.json');
  const dependencies = { 'onnxruntime-node': ort.version };
  const manifest = { name, version, description, license, type, bin, engines: { node: engines.node }, dependencies };
  await writeFile(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

  const npm = ['pack', '--json', '--ignore-scripts', '--pack-destination', '..'];
  const { stdout } = await promisify(execFile)('npm', npm, { cwd: folder, shell: process.platform === 'win32' });
  const [{ filename, size }] = JSON.parse(stdout);
  const file = path.resolve(out ?? path.join(root, 'out', filename));
  await mkdir(path.dirname(file), { recursive: true });
  await rename(path.join(path.dirname(folder), filename), file);
  console.log(`${path.relative(process.cwd(), file)}: ${(size / 1e6).toFixed(1)} MB`);
}

/**
 * Runs vsce so that equal files give equal bytes, wherever and whenever: of the modes, times and order that it writes,
 * none is left to the machine. (Deflate is the one of Node, so another version of Node may pack otherwise.)
 */
async function zip(folder, target, file) {
  for (const name of await readdir(folder, { recursive: true })) {
    const entry = path.join(folder, name);
    if ((await stat(entry)).isFile()) await chmod(entry, name.endsWith('cli.js') ? 0o755 : 0o644);
  }
  // In zip archives time begins in 1980. vsce sorts by locale, and writes local times.
  const fixed = { SOURCE_DATE_EPOCH: '315532800', TZ: 'UTC', LC_ALL: 'C' };
  const args = ['package', '--target', target, '--out', file, '--no-yarn', '--allow-missing-repository'];
  const vsce = [path.join(root, 'node_modules/@vscode/vsce/vsce'), ...args, '--no-rewrite-relative-links'];
  await promisify(execFile)(process.execPath, vsce, { cwd: folder, env: { ...process.env, ...fixed } });
}

const started = performance.now();
if (options.watch) await watchAll();
else {
  const built = await buildAll();
  if (built) console.log(`${dist}/ built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  else process.exitCode = 1;
  if (built && options.package) await packageVsix(options.target, options.out);
  if (built && options.pack) await packCommandLine(built, options.out);
}
