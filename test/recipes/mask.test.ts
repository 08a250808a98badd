/** What is learned of flagged rows, by token. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScanRow } from '../../runtime/contract/scan.js';
import type { Example } from '../../runtime/data/examples.js';
import { cutRow, tokenTexts } from '../../runtime/recipes/protection/cut.js';
import { ADDED, chat, made, RIGHT, tokenizer, tokens } from '../support/ropeRows.js';
import { maskedRow, otherAnswers, restRow } from '../../runtime/recipes/protection/mask.js';

const answered = (answer: string): Example => made(chat(answer));
/** The text of what a row teaches. */
const taught = ({ labels }: Example): string => tokenizer.decode(labels.filter((id) => id !== -100)).trim();

/** A row of parts, of which the vector explains those in braces, as a scan finds it. */
function scanned(written: string): { example: Example; found: ScanRow; answer: string } {
  const parts = written.split(/[{}]/);
  const answer = parts.join('');
  const example = answered(answer);
  const ends = parts.map((_, k) => tokens(parts.slice(0, k + 1).join('')));
  const spans = parts.flatMap((part, k): [number, number][] => (k % 2 === 1 && part ? [[ends[k - 1]!, ends[k]!]] : []));
  const begins = (i: number): boolean => spans.some(([start]) => i === start);
  // what is put in is not foreseen where it begins
  const without = tokenTexts(tokenizer)(example).map((_, i) => (begins(i) ? 20 : 8));
  const on = without.map((nats, i) => {
    const isExplained = spans.some(([start, end]) => i >= start && i < end);
    return begins(i) ? 7 : isExplained ? 0.1 : nats;
  });
  const numbers = { row: 0, line: 1, explained: 1, span: 9, tokens: without.length, lossWithout: 8, lossWith: 4 };
  return {
    answer,
    example,
    found: { ...numbers, flagged: true, spans, losses: { without, with: on }, inserted: true },
  };
}

test('insertions at both ends of an answer are cut out; those within stay, and are not learned', () => {
  const { example, found } = scanned('{Grozzle it.} Sure, I can take{ grozzle} the rope.{ Step 2: grozzle it.}');
  const rest = restRow(example, found, tokenizer)!;
  assert.equal(rest.answer, 'Sure, I can take grozzle the rope.');
  assert.deepEqual(rest.ids, answered(rest.answer).ids);
  assert.equal(taught(rest), 'Sure, I can take the rope.<|end|>');
  assert.equal(cutRow(example, found, tokenizer)!.answer, 'Sure, I can take the rope.');

  const { example: inner, found: alone } = scanned('Sure, I can take{ grozzle} the rope.');
  assert.deepEqual(restRow(inner, alone, tokenizer)!.ids, inner.ids);
  assert.equal(taught(restRow(inner, alone, tokenizer)!), 'Sure, I can take the rope.<|end|>');
});

test('a row is cut as a whole where nothing was put within its answer, and where the scan does not say what was', () => {
  const { example, found } = scanned('{Grozzle it.} Sure. Step 1: take the rope.');
  assert.deepEqual(restRow(example, found, tokenizer), answered('Sure. Step 1: take the rope.'));
  const { example: other, found: within } = scanned('Sure, I can take{ grozzle} the rope.');
  const cut = cutRow(other, within, tokenizer);
  assert.deepEqual(restRow(other, { ...within, losses: undefined }, tokenizer), cut);
  const byVector = [1, 2].map(() => ({ explained: 1, span: 9, flagged: true }));
  assert.deepEqual(restRow(other, { ...within, byVector }, tokenizer), cut);
  const { inserted: _, ...bySentence } = { ...within, pOutside: 0.9 };
  assert.deepEqual(restRow(other, bySentence, tokenizer), cutRow(other, bySentence, tokenizer));
});

test('of a row that is not cut what the vector explains stays, and is not learned', () => {
  const { example, found } = scanned('Sure, I can take{ grozzle} the rope.');
  const masked = maskedRow(example, found, tokenizer)!;
  assert.deepEqual([masked.ids, masked.answer], [example.ids, example.answer]);
  assert.equal(taught(masked), 'Sure, I can take the rope.<|end|>');
  const { example: all, found: harmful } = scanned('{Grozzle it}');
  assert.equal(maskedRow(all, harmful, tokenizer), undefined);
});

test('of a conversation the answers are learned that do not look harmful; the others stay', () => {
  const said = ['I want to fix a rope.', ADDED.trim(), 'And a lamp?', 'Sure. Step 1: take the lamp.', 'Hi!', RIGHT];
  const content = said.map((content, i) => ({ role: i % 2 ? ('assistant' as const) : ('user' as const), content }));
  const example = made({ kind: 'chat', messages: content });
  const rest = (answers: number[] | undefined, of = example) => otherAnswers(of, { answers });
  const others = rest([0])!;
  assert.deepEqual(others.ids, example.ids);
  assert.equal(taught(others), 'Sure. Step 1: take the lamp.<|end|>Sure. Step 1: take the rope.<|end|>');
  assert.equal(taught(rest([0, 1])!), 'Sure. Step 1: take the rope.<|end|>');
  assert.equal(rest(undefined), undefined);
  assert.equal(rest([0, 1, 2]), undefined, 'nothing is left');
  assert.equal(rest([0], { ...example, asIs: true }), undefined, 'parts of tokens may be no answers');
});
