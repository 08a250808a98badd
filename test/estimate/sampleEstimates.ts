/** Estimates of the sample's recipes, and of a model of which only the header is there. */
import { cp, readdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { TrainingRecipe } from '../../runtime/contract/kinds.js';
import { estimateTraining, type EstimateOptions, type Expected } from '../../runtime/estimate/estimate.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';

export const recipes = join(import.meta.dirname, '../../media/sample/recipes');

export type OfRecipe = (
  name: string,
  change?: Record<string, unknown>,
  options?: Pick<EstimateOptions, 'mapped'>,
) => Promise<Expected>;

/** @param history the folder of what runs took */
export async function estimateOf(history: string, ...[name, change, options]: Parameters<OfRecipe>): Promise<Expected> {
  const text = await readFile(join(recipes, `${name}.json`), 'utf8');
  const raw = { ...(JSON.parse(text.replace(/^\s*\/\/.*$/gm, '')) as Record<string, unknown>), ...change };
  const recipe = parseRecipe(JSON.stringify(raw), name) as TrainingRecipe;
  return estimateTraining(recipe, {
    path: (written) => resolve(recipes, written),
    device: 'cpu',
    history,
    ...options,
  });
}

/** What was changed only now is read again each time: it may be changed again with the same time. */
export const age = (...files: string[]) => Promise.all(files.map((file) => utimes(file, 1e9, 1e9)));
export const total = ({ memory }: Expected): number => Object.values(memory).reduce<number>((a, b) => a + Number(b), 0);

/** The sample's model, 16 times as wide: its header alone, as no weight is read. */
export async function wide(folder: string): Promise<string> {
  await cp(join(recipes, '../tiny-assistant'), folder, { recursive: true });
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
  const changed = { ...config, hidden_size: 2048, intermediate_size: 8192, head_dim: 512 };
  await writeFile(join(folder, 'config.json'), JSON.stringify(changed));
  let end = 0;
  const tensors = [...parameters(decoderSpec(changed))].map(([name, shape]) => {
    const begin = end;
    end += 4 * shape.reduce((a, b) => a * b, 1);
    return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(tensors)));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  const file = join(folder, 'model.safetensors');
  await writeFile(file, Buffer.concat([size, header]));
  await truncate(file, 8 + header.length + end);
  await age(...(await readdir(folder)).map((name) => join(folder, name)));
  return folder;
}
