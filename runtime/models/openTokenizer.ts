import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decoderSpec } from './families/config.js';
import { openModel } from './folder.js';
import { planConversion, tokenizerFiles } from './gguf/convert.js';
import { loadTokenizer, type Tokenizer } from './text/tokenizer.js';

/**
 * A model's tokenizer, if it has one, and the most tokens of a row; no weight is read and nothing is converted.
 * @throws HumanError for what is missing or damaged
 */
export async function openTokenizer(
  path: string,
  most = Infinity,
): Promise<{ tokenizer?: Tokenizer; maxTokens: number }> {
  const { tokenizer, config } = path.toLowerCase().endsWith('.gguf') ? await ofGguf(path) : await ofFolder(path);
  return { tokenizer, maxTokens: Math.min(most, decoderSpec(config).contextLength) };
}

type Config = Parameters<typeof decoderSpec>[0];

async function ofFolder(path: string): Promise<{ tokenizer?: Tokenizer; config: Config }> {
  const { folder, config, hasTokenizer } = await openModel(path, { cache: '' });
  return { ...(hasTokenizer && { tokenizer: await loadTokenizer(folder) }), config };
}

async function ofGguf(path: string): Promise<{ tokenizer?: Tokenizer; config: Config }> {
  const { tokenizer, config } = await planConversion(path);
  if (!tokenizer) return { config };
  const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
  try {
    const files = { ...tokenizerFiles(tokenizer), 'config.json': config };
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
    return { tokenizer: await loadTokenizer(folder), config };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
