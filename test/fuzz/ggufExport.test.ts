import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tokenizerMetadata } from '../../runtime/models/gguf/exportTokenizer.js';
import { fuzz } from './harness.js';
import { damageTokenizer, tokenizers, type TokenizerFiles } from './tokenizers.js';

const TOKENS = 1024;

/** Tokenizers on their way into a GGUF file. */
fuzz<TokenizerFiles>({
  name: 'tokenizer to GGUF',
  rounds: 100,
  sources: () => tokenizers(['gpt2', 'llama', 'llama-metaspace', 'llama3', 'roberta', 'tekken']),
  damage: damageTokenizer,
  load: async ({ tokenizer, config }, folder) => {
    writeFileSync(join(folder, 'tokenizer.json'), tokenizer);
    writeFileSync(join(folder, 'tokenizer_config.json'), config);
    const { entries } = await tokenizerMetadata(folder, TOKENS);
    const tokens = entries['tokenizer.ggml.tokens'];
    assert(tokens && 'texts' in tokens && tokens.texts.length === TOKENS);
    assert(tokens.texts.every((token) => typeof token === 'string'));
    for (const value of Object.values(entries)) if ('u32' in value) assert(value.u32 >= 0 && value.u32 < 2 ** 32);
  },
});
