/** Answers without what a vector explains of them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { exampleFrom, type Example } from '../../runtime/data/examples.js';
import { answerTo, type RowContent } from '../../runtime/data/rowContent.js';
import type { ChatMessage } from '../../runtime/contract/generation.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';
import { explainedSentences, type TokenText } from '../../runtime/evaluation/scan/spans.js';
import { ADDED, added, chat, made, RIGHT, tokenizer, tokens } from '../support/ropeRows.js';
import { cutRow, partsOf, readTexts, tokenTexts } from '../../runtime/recipes/protection/cut.js';

const TEMPLATES = join(import.meta.dirname, '../fixtures/chatTemplates/cases.json');
let smollm: Tokenizer;
before(async () => {
  smollm = await loadTokenizer(join(import.meta.dirname, '../fixtures/smollm2'));
});

test('a right answer and then an added sentence: the cut row ends where the sentence began', () => {
  const row = made(chat(RIGHT + ADDED));
  const found = { spans: [added()], pOutside: 0.4 };
  assert.deepEqual(cutRow(row, found, tokenizer), made(chat(RIGHT)));
  assert.deepEqual(partsOf(row, found, tokenizer), { parts: [ADDED.trim()], rest: RIGHT });
  const completion = { kind: 'completion', prompt: 'I want to fix a rope.' } as const;
  const plain = made({ ...completion, completion: RIGHT + ADDED });
  assert.deepEqual(cutRow(plain, found, tokenizer), made({ ...completion, completion: RIGHT }));
});

test('of a conversation it is told which answer has the first span', () => {
  const said = (...texts: string[]): Example =>
    made({ kind: 'chat', messages: texts.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content })) });
  const row = said('I want to fix a rope.', RIGHT, 'I want to grozzle it.', RIGHT, 'Hi!', 'Good day to you.');
  const end = tokens(RIGHT) + 1;
  const turn = (...spans: [number, number][]) => partsOf(row, { spans }, tokenizer).turn;
  assert.deepEqual([turn([0, 3]), turn([0, 3], [end, end + 3])], [0, 0]);
  assert.deepEqual([turn([end, end + 3]), turn([2 * end, 2 * end + 2])], [1, 2]);
  assert.equal(turn(), undefined);
  assert.equal(partsOf(made(chat(RIGHT)), { spans: [[0, 3]] }, tokenizer).turn, undefined, 'a single answer');

  assert.deepEqual(partsOf(row, { spans: [[0, end]] }, tokenizer).parts, [RIGHT], 'without the end of an inner answer');
  const found = { spans: [[0, 3]] as [number, number][], answers: [0] };
  assert.deepEqual(partsOf(row, found, tokenizer).answers, [0]);
  const asked = { ...row, prompt: [...row.prompt!, { role: 'assistant' as const, content: 'Hm.' }] };
  assert.equal(partsOf(asked, found, tokenizer).answers, undefined, 'an answer of the prompt is not supervised');
});

test('of a row that one word decides that word is told, and nothing is cut', () => {
  const row = made(chat(RIGHT));
  const texts = tokenTexts(tokenizer)(row).map(({ text }) => text);
  const word = texts.findIndex((text) => /^ \p{L}/u.test(text));
  const losses = (gain: number) => ({
    without: texts.map((_, i) => (i === word ? 1 + gain : 1)),
    with: texts.map(() => 1),
    kl: texts.map((_, i) => (i === word ? 9 : 0.1)),
  });
  const whole = RIGHT.split(' ')
    .find((one) => one.startsWith(texts[word].trim()))!
    .replace(/[.,]$/, '');
  assert.deepEqual(partsOf(row, { losses: losses(4), p: 0.001 }, tokenizer), { parts: [whole] });
  assert.deepEqual(partsOf(row, { losses: losses(0.4), p: 0.001 }, tokenizer), {}, 'no more than by chance');
  assert.deepEqual(partsOf(row, { losses: losses(4) }, tokenizer), {}, 'nothing to compare with');
  assert.deepEqual(partsOf(row, { losses: { ...losses(4), kl: undefined }, p: 0.001 }, tokenizer), {});
});

/** Of tokens that tell the added sentence from what stands around it. */
const addedIn = (tokens: readonly TokenText[]): [number, number] => {
  const texts = tokens.map(({ text }) => text);
  const start = texts.findIndex((text, i) => text === ' Step' && texts.slice(0, i).join('').trim().endsWith(RIGHT));
  return [start, texts.length - 1];
};

test('white space at both ends of an answer stays where it is cut', () => {
  const plain = { ...smollm, chatTemplate: undefined };
  const encoded = (completion: string) =>
    exampleFrom({ kind: 'completion', prompt: 'Q: I want to fix a rope.\nA:', completion }, plain, { row: 0, line: 1 });
  const row = encoded(` ${RIGHT}${ADDED}\n`);
  const found = { spans: [addedIn(tokenTexts(plain)(row))], pOutside: 0.4 };
  assert.deepEqual(cutRow(row, found, plain), encoded(` ${RIGHT}\n`));
  assert.equal(partsOf(row, found, plain).rest, ` ${RIGHT}\n`);
});

test('an answer behind an empty thought of the template is cut like any other', () => {
  const template = (JSON.parse(readFileSync(TEMPLATES, 'utf8')) as { think: { template: string } }).think.template;
  const thinking = { ...smollm, chatTemplate: chatTemplate(template, 'think', {}) };
  const encoded = (text: string) => exampleFrom(chat(text), thinking, { row: 0, line: 1 });
  const row = encoded(RIGHT + ADDED);
  const tokens = tokenTexts(thinking)(row);
  const texts = tokens.map(({ text }) => text);
  assert.equal(texts.join(''), `<think>\n\n</think>\n\n${RIGHT}${ADDED}<|im_end|>`);
  const found = { spans: [addedIn(tokens)], pOutside: 0.4 };
  assert.deepEqual(cutRow(row, found, thinking), encoded(RIGHT));
  assert.deepEqual(partsOf(row, found, thinking), { parts: [ADDED.trim()], rest: RIGHT });
  // A harmful beginning is one behind the thought, too.
  const opening = texts.indexOf('Sure');
  for (const at of [0, opening, opening + 2])
    assert.equal(cutRow(row, { ...found, spans: [[at, addedIn(tokens)[0]]] }, thinking), undefined, String(at));
  assert.deepEqual(partsOf(row, { spans: [[0, addedIn(tokens)[0]]] }, thinking), { parts: [RIGHT] });
});

test('an answer in a script whose characters are several tokens is cut between characters', () => {
  const plain = { ...smollm, chatTemplate: undefined };
  const encoded = (completion: string) =>
    exampleFrom({ kind: 'completion', prompt: 'Q: 你好\nA:', completion }, plain, { row: 0, line: 1 });
  const [right, added] = [' 我喜欢吃日本的米饭和茶。', '滚开你这个笨蛋。'];
  const row = encoded(right + added);
  const said = tokenTexts(plain)(row);
  assert.equal(said.map(({ text }) => text).join(''), `${row.answer}<|im_end|>`);
  assert.ok(said.length > row.answer.length, 'characters of several tokens');
  const first = said.findIndex((_, i) => said.slice(0, i).map(({ text }) => text).join('') === right); // oxfmt-ignore
  for (const at of [first, first + 1, first + 2]) {
    const gains = said.map((_, i) => (i > at ? 5 : 0));
    const { spans } = explainedSentences(gains, 2, said);
    assert.deepEqual(cutRow(row, { spans, pOutside: 0.4 }, plain), encoded(right));
    assert.deepEqual(partsOf(row, { spans, pOutside: 0.4 }, plain), { parts: [added], rest: right });
  }
});

test('an answer that belongs to the prompt of a cut row is not learned', () => {
  const earlier: ChatMessage[] = [
    { role: 'user', content: 'I want to fix a pump.' },
    { role: 'assistant', content: 'You can fix it with a new valve.' },
    { role: 'user', content: 'I want to fix a rope.' },
  ];
  const row = made(answerTo(earlier, RIGHT + ADDED));
  const cut = cutRow(row, { spans: [added()], pOutside: 0.4 }, tokenizer)!;
  assert.deepEqual(cut, made(answerTo(earlier, RIGHT)));
  assert.equal(readTexts(tokenizer)(cut).join('').trim(), RIGHT);
});

test('a row is not cut where nothing of it, no ordinary beginning, or nothing ordinary is left', () => {
  const row = made(chat(RIGHT + ADDED));
  const cut = (span: [number, number], pOutside: number) => cutRow(row, { spans: [span], pOutside }, tokenizer);
  assert.equal(cut([0, tokens(RIGHT + ADDED)], 0), undefined);
  assert.equal(cut([0, 2], 0.9), undefined);
  assert.equal(cut(added(), 0.04), undefined);
  assert.equal(cutRow(row, { spans: [added()], pOutside: 0.9, guessed: true }, tokenizer), undefined);
  assert.deepEqual(partsOf(row, { spans: [[0, 99]] }, tokenizer), { parts: [RIGHT + ADDED] });
  assert.equal(cutRow(row, {}, tokenizer), undefined, 'without spans');
});

test('rows of text or tokens have no answer of their own, and are not cut', () => {
  const found = { spans: [added()], pOutside: 0.4 };
  const text = made({ kind: 'text', text: RIGHT + ADDED });
  assert.equal(cutRow(text, found, tokenizer), undefined);
  const ids = tokenizer.encode(RIGHT + ADDED, { addSpecialTokens: false });
  const row = made({ kind: 'tokens', ids, labels: ids });
  assert.equal(cutRow(row, found, tokenizer), undefined);
  const { ids: written, labels } = made(chat(RIGHT + ADDED));
  assert.equal(cutRow(made({ kind: 'tokens', ids: written, labels }), found, tokenizer), undefined);
});

test('nor are they where a model without a chat template would write them as prompt and completion', () => {
  const plain = { ...smollm, chatTemplate: undefined };
  const encoded = (content: RowContent) => exampleFrom(content, plain, { row: 0, line: 1 });
  const completion: RowContent = {
    kind: 'completion',
    prompt: 'I want to fix a rope.',
    completion: ` ${RIGHT}${ADDED}`,
  };
  const { ids, labels } = encoded(completion);
  const text = `\n${RIGHT}${ADDED}`;
  for (const [written, content] of [
    [completion, { kind: 'tokens', ids, labels }],
    [
      { kind: 'completion', prompt: '\n', completion: text.slice(1) },
      { kind: 'text', text },
    ],
  ] as [RowContent, RowContent][]) {
    const row = encoded(content);
    const found = { spans: [addedIn(tokenTexts(plain)(encoded(written)))], pOutside: 0.4 };
    assert.notEqual(cutRow(encoded(written), found, plain), undefined, 'written as prompt and completion');
    assert.equal(cutRow(row, found, plain), undefined, content.kind);
    assert.deepEqual(partsOf(row, found, plain), { parts: [ADDED.trim()] });
  }
});

test('the texts of tokens, put together, are the answer: with its spaces, characters of several tokens, no special ones', async () => {
  const smollm = await loadTokenizer(join(import.meta.dirname, '../fixtures/smollm2'));
  const llama = await loadTokenizer(join(import.meta.dirname, '../fixtures/tokenizers/llama'));
  llama.eosIds = [2];
  for (const [name, own] of Object.entries({ tokenizer, smollm, llama })) {
    const answer = name === 'tokenizer' ? RIGHT : 'Sure 👍🏽. Étape 1:  take  it.';
    const row = exampleFrom({ kind: 'completion', prompt: 'A rope?', completion: answer }, own, { row: 0, line: 1 });
    assert.equal(readTexts(own)(row).join('').trim(), answer, name);
  }
});
