import assert from 'node:assert/strict';
import { parseJsonObject } from '../../runtime/support/jsonFile.js';
import { makeTokenizer } from '../../runtime/models/text/tokenizer.js';
import { fuzz } from './harness.js';
import { damageTokenizer, tokenizers, type TokenizerFiles } from './tokenizers.js';

fuzz<TokenizerFiles>({
  name: 'tokenizer.json',
  rounds: 150,
  sources: () => tokenizers(),
  damage: damageTokenizer,
  load: ({ tokenizer: text, config }) => {
    const json = parseJsonObject(text, 'tokenizer.json');
    const tokenizer = makeTokenizer(json, parseJsonObject(config, 'tokenizer_config.json'), 'tokenizer.json');
    const ids = tokenizer.encode('The quick <s> brown 42 fox, naïve 🙂\n\n jumps  ');
    assert(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 2 ** 22));
    assert.equal(typeof tokenizer.decode([...ids, 3, 250]), 'string');
    assert.equal(typeof tokenizer.decode(ids, { skipSpecialTokens: true }), 'string');
  },
});
