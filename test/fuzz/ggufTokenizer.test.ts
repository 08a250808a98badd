import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GgufValue } from '../../runtime/models/gguf/file/gguf.js';
import { readMetadata } from '../../runtime/models/gguf/file/metadata.js';
import { convertTokenizer } from '../../runtime/models/gguf/tokenizer.js';
import type { JsonObject } from '../../runtime/support/jsonFile.js';
import { makeTokenizer } from '../../runtime/models/text/tokenizer.js';
import { metadataOf } from '../support/ggufTokenizer.js';
import type { TokenizerJson } from '../support/ggufTokenizer.js';
import { fuzz } from './harness.js';

type Entries = Record<string, GgufValue>;

const VALUES: readonly GgufValue[] = [
  ...[0, 1, -1, 2 ** 31, 2 ** 40, 1e308, NaN, Infinity, 5n, 2n ** 63n, true, false, '', 'x', '\ud800', '\0', 'x'.repeat(5000)],
  ...['gpt2', 'llama', 'bert', 'default', 'qwen2', 'llama-bpe', 'tekken', '__proto__', '{{ messages', '<|im_end|>'],
  ...[[], [1], ['a'], ['a', 'a'], ['a b', 'b a'], [[1]], [NaN], Array<number>(500).fill(3)],
]; // oxfmt-ignore

const tokenizerOf = (name: string): TokenizerJson =>
  JSON.parse(
    readFileSync(join(import.meta.dirname, '..', 'fixtures', 'tokenizers', name, 'tokenizer.json'), 'utf8'),
  ) as TokenizerJson;

fuzz<Entries>({
  name: 'GGUF tokenizer',
  rounds: 240,
  sources: () => [
    metadataOf(tokenizerOf('gpt2'), 'gpt2', { 'tokenizer.ggml.pre': 'gpt-2' }),
    metadataOf(tokenizerOf('qwen2'), 'gpt2', { 'tokenizer.ggml.pre': 'qwen2', 'tokenizer.ggml.eos_token_id': 1 }),
    metadataOf(tokenizerOf('llama'), 'llama', {
      ...{ 'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.eos_token_id': 2, 'tokenizer.ggml.unknown_token_id': 0 },
      ...{ 'tokenizer.ggml.add_bos_token': true, 'tokenizer.chat_template': '{{ messages[0].content }}<|im_end|>' },
    }),
  ],
  damage: (source, rng) => {
    const entries = { ...source };
    for (let n = 1 + rng.int(3); n > 0 && Object.keys(entries).length > 0; n--) {
      const key = rng.pick(Object.keys(entries));
      const value = entries[key]!;
      if (Array.isArray(value) && rng.int(3)) {
        const copy = [...value];
        if (rng.int(2)) copy.splice(rng.int(copy.length), rng.int(3), rng.pick(VALUES));
        else copy[rng.int(copy.length)] = rng.pick(copy);
        entries[key] = copy;
      } else if (rng.int(3)) entries[key] = rng.pick(VALUES);
      else Reflect.deleteProperty(entries, key);
    }
    return entries;
  },
  load: (entries) => {
    const metadata = new Map(Object.entries(entries));
    const found = convertTokenizer(readMetadata({ file: 'x.gguf', size: 0, metadata, tensors: new Map() }), 512);
    if (!found) return;
    // As it is read again: out of the text of a file.
    const again = (json: JsonObject): JsonObject => JSON.parse(JSON.stringify(json)) as JsonObject;
    const tokenizer = makeTokenizer(again(found.tokenizer), again(found.tokenizerConfig), 'tokenizer.json');
    const ids = tokenizer.encode('The quick <s> brown 42 fox, naïve 🙂\n\n jumps  ');
    assert(ids.every((id) => Number.isInteger(id) && id >= 0));
    assert.equal(typeof tokenizer.decode([...ids, ...found.eosIds, 3, 250]), 'string');
  },
});
