/**
 * Which tokens take the white space behind them. GGUF has no place for it: llama.cpp knows it of Phi-3, by the model's
 * name (llama-vocab.cpp, "Handle per token attributes").
 */
import type { JsonObject } from '../../support/jsonFile.js';

const NAMED = /phi-?3/gi;
const WITHOUT = ['<unk>', '<s>', '<|endoftext|>'];
/** Of a file with such a name llama.cpp asks for these tokens. */
const NEEDED = [...WITHOUT, '</s>'];

/** Whether an added token takes the white space behind it, in a model of this name. */
export function spacesBehind(name: string, tokens: readonly string[]): (token: string) => boolean {
  const isNamed = name.search(NAMED) >= 0 && NEEDED.every((token) => tokens.includes(token));
  return (token) => isNamed && !WITHOUT.includes(token);
}

export interface Naming {
  /** The model's name, so that llama.cpp reads the tokens as they are, or nearly. */
  rename: (name: string) => string;
  /** Added tokens that it reads differently all the same. */
  different: JsonObject[];
}

/** @param added entries of tokenizer.json */
export function namingFor(added: readonly JsonObject[], tokens: readonly string[]): Naming {
  const [named, unnamed] = ['phi-3', ''].map((name) => {
    const takes = spacesBehind(name, tokens);
    return added.filter(
      ({ content, lstrip, rstrip, single_word }) =>
        lstrip || single_word || (rstrip === true) !== takes(String(content)),
    );
  }) as [JsonObject[], JsonObject[]];
  return named.length < unnamed.length
    ? { different: named, rename: (name) => (name.search(NAMED) >= 0 ? name : `Phi-3 ${name}`) }
    : { different: unnamed, rename: (name) => name.replace(NAMED, 'Phi 3') };
}
