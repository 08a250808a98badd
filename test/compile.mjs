/**
 * Compiles the unit tests into out/unit, where they start in half the time that a compiler at run time takes: each file
 * of tests with what it imports, which the files share. `import 'vscode'` is the fake, and `import.meta` is that of the
 * source, but for who starts a program that is compiled, too.
 */
import { build } from 'esbuild';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { COMPILED, longTests, unitTests } from './unitTests.mjs';

const root = path.resolve(import.meta.dirname, '..');
const outdir = path.join(root, COMPILED);
const tests = [...unitTests, ...longTests];
/**
 * Programs that tests start (support/program.ts), and the process of a classifier, which lies beside what starts it.
 */
const programs = [
  ...['test/models/opener.ts', 'test/runs/contender.ts'],
  ...['blockValues', 'familySteps', 'vectorSteps'].map((name) => `test/support/${name}.ts`),
];
const classifier = { in: 'runtime/evaluation/judges/apartChild.ts', out: 'chunks/classifier' };
const STARTS = /(judges.apart|support.program)\.ts$/;
/** Packages that stay what they are: CommonJS, tools, binaries. The others are hundreds of files to open each time. */
const APART = ['ajv', 'esbuild', 'onnxruntime-node', 'typescript', 'undici', 'vscode-jsonrpc'];

const importMeta = {
  name: 'import.meta of the source',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.(ts|mjs)$/ }, async ({ path: file }) => {
      if (file.includes('node_modules') || STARTS.test(file)) return undefined;
      const own = { dirname: path.dirname(file), filename: file, url: pathToFileURL(file).href };
      const text = await readFile(file, 'utf8');
      const contents = text.replace(/\bimport\.meta\.(dirname|filename|url)\b/g, (_, name) =>
        JSON.stringify(own[name]),
      );
      return { contents, loader: file.endsWith('.ts') ? 'ts' : 'js' };
    }),
};

await rm(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: [...[...tests, ...programs].map((file) => ({ in: file, out: file.replace(/\.ts$/, '') })), classifier],
  outdir,
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  external: APART,
  mainFields: ['module', 'main'],
  alias: { vscode: path.join(root, 'test/extension/fake/vscode.ts') },
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'error',
  plugins: [importMeta],
});
console.log(`${tests.length} files of tests compiled`);
