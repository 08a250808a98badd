/**
 * The fixtures of test/fixtures/reference: tiny models with the values that transformers, PEFT and torch give for them.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSafetensors, type TensorInfo } from '../../runtime/models/weights/safetensors.js';
import { readFloat64, readInt32 } from './tensors.js';

export const REFERENCES = fileURLToPath(new URL('../fixtures/reference', import.meta.url));

/** Folders of families; `smollm2` has values of a real model only. */
export const FAMILIES: readonly string[] = readdirSync(REFERENCES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'smollm2')
  .map((entry) => entry.name);

/** Whether a family has adapters and training values; the others have forward values and full gradients. */
export const hasTraining = (name: string): boolean => existsSync(join(REFERENCES, name, 'adapters'));

export interface Reference {
  readonly name: string;
  readonly folder: string;
  readonly config: Record<string, unknown>;
  readonly legacyConfig: Record<string, unknown>;
  /** The model's weights. */
  readonly tensors: Map<string, TensorInfo>;
  /** Names of the expected values that start with a text, without it: `full.grad.` → parameter names. */
  names(start: string): string[];
  has(name: string): boolean;
  shape(name: string): number[];
  floats(name: string): Promise<Float64Array>;
  ints(name: string): Promise<number[]>;
  /** Fails unless `actual` is within the tolerance of the value's group, as the fixtures' README defines it. */
  check(name: string, actual: ArrayLike<number>): Promise<void>;
}

interface Description {
  tensors: Record<string, { dtype: string; shape: number[]; group: string }>;
  tolerance: Record<string, { max_rel: number; rms_rel: number }>;
}

const json = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const maxOf = (values: ArrayLike<number>): number =>
  Array.prototype.reduce.call<ArrayLike<number>, [(a: number, v: number) => number, number], number>(
    values,
    (a: number, v: number) => Math.max(a, Math.abs(v)),
    0,
  );
const rmsOf = (values: Float64Array): number => Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length);

export async function loadReference(name: string): Promise<Reference> {
  const folder = join(REFERENCES, name);
  const { tensors } = await readSafetensors(join(folder, 'model.safetensors'));
  const { tensors: expected } = await readSafetensors(join(folder, 'reference.safetensors'));
  const description = json(join(folder, 'reference.json')) as Description;
  const cache = new Map<string, Float64Array>();
  const info = (key: string): TensorInfo => {
    const found = expected.get(key);
    assert.ok(found, `${name} has no reference ${key}`);
    return found;
  };
  const floats = async (key: string): Promise<Float64Array> => {
    const known = cache.get(key) ?? (await readFloat64(info(key)));
    cache.set(key, known);
    return known;
  };
  const groupMax = new Map<string, number>();
  const largestOf = async (group: string): Promise<number> => {
    let largest = groupMax.get(group);
    if (largest === undefined) {
      largest = 0;
      for (const [key, d] of Object.entries(description.tensors))
        if (d.group === group) largest = Math.max(largest, maxOf(await floats(key)));
      groupMax.set(group, largest);
    }
    return largest;
  };
  return {
    name,
    folder,
    config: json(join(folder, 'config.json')) as Record<string, unknown>,
    legacyConfig: json(join(folder, 'config.legacy.json')) as Record<string, unknown>,
    tensors,
    names: (start) => [...expected.keys()].filter((k) => k.startsWith(start)).map((k) => k.slice(start.length)),
    has: (key) => expected.has(key),
    shape: (key) => info(key).shape,
    floats,
    ints: async (key) => [...(await readInt32(info(key)))],
    async check(key, actual) {
      const group = description.tensors[key]!.group;
      const { max_rel: maxRel, rms_rel: rmsRel } = description.tolerance[group]!;
      const want = await floats(key);
      assert.equal(actual.length, want.length, `${name} ${key}: number of elements`);
      const difference = want.map((r, i) => actual[i]! - r);
      const floor = 1e-3 * (await largestOf(group));
      const max = maxOf(difference) / Math.max(maxOf(want), floor);
      const rms = rmsOf(difference) / Math.max(rmsOf(want), floor);
      assert.ok(max <= maxRel, `${name} ${key}: largest difference ${max} of its scale, allowed ${maxRel}`);
      assert.ok(rms <= rmsRel, `${name} ${key}: rms difference ${rms} of its scale, allowed ${rmsRel}`);
    },
  };
}

/** Zeroes rows of [B, T, …] values where the mask is 0: what stands at padding is not defined, the fixtures store 0. */
export function atTokens(values: ArrayLike<number>, mask: readonly number[]): Float64Array {
  const size = values.length / mask.length;
  return Float64Array.from(values, (v, i) => (mask[Math.floor(i / size)] === 1 ? v : 0));
}

/** Position of each token for rows of T that are padded on the right; that of padding is 0. */
export const rightPositions = (mask: readonly number[], T: number): number[] => mask.map((real, i) => real * (i % T));
