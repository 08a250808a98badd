import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { SUPPORTED_FAMILIES } from '../../runtime/models/families/table.js';
import { parseJsonObject } from '../../runtime/support/jsonFile.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { damageJsonText, damageText, JSON_WORDS } from './damage.js';
import { fuzz } from './harness.js';

const REFERENCE = join(import.meta.dirname, '..', 'fixtures', 'reference');
const FILES = readdirSync(REFERENCE).flatMap((family) =>
  ['config.json', 'config.legacy.json'].map((name) => join(REFERENCE, family, name)),
);
const VALUES: readonly unknown[] = [
  ...SUPPORTED_FAMILIES,
  ...['gelu', 'silu', 'linear', 'yarn', 'longrope', 'llama3', 'dynamic', 'mrope', 'sliding_attention', 'full_attention'],
  ...[2, 3, 8, 16, 1024, 2 ** 20, 2 ** 22, 2 ** 24, 2 ** 24 + 1, 1e-300, ['sliding_attention'], ['full_attention'], [1, 0], { type: 'yarn', factor: 1e300 }],
  ...[{ rope_type: 'longrope', short_factor: [1], long_factor: [1e308] }, { rope_type: 'llama3', factor: 8 }, { rope_type: 'yarn', factor: 1e-30 }],
]; // oxfmt-ignore

fuzz<string>({
  name: 'config.json',
  rounds: 3000,
  sources: () =>
    FILES.flatMap((file) => {
      try {
        return [readFileSync(file, 'utf8')];
      } catch {
        return [];
      }
    }),
  damage: (source, rng) => {
    const text = damageJsonText(source, rng, VALUES);
    return rng.int(10) ? text : damageText(text, rng, JSON_WORDS);
  },
  load: (text) => {
    const spec = decoderSpec(parseJsonObject(text, 'config.json'));
    const all = parameters(spec);
    assert(all.size > spec.layers.length);
    for (const [name, shape] of all)
      assert(
        shape.every((dim) => Number.isSafeInteger(dim) && dim > 0),
        name,
      );
    JSON.stringify(spec, (key, value: unknown) => {
      assert(typeof value !== 'number' || Number.isFinite(value), `${key} = ${String(value)}`);
      return value;
    });
  },
});
