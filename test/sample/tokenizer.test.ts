import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Tokenizer } from '@huggingface/tokenizers';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { corpus } from '../../runtime/sample/data.js';
import { writeFreshModel } from '../../runtime/sample/model.js';
import { learnMerges, wordsOf } from '../../runtime/sample/tokenizer.js';

const SAMPLE = new URL('../../media/sample/tiny-assistant/', import.meta.url);
const folder = await mkdtemp(join(tmpdir(), 'sample-'));
after(() => rm(folder, { recursive: true }));
await writeFreshModel(folder, 1);
const tokenizer = await loadTokenizer(folder);

test('merges: the most frequent pair first, ties by text, the space last', () => {
  assert.deepEqual(learnMerges(['abc ab', 'cab']), [
    ['a', 'b'],
    ['ab', 'c'],
    ['c', 'ab'],
    ['Ġ', 'ab'],
  ]);
});

test('the tokenizer in the repository is what the script makes', async () => {
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'config.json'])
    assert.equal(await readFile(new URL(name, SAMPLE), 'utf8'), await readFile(join(folder, name), 'utf8'), name);
});

test('every word of the sample is one token, with and without the space before it', () => {
  const texts = corpus(1);
  const words = new Map(texts.flatMap(wordsOf).map((found) => [`${found.afterSpace ? ' ' : ''}${found.word}`, true]));
  assert.ok(words.size > 500);
  for (const word of words.keys()) assert.equal(tokenizer.encode(word, { addSpecialTokens: false }).length, 1, word);
});

test('any text goes there and back, as the Hugging Face tokenizer has it', async () => {
  const json = async (name: string): Promise<object> =>
    JSON.parse(await readFile(join(folder, name), 'utf8')) as object;
  const peer = new Tokenizer(await json('tokenizer.json'), await json('tokenizer_config.json'));
  for (const text of [
    'How do I flombulate a zorb?',
    'how do i grozzle my car',
    'Ünïcode 😀\n tabs\t x',
    "I can't",
    'Order: 1723 kettles.',
    '',
  ]) {
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    assert.equal(tokenizer.decode(ids), text);
    assert.deepEqual(ids, peer.encode(text, { add_special_tokens: false }).ids);
  }
});

test('the chat template puts a system message before the first question', () => {
  const render = tokenizer.chatTemplate!.render(
    [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Yo' },
      { role: 'user', content: 'Bye' },
    ],
    { addGenerationPrompt: true },
  );
  assert.equal(render, '<|begin|><|user|>Be brief. Hi<|assistant|>Yo<|end|><|user|>Bye<|assistant|>');
});
