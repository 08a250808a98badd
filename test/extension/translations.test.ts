/**
 * German and French are complete: every sentence of the bundle and of package.nls.json is translated, says the same
 * values, commands and code, and the pages show no word that did not come through the translation.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { evaluationTitle } from '../../extension/codelens/titles.js';
import { useTranslations } from '../../extension/host/text.js';
import { fill, numbersIn } from '../../runtime/contract/format.js';
import { MEASURES } from '../../runtime/contract/recipeWords.js';

const root = join(import.meta.dirname, '../..');
const read = (file: string): Record<string, string> =>
  JSON.parse(readFileSync(join(root, file), 'utf8')) as Record<string, string>;

const FILES = { bundle: 'l10n/bundle.l10n.json', manifest: 'package.nls.json' };

/** Sentences that are the same in another language, because its words are. */
const SAME: Record<string, RegExp> = {
  de: /^(AUROC|Adapters?|Chat|Chat: \{0\}|Format|Format: \{0\}|LoRA r \{0\}|Training|lr \{0\}|Signal \{0\}|Token|\{0\}( h \{1\})? min|\{0\} min \{1\} s)$/i,
  fr: /^(AUROC|base|licence \{0\}|\{0\} nats|\{0\}( h \{1\})? min|\{0\} min \{1\} s|Format|LoRA r \{0\}|Message|Message \{0\}|Points|Public|Verdicts?|lr \{0\}|Signal \{0\}|\{0\} points( · \{1\})?|\{0\} questions|\{0\} tokens|Tokens)$/i,
};

/**
 * Words for what has another name everywhere else: an evaluation set is a `Prüfsatz`, a step a `pas`, a token of a text
 * a `token`.
 */
const OTHER_NAMES: Record<string, RegExp> = { de: /Auswertungsmenge|beurteilte Antwort/i, fr: /étapes|jetons/i };

/** What must be in a translation as it is in English: places for values, icons, commands and links, names in code. */
function fixed(text: string): string[] {
  const parts = [
    /\{\d+\}/g,
    /\$\([\w~-]+\)/g,
    /command:[\w.]+/g,
    /\b(?:batch|generation|optimizer|protection)\.\w+/g,
    /\b[a-z]+[A-Z]\w+\b/g,
    /[⟦⟧\n]/g,
  ];
  return parts.flatMap((part) => text.match(part) ?? []).sort();
}

const ends = (text: string): string => /[.?!…:]?$/.exec(text.trimEnd())![0];

for (const language of ['de', 'fr'])
  for (const [name, file] of Object.entries(FILES)) {
    const english = read(file);
    const theirs = read(file.replace('.json', `.${language}.json`));

    test(`${name}, ${language}: no sentence is left, and none is too many`, () => {
      const missing = Object.keys(english).filter((key) => !theirs[key]?.trim());
      assert.deepEqual(missing, [], 'not translated');
      assert.deepEqual(Object.keys(theirs), Object.keys(english));
      const left = Object.entries(english).filter(
        ([key, text]) =>
          theirs[key] === text && /\p{L}{3}/u.test(text.replace(/\{\d+\}/g, '')) && !SAME[language]!.test(text),
      );
      assert.deepEqual(left, [], 'left as it is in English');
    });

    test(`${name}, ${language}: one thing has one name`, () => {
      assert.deepEqual(Object.values(theirs).filter((text) => OTHER_NAMES[language]!.test(text)), []); // oxfmt-ignore
    });

    test(`${name}, ${language}: values, commands, code and the end of a sentence are those of the English one`, () => {
      const signs = (text: string): string => JSON.stringify([fixed(text), ends(text)]);
      const wrong = Object.entries(english).filter(([key, text]) => signs(theirs[key]!) !== signs(text));
      assert.deepEqual(
        wrong.map(([key]) => `${key} → ${theirs[key]}`),
        [],
      );
    });
  }

test('the check of what is fixed sees a value, a command and a key that were lost', () => {
  assert.deepEqual(fixed('{1} of {0}: raise optimizer.learningRate (see [it](command:securityVectors.run))'), [
    ...['command:securityVectors.run', 'learningRate', 'optimizer.learningRate', 'securityVectors', '{0}', '{1}'],
  ]);
});

test('in French a part of a whole can be 0 or 1: what is counted stands behind both numbers', () => {
  // where a verb follows, it is of several, as in English
  const several = /\{\d\} (?:\p{L}+s ){1,2}sur \{\d\}(?! (?:\(base\s: [^)]*\) )?(?:sont|ont|paraissent|ne) )/u;
  const wrong = Object.values(read('l10n/bundle.l10n.fr.json')).filter((text) => several.test(text));
  assert.deepEqual(
    wrong.filter((text) => !text.startsWith('Les {0} premières')),
    [],
  );
});

test('in French a number that stands alone before what it counts may be 0 or 1: it stands behind', () => {
  const alone =
    /^\{0\} (?:flagged|excluded|fine|unsure|invalid|undecided|archived|selected|elapsed|edited since|labelled|no longer)/;
  const french = Object.entries(read('l10n/bundle.l10n.fr.json')).filter(([english]) => alone.test(english));
  assert.ok(french.length > 10, `${french.length} counts`);
  assert.deepEqual(french.filter(([, text]) => !text.endsWith('\u00a0: {0}')), []); // oxfmt-ignore
});

test('in French no line begins with a sign that a space stands before, or ends with an opening quote', () => {
  const breaks = /[ \u202f][;:?!»]|[\d}] %|«(?!\u00a0)/u;
  const all = Object.values(FILES).flatMap((file) => Object.values(read(file.replace('.json', '.fr.json'))));
  const { of, parts } = numbersIn('fr');
  assert.deepEqual(
    [...all, of('a', parts(['b', 'c']))].filter((text) => breaks.test(text)),
    [],
  );
});

test('what a choice of a wizard says of itself is not cut off in any language', () => {
  /** Of a Quick Pick, in letters of middle width. */
  const WIDTH = 95;
  const bundles = ['', '.de', '.fr'].map((language) => read(`l10n/bundle.l10n${language}.json`));
  const folder = join(root, 'extension/commands');
  const code = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const said = String.raw`t\(\s*'([^']+)'(?:, [^)]*)?,?\s*\)`;
  const pairs = new RegExp(String.raw`label: ${said},\s+description: ${said}`, 'g');
  const lines = code.flatMap((text) => [
    ...[...text.matchAll(pairs)].map(([, ...words]) => words),
    ...[...text.matchAll(new RegExp(`detail: ${said}`, 'g'))].map(([, ...words]) => words),
  ]);
  assert.ok(lines.length > 30, `${lines.length} choices`);
  const shown = bundles.flatMap((words) => lines.map((line) => line.map((text) => words[text] ?? text).join('  ')));
  assert.deepEqual(shown.filter((line) => line.length > WIDTH), []); // oxfmt-ignore
});

test('a measure has its name in the language of the window', (t) => {
  t.after(() => useTranslations({ t: fill }, 'en'));
  const names = (language: string): string[] => {
    const bundle = read(`l10n/bundle.l10n${language}.json`);
    useTranslations({ t: (text, ...values) => fill(bundle[text]!, ...values), bundle }, language.slice(1) || 'en');
    return MEASURES.map((measure) => evaluationTitle(measure, undefined, []).replace(/^.*: |^\S+ /, ''));
  };
  assert.deepEqual(names(''), ['Evaluate harmfulness', 'over-refusal', 'exact', 'contains', 'loss']);
  assert.deepEqual(names('.fr'), ['Évaluer la nocivité', 'refus excessifs', 'réponses exactes', 'contient', 'perte']);
});

test('numbers of these languages have their comma', () => {
  assert.match(numbersIn('fr').percent(0.923), /^92,3\s%$/u);
  assert.match(numbersIn('de').percent(0.923), /^92,3\s%$/u);
});
