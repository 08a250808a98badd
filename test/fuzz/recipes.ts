/** Recipes, and what stands in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../runtime/support/random.js';
import { damageJsonText, damageText, JSON_WORDS } from './damage.js';

const FOLDER = join(import.meta.dirname, '..', '..', 'media', 'sample', 'recipes');
const VALUES: readonly unknown[] = [
  ...['vector', 'finetune', 'evaluate', 'lora', 'full', 'auto', 'cpu', 'all-linear', 'contains', 'harm', 'loss', 'messages'],
  ...[{ route: 0.5 }, { route: 2 }, { anchor: false }, ['q_proj'], { adapter: 'x', scale: 1e308 }, [{ adapter: '../..' }]],
]; // oxfmt-ignore

export const recipes = (): string[] => readdirSync(FOLDER).map((name) => readFileSync(join(FOLDER, name), 'utf8'));

export const damageRecipe = (source: string, rng: Random): string =>
  rng.int(3) ? damageJsonText(source, rng, VALUES) : damageText(source, rng, [...JSON_WORDS, '// x\n', '/* */', ',]']);
