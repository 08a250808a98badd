/**
 * Translators get every sentence: those of the host and its pages in l10n/bundle.l10n.json, those of package.json in
 * package.nls.json. UPDATE_GOLDEN=1 writes the bundle anew.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { ESTIMATE_STRINGS } from '../../runtime/contract/estimate.js';
import { SCAN_STRINGS } from '../../runtime/contract/scanText.js';
import { runTitle } from '../../extension/runs/compare.js';
import { recipeFacts } from '../../extension/runs/recipe.js';
import { createRun } from '../../extension/runs/run.js';
import { translated } from '../../extension/host/strings.js';
import { recipeTitle } from '../../extension/codelens/titles.js';
import { duration, parameters, percent, times, useTranslations } from '../../extension/host/text.js';
import { CHAT_STRINGS } from '../../webview/protocol/chat.js';
import { COMPARE_STRINGS } from '../../webview/protocol/compare.js';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { TRAINING_STRINGS } from '../../webview/protocol/training.js';
import { TRIAGE_STRINGS } from '../../webview/protocol/triage.js';
import { recipe } from './support.js';

const root = join(import.meta.dirname, '../..');
const BUNDLE = join(root, 'l10n/bundle.l10n.json');
const sources = readdirSync(join(root, 'extension'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('extension', file));

interface Found {
  keys: Map<string, number>;
  faults: string[];
}

/**
 * First arguments of `t` and `vscode.l10n.t` with the highest placeholder's arguments, and sentences that bypass them.
 */
function scan(): Found {
  const keys = new Map<string, number>();
  const faults: string[] = [];
  for (const file of sources) {
    const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
    const at = (node: ts.Node): string => `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node)) {
        const called = node.expression.getText(source);
        const [first, ...values] = node.arguments;
        if (called === 't' || called === 'vscode.l10n.t') {
          if (first && ts.isStringLiteralLike(first)) {
            keys.set(first.text, values.length);
            const wanted = Math.max(0, ...[...first.text.matchAll(/\{(\d+)\}/g)].map((m) => Number(m[1]) + 1));
            if (wanted !== values.length) faults.push(`${at(node)}: ${wanted} placeholders, ${values.length} values`);
            // The strings of the pages come by their name.
          } else if (!file.endsWith('strings.ts')) faults.push(`${at(node)}: the sentence is no literal`);
        }
        if (/^(inputError|notices\.(info|warn))$|show(Error|Warning|Information)Message$/.test(called) && first)
          if (isSentence(first)) faults.push(`${at(first)}: not translated`);
      }
      if (
        ts.isPropertyAssignment(node) &&
        /^(remedy|title|message|placeholder|tooltip|detail)$/.test(node.name.getText(source))
      )
        if (isSentence(node.initializer)) faults.push(`${at(node)}: not translated`);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return { keys, faults };
}

/** Words written down, not the parts between translated ones nor what only a log shows. */
function isSentence(node: ts.Node): boolean {
  if (ts.isStringLiteralLike(node)) return /\p{L}{2}/u.test(node.text) && !node.text.startsWith('internal:');
  if (!ts.isTemplateExpression(node)) return false;
  const texts = [node.head.text, ...node.templateSpans.map((span) => span.literal.text)];
  return /\p{L}{2}/u.test(texts.join(' ').replace(/\$\([\w~-]+\)/g, '')) && !texts[0]!.startsWith('internal:');
}

test('every sentence of the extension is translated, with as many values as places for them', () => {
  assert.deepEqual(scan().faults, []);
});

test('the bundle has every sentence of the host and its pages, and none too many', () => {
  const pages = [
    ESTIMATE_STRINGS,
    SCAN_STRINGS,
    RUN_STRINGS,
    CHAT_STRINGS,
    TRAINING_STRINGS,
    TRIAGE_STRINGS,
    COMPARE_STRINGS,
  ].flatMap((strings) => Object.values<string>(strings));
  const all = [...new Set([...scan().keys.keys(), ...pages])].sort();
  const text = `${JSON.stringify(Object.fromEntries(all.map((key) => [key, key])), undefined, 2)}\n`;
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(dirname(BUNDLE), { recursive: true });
    writeFileSync(BUNDLE, text);
  }
  assert.equal(readFileSync(BUNDLE, 'utf8'), text, 'l10n/bundle.l10n.json is old; UPDATE_GOLDEN=1 rewrites it');
  assert.ok(all.length > 300, `${all.length} sentences`);
});

test('what package.json shows is translated', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    l10n: string;
    contributes: Record<string, unknown>;
  };
  assert.equal(join(root, manifest.l10n), dirname(BUNDLE));
  const plain: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`);
    else if (
      typeof value === 'string' &&
      /\.(title|description|markdownDescription|contents|name|altText|enumDescriptions\.\d+)$/.test(path) &&
      !/^%[\w.]+%$/.test(value) &&
      // The product's name is the same in every language.
      value !== 'Security Vectors'
    )
      plain.push(`${path}: ${value}`);
  };
  visit(manifest.contributes, 'contributes');
  assert.deepEqual(plain, []);
});

test('sentences, those of the pages and numbers follow the language of the window', (context) => {
  const english = (message: string, ...values: (string | number)[]): string =>
    message.replace(/\{(\d+)\}/g, (place, index: string) => String(values[Number(index)] ?? place));
  useTranslations({ t: (message, ...values) => `«${english(message, ...values)}»`, bundle: {} }, 'de');
  context.after(() => useTranslations({ t: english }, 'en'));
  assert.equal(duration(125), '«2 min 5 s»');
  assert.equal(percent(0.923), '92,3\u00a0%');
  assert.deepEqual([685_184, 134_515_008, 1e9].map(parameters), ['0,7 M', '135 M', '1 B']);
  assert.equal(times(0.5), '× 0,5');
  assert.equal(translated(RUN_STRINGS).stepOf, '«step {0} / {1}»');
  const run = createRun('/w/colours', 'colours');
  assert.equal(runTitle({ ...run, recipe: recipeFacts(JSON.stringify(recipe()), '/w/r.json') }), '«colours, plain»');
  useTranslations({ t: english, bundle: {} }, 'fr');
  assert.equal(recipeTitle('vector', false), '$(play) Run\u00a0: train the security vector');
});
