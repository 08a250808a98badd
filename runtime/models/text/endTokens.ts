/** What ends an answer, told to programs that read it in generation_config.json and not in the chat template. */
import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { applyEdits, modify } from 'jsonc-parser';
import { HumanError } from '../../support/errors.js';
import { writeFileAtomic } from '../../support/files.js';
import { readJsonObject, readOptionalJson, type JsonObject } from '../../support/jsonFile.js';
import { loadTokenizer } from './tokenizer.js';

const FILE = 'generation_config.json';

interface EndTokens {
  /** Ids in generation_config.json, or else config.json. */
  readonly named: readonly number[];
  /** Those with the ones that end an answer here besides. */
  readonly all: readonly number[];
}

/**
 * Undefined where none is missing, and of a folder without a tokenizer that can be used: no answer was ever read with
 * it.
 */
export async function endTokens(folder: string): Promise<EndTokens | undefined> {
  if (!existsSync(join(folder, 'tokenizer.json'))) return undefined;
  try {
    const { eosIds } = await loadTokenizer(folder);
    const generation = await readOptionalJson(join(folder, FILE));
    const { eos_token_id: own } = await readJsonObject(join(folder, 'config.json'));
    const named = new Set([generation?.eos_token_id ?? own].flat().filter((id) => typeof id === 'number'));
    const all = new Set([...named, ...eosIds]);
    return all.size > named.size ? { named: [...named], all: [...all] } : undefined;
  } catch (error) {
    if (error instanceof HumanError) return undefined;
    throw error;
  }
}

/** Names all of them in the generation_config.json of a folder that was written, and leaves the rest of it as it is. */
export async function nameEndTokens(folder: string): Promise<void> {
  const ends = await endTokens(folder);
  if (!ends) return;
  const file = join(folder, FILE);
  const text = existsSync(file)
    ? await readFile(file, 'utf8')
    : `${JSON.stringify(specialIds(await readJsonObject(join(folder, 'config.json'))), undefined, 2)}\n`;
  const formattingOptions = { insertSpaces: true, tabSize: 2 };
  await writeFileAtomic(file, applyEdits(text, modify(text, ['eos_token_id'], ends.all, { formattingOptions })));
}

/** What config.json says of special tokens. */
export const specialIds = (config: JsonObject): JsonObject =>
  Object.fromEntries(
    ['bos_token_id', 'eos_token_id', 'pad_token_id'].flatMap((key) =>
      config[key] === undefined ? [] : [[key, config[key]]],
    ),
  );
