import { openModel } from './folder.js';
import { readGguf } from './gguf/file/gguf.js';
import { planConversion } from './gguf/convert.js';
import { loadTokenizer, type Tokenizer } from './text/tokenizer.js';
import type { TensorInfo } from './weights/safetensors.js';
import type { JsonObject } from '../support/jsonFile.js';

/** Describes a model folder or a GGUF file; no weight is read and nothing is converted. */
interface ModelDescription {
  config: JsonObject;
  /** By Hugging Face name; undefined for a GGUF file, whose tensors are checked while its conversion is planned. */
  tensors?: Map<string, TensorInfo>;
  /** Types of the weights in the file. */
  dtypes: string[];
  hasTokenizer: boolean;
  hasChatTemplate: boolean;
  /** Of a folder that has one. */
  tokenizer?: Tokenizer;
}

/** @throws HumanError for what is missing, damaged or, in a GGUF file, cannot be converted. */
export async function describeModel(path: string): Promise<ModelDescription> {
  if (path.toLowerCase().endsWith('.gguf')) {
    const { config, tokenizer } = await planConversion(path);
    return {
      config,
      dtypes: [...new Set([...readGguf(path).tensors.values()].map((t) => t.type.name))],
      hasTokenizer: tokenizer !== undefined,
      hasChatTemplate: tokenizer?.tokenizerConfig.chat_template !== undefined,
    };
  }
  const { config, tensors, hasTokenizer, folder } = await openModel(path, { cache: '' });
  const tokenizer = hasTokenizer ? await loadTokenizer(folder) : undefined;
  return {
    config,
    tensors,
    dtypes: [...new Set([...tensors.values()].map((t) => t.dtype))],
    hasTokenizer,
    hasChatTemplate: tokenizer?.chatTemplate?.plain === false,
    ...(tokenizer && { tokenizer }),
  };
}
