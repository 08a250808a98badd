/** No number, list or text of a recipe is without a bound, and what is beyond it is an error at its line. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as z from 'zod';
import { selectSites } from '../../runtime/adapters/sites.js';
import { HumanError } from '../../runtime/support/errors.js';
import { recipeSchemas } from '../../runtime/contract/recipe.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { plannedSteps } from '../../runtime/recipes/training/steps.js';

interface Schema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  exclusiveMaximum?: number;
  maxItems?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  items?: Schema;
  prefixItems?: Schema[];
  anyOf?: Schema[];
}

type Path = (string | number)[];

/** Every leaf and list of a schema with where it stands. */
function* leaves(schema: Schema, at: Path = []): Generator<[Path, Schema]> {
  for (const part of schema.anyOf ?? []) yield* leaves(part, at);
  for (const [name, part] of Object.entries(schema.properties ?? {})) yield* leaves(part, [...at, name]);
  for (const [i, part] of (schema.prefixItems ?? []).entries()) yield* leaves(part, [...at, i]);
  if (schema.items) yield* leaves(schema.items, [...at, 0]);
  if (schema.type && schema.type !== 'object') yield [at, schema];
}

const VALID = {
  vector: { kind: 'vector', model: 'm', harmful: { file: 'h' }, output: 'o', steps: 1 },
  finetune: { kind: 'finetune', model: 'm', data: { file: 'd' }, output: 'o', steps: 1 },
  evaluate: { kind: 'evaluate', model: 'm', evaluate: [{ name: 'n', file: 'f', measure: 'harm' }], output: 'o' },
  sweep: { kind: 'sweep', base: 'b', over: { seed: [1] }, output: 'o' },
} as const;

/** What objects in lists need besides the value in question. */
const NEEDED: Record<string, object> = {
  vectors: { adapter: 'a' },
  adapters: { adapter: 'a' },
  evaluate: { name: 'n', file: 'f', measure: 'harm' },
  states: { name: 's' },
  judges: { endpoint: 'http://h/v1', model: 'm' },
  stop: { harmfulLoss: 1 },
  on: { ray: 'http://h', model: '/m', storage: '/s' },
  heldOut: { share: 0.1 },
  harmful: { file: 'h' },
  ordinary: { file: 'o' },
  mix: { file: 'm' },
  baseline: { name: 'ptst', prompt: 'p' },
  aligned: { file: 'a' },
  benign: { file: 'b' },
  betas: [0.5, 0.5],
  alternate: [1, 1],
};

function put(target: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (typeof key === 'number') {
    const items = Array.isArray(target) ? [...(target as unknown[])] : [];
    items[key] = put(items[key], rest, value);
    return items;
  }
  const object = typeof target === 'object' && target !== null ? (target as Record<string, unknown>) : {};
  const parent = { ...object };
  const named = typeof rest[0] === 'number' && key !== 'betas' && key !== 'alternate' ? [NEEDED[key]] : NEEDED[key];
  parent[key] = put(rest.length > 0 ? (parent[key] ?? named) : undefined, rest, value);
  return parent;
}

describe('bounds of a recipe', () => {
  it('folders on a cluster are absolute', () => {
    for (const [key, given, message] of [
      ['model', 'models/8b', /^this is no absolute path on the cluster/],
      ['model', 's3://bucket/8b', /^this is no absolute path on the cluster/],
      ['storage', '../shared', /^this is neither an absolute path on the cluster, like \/shared, nor a bucket/],
    ] as const) {
      const on = { ...NEEDED.on, [key]: given };
      assert.throws(() => parseRecipe(JSON.stringify({ ...VALID.finetune, on }), 'r.json'), { message });
    }
    const on = { ...NEEDED.on, storage: 's3://bucket/runs' };
    parseRecipe(JSON.stringify({ ...VALID.finetune, on }), 'r.json');
  });

  it('moments are in 8 bits on this machine only', () => {
    for (const kind of ['vector', 'finetune'] as const) {
      const recipe = { ...VALID[kind], optimizer: { moments: '8bit' } };
      parseRecipe(JSON.stringify(recipe), 'r.json');
      assert.throws(() => parseRecipe(JSON.stringify({ ...recipe, on: NEEDED.on }), 'r.json'), {
        message: /moments are in 8 bits on this machine only: remove "moments", or "on"/,
      });
    }
  });

  for (const [kind, schema] of Object.entries(recipeSchemas)) {
    const all = [...leaves(z.toJSONSchema(schema as z.ZodType, { io: 'input' }) as Schema)];

    it(`${kind}: every number has a smallest and a largest value, every list and text a longest`, () => {
      const open = all.filter(([path, leaf]) => {
        if (leaf.type === 'number' || leaf.type === 'integer')
          return (
            (leaf.minimum ?? leaf.exclusiveMinimum) === undefined ||
            (leaf.maximum ?? leaf.exclusiveMaximum) === undefined
          );
        if (leaf.type === 'array') return leaf.maxItems === undefined && leaf.prefixItems === undefined;
        return leaf.type === 'string' && !leaf.enum && leaf.const === undefined && leaf.maxLength === undefined
          ? path.at(-1) !== '$schema'
          : false;
      });
      assert.deepEqual(
        open.map(([path]) => path.join('.')),
        [],
      );
    });

    it(`${kind}: what is beyond a bound is refused with key, line and limit`, () => {
      let count = 0;
      for (const [path, leaf] of all) {
        const largest = leaf.maximum ?? leaf.exclusiveMaximum;
        if (largest === undefined || largest === Number.MAX_SAFE_INTEGER) continue;
        count++;
        for (const value of [largest * 10, 1e308]) {
          const text = JSON.stringify(put(VALID[kind as keyof typeof VALID], path, value), null, 1);
          assert.throws(
            () => parseRecipe(text, 'r.json'),
            (error) => {
              assert.ok(error instanceof HumanError);
              assert.match(error.place!, new RegExp(`^r\\.json:\\d+ ${path.join('\\.')}$`), text);
              assert.match(error.message, new RegExp(`this (is more|must be less) than ${largest}`));
              return true;
            },
          );
        }
      }
      // A sweep has the numbers of its base.
      assert.ok(count > 5 || kind === 'sweep', `${count} numbers`);
    });
  }

  it('of a wrong type is told what is expected, also where that may be several things', () => {
    for (const [kind, schema] of Object.entries(recipeSchemas))
      for (const [path] of leaves(z.toJSONSchema(schema as z.ZodType, { io: 'input' }) as Schema)) {
        const text = JSON.stringify(put(VALID[kind as keyof typeof VALID], path, [[]]), null, 1);
        try {
          parseRecipe(text, 'r.json');
        } catch (error) {
          assert.ok(error instanceof HumanError);
          assert.notEqual(error.message, 'Invalid input.', path.join('.'));
        }
      }
    const anchored = JSON.stringify({ ...VALID.finetune, vectors: [NEEDED.vectors], protection: { anchor: true } });
    assert.throws(() => parseRecipe(anchored, 'r.json'), { message: /false, or an object: \{\} for an anchor/ });
  });

  it('an unknown key is named with the kind of the recipe', () => {
    for (const [kind, said] of [
      ['finetune', 'a finetune recipe'],
      ['evaluate', 'an evaluate recipe'],
    ] as const)
      assert.throws(() => parseRecipe(JSON.stringify({ ...VALID[kind], epocs: 1 }), 'r.json'), {
        message: `unknown key "epocs" in ${said}.`,
      });
  });

  it('the sample recipes keep within them', () => {
    const folder = join(import.meta.dirname, '../../media/sample/recipes');
    for (const name of ['vector.json', 'plain.json', 'protected.json', 'paper.json', 'evaluate.json'])
      try {
        parseRecipe(readFileSync(join(folder, name), 'utf8'), name);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
  });

  it('epochs that are too many steps', () => {
    const batch = { rows: 1, accumulate: 1 };
    const rows = Array.from({ length: 1000 }, () => ({ ids: [1] }));
    assert.equal(plannedSteps({ epochs: 10, batch }, rows), 10_000);
    assert.throws(() => plannedSteps({ epochs: 100_000, batch }, rows), /100000000 steps; a run has at most 10000000/);
  });

  it('a regular expression in adapter.sites that backtracks without end is stopped', () => {
    const sites = [{ name: `model.layers.${'a'.repeat(40)}!`, in: 1, out: 1 }];
    const began = process.cpuUsage();
    assert.throws(() => selectSites(sites, '(.*a*)*b'), /takes too long to match/);
    const { user, system } = process.cpuUsage(began);
    assert.ok((user + system) / 1e6 < 1.5, 'seconds of processor time');
    assert.throws(() => selectSites(sites, '('), HumanError);
  });
});
