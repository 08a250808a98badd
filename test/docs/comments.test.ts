/** What comments above code say by name: parameters, and what is thrown. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { read, ROOT } from './pages.js';

/**
 * What a parameter is called: its name, or those that it is taken apart into, which together may be called its options.
 */
const namesOf = (name: ts.BindingName): string[] =>
  ts.isIdentifier(name)
    ? [name.text]
    : ['options', ...name.elements.flatMap((one) => (ts.isBindingElement(one) ? namesOf(one.name) : []))];

/** The names of the parameters of a declaration's functions, without functions inside of these. */
function parametersOf(node: ts.Node): string[] {
  if (ts.isFunctionLike(node)) return node.parameters.flatMap(({ name }) => namesOf(name));
  const found: string[] = [];
  node.forEachChild((child) => void found.push(...parametersOf(child)));
  return found;
}

/** What the comments of a file name that is not there. */
function falseNames(file: string, text: string, classes: ReadonlySet<string>): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    for (const comment of ts.getJSDocCommentsAndTags(node)) {
      if (!ts.isJSDoc(comment) || comment.parent !== node) continue;
      const said = comment.getText();
      const parameters = parametersOf(node);
      for (const [tag, name] of said.matchAll(/@param (\w+)/g))
        if (!parameters.includes(name!)) found.push(`${file}: ${tag}`);
      for (const [tag, name] of said.matchAll(/@throws ([A-Z]\w*)/g))
        if (!classes.has(name!) && !(name! in globalThis)) found.push(`${file}: ${tag}`);
    }
    node.forEachChild(visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

const files = ['runtime', 'extension', 'webview'].flatMap((top) =>
  readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${top}/${file}`),
);
const sources = new Map(files.map((file) => [file, read(file)]));
const classes = new Set<string>();
for (const text of sources.values()) for (const [, name] of text.matchAll(/\bclass (\w+)/g)) classes.add(name!);

test('comments name parameters and errors that there are', () => {
  assert.deepEqual(
    [...sources].flatMap(([file, text]) => (/@param|@throws/.test(text) ? falseNames(file, text, classes) : [])),
    [],
  );
});

test('a false name in a comment is found', () => {
  const text = `
    /** One. @param a is there @param b is not @param options are those of a and d */
    export const one = ({ a, c: [d] }: Given, { e: f } = {}): void => undefined;
    interface Two {
      /**
       * @param d is not there
       * @throws Gone
       * @throws Error
       */
      two(e: number): void;
    }
    /** @param f is there @param e is not */
    const three = one;`;
  const found = ['@param b', '@param d', '@throws Gone', '@param f', '@param e'];
  assert.deepEqual(
    falseNames('file.ts', text, classes),
    found.map((tag) => `file.ts: ${tag}`),
  );
});
