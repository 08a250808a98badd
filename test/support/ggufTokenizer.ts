import type { GgufValue } from '../../runtime/models/gguf/file/gguf.js';

/** What of a tokenizer.json goes into GGUF metadata. */
export interface TokenizerJson {
  model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
  added_tokens: { id: number; content: string; special: boolean; lstrip: boolean; rstrip: boolean }[];
}

/** The metadata that llama.cpp's converter makes of a tokenizer.json. */
export function metadataOf(
  json: TokenizerJson,
  model: 'gpt2' | 'llama',
  more: Record<string, GgufValue> = {},
): Record<string, GgufValue> {
  const { vocab, merges } = json.model;
  const size = 1 + Math.max(...Object.values(vocab), ...json.added_tokens.map(({ id }) => id));
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = tokens.map(() => 5);
  const scores = tokens.map(() => -10000);
  for (const [token, id] of Object.entries(vocab)) {
    tokens[id] = token;
    types[id] = model === 'llama' && /^<0x[0-9A-F]{2}>$/.test(token) ? 6 : 1;
    scores[id] = 0;
  }
  for (const { id, content, special } of json.added_tokens) {
    tokens[id] = content;
    types[id] = content === '<unk>' ? 2 : special ? 3 : 4;
  }
  const pairs = merges.map((merge) => (typeof merge === 'string' ? merge.split(' ') : merge));
  // SentencePiece: a piece's score is the rank of the merge that makes it
  pairs.forEach(([left, right], rank) => {
    const id = vocab[left + right];
    if (scores[id] === 0) scores[id] = -1 - rank;
  });
  return {
    'tokenizer.ggml.model': model,
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
    ...(model === 'gpt2'
      ? { 'tokenizer.ggml.merges': pairs.map((pair) => pair.join(' ')) }
      : { 'tokenizer.ggml.scores': scores }),
    ...more,
  };
}

/** The Llama tokenizer with Phi-3's special tokens: all but three take the white space behind them. */
export function likePhi3(llama: TokenizerJson): TokenizerJson {
  const kept = llama.added_tokens.map((token) => ({ ...token, rstrip: ['</s>', '<|end|>'].includes(token.content) }));
  const free = 1 + Math.max(...Object.values(llama.model.vocab), ...kept.map(({ id }) => id));
  const more = ['<|endoftext|>', '<|user|>', '<|assistant|>'].map((content, i) => ({
    ...{ ...kept[0], id: free + i, content },
    rstrip: content !== '<|endoftext|>',
  }));
  return { ...llama, added_tokens: [...kept, ...more] };
}

export const PHI3_TEXTS = [
  '<|user|>\nHi, make a cake<|end|>\n<|assistant|>\n',
  '<s> the dog<|endoftext|>\nand</s>  it runs <unk> away',
];
