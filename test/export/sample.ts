/** Copies of the sample with other settings. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../calls/support.js';
import type { Place } from './support.js';

export const SAMPLE = join(ROOT, 'media/sample/tiny-assistant');

export type Settings = Record<string, unknown>;
/** What becomes of which file; undefined removes it. */
export type Changes = Record<string, (settings: Settings) => Settings | undefined>;

export const settingsOf = async (file: string): Promise<Settings> =>
  JSON.parse(await readFile(file, 'utf8')) as Settings;

export async function sample(here: Place, name: string, changes: Changes): Promise<string> {
  const model = here.file(name);
  await cp(SAMPLE, model, { recursive: true });
  for (const [file, change] of Object.entries(changes)) {
    const changed = change(await settingsOf(join(model, file)));
    if (changed === undefined) await rm(join(model, file));
    else await writeFile(join(model, file), JSON.stringify(changed, undefined, 2));
  }
  return model;
}

/**
 * The tokenizer has one end token, the generation config others, and the chat template ends answers with `<|end|>`,
 * which is 0.
 */
export const ended = (eos: string, ids: number | number[]): Changes => ({
  'tokenizer_config.json': (settings) => ({
    ...{ ...settings, eos_token: eos },
    chat_template: String(settings.chat_template).replaceAll('eos_token', "'<|end|>'"),
  }),
  'generation_config.json': (settings) => ({ ...settings, eos_token_id: ids }),
});
