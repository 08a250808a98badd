/** Every error and every warning of the host says what to do next. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

const root = join(import.meta.dirname, '../../extension');

interface Call {
  at: string;
  called: string;
  text: string;
  values: number;
}

function calls(): Call[] {
  const found: Call[] = [];
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))) {
    const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
        const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
        const called = node.expression.getText(source);
        found.push({ at: `${file}:${line}`, called, text: node.getText(source), values: node.arguments?.length ?? 0 });
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

test('an error for people names a remedy', () => {
  const errors = calls().filter(({ called }) => called === 'inputError');
  assert.ok(errors.length > 40, `${errors.length} errors`);
  // One that hands on another's place and remedy gives them whole.
  const without = errors.filter(({ text }) => !/remedy/.test(text) && !/, error\)$/.test(text));
  assert.deepEqual(without, []);
});

test('notifications and dialogs are shown from one place, which makes links impossible', () => {
  const shown = calls().filter(({ called }) =>
    /show(Information|Warning|Error)Message$|window\.withProgress$/.test(called),
  );
  // In a browser alone there are only texts of this program.
  const elsewhere = shown.filter(({ at }) => !/^(host\/messages|web)\.ts/.test(at.replaceAll('\\', '/')));
  assert.deepEqual(elsewhere, []);
});

test('a warning has a button', () => {
  const warnings = calls().filter(({ called }) => /notices\.warn$/.test(called));
  assert.ok(warnings.length >= 4, `${warnings.length} warnings`);
  assert.deepEqual(
    warnings.filter(({ values }) => values < 2),
    [],
  );
});
