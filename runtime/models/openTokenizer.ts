import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { madeOnce } from '../support/fileStamp.js';
import { decoderSpec } from './families/config.js';
import { openModel } from './folder.js';
import { planConversion, tokenizerFiles } from './gguf/convert.js';
import { modelFiles } from './modelFiles.js';
import { loadTokenizer, type Tokenizer } from './text/tokenizer.js';

type Config = Parameters<typeof decoderSpec>[0];
interface Opened {
  readonly tokenizer?: Tokenizer;
  readonly config: Config;
}

/** The last one: with a large vocabulary it takes a second to open, and is asked for at every change of a recipe. */
const last = madeOnce<Opened>(1);
const ANYBODY = {};

/**
 * A model's tokenizer, if it has one, and the most tokens of a row; no weight is read and nothing is converted. It is
 * the same as before as long as the model's files are.
 * @throws HumanError for what is missing or damaged
 */
export async function openTokenizer(
  path: string,
  most = Infinity,
): Promise<{ tokenizer?: Tokenizer; maxTokens: number }> {
  const open = path.toLowerCase().endsWith('.gguf') ? ofGguf : ofFolder;
  const files = await modelFiles(path).catch(() => [path]);
  const { tokenizer, config } = await last(ANYBODY, files, undefined, () => open(path));
  return { tokenizer, maxTokens: Math.min(most, decoderSpec(config, path).contextLength) };
}

async function ofFolder(path: string): Promise<Opened> {
  const { folder, config, hasTokenizer } = await openModel(path, { cache: '' });
  return { ...(hasTokenizer && { tokenizer: await loadTokenizer(folder) }), config };
}

async function ofGguf(path: string): Promise<Opened> {
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
