/** Weights on a device: once, for all sessions that read them. */
import { join } from 'node:path';
import { fileStamp } from '../support/fileStamp.js';
import { fileType } from '../models/weights/graphTypes.js';
import { readBytes, readFloat32 } from '../models/weights/safetensors.js';
import type { WeightInput } from '../onnx/weightInputs.js';

interface Held<T> {
  readonly tensor: Promise<T>;
  uses: number;
}

/** The weights that sessions hold on a device. `T` is a tensor there. */
export interface DeviceWeights<T> {
  /**
   * Tensors of weights by the names of their inputs: those that are there, the others uploaded.
   * @param folder of their files
   */
  hold(weights: readonly WeightInput[], folder: string): Promise<HeldWeights<T>>;
}

export interface HeldWeights<T> {
  readonly feeds: Readonly<Record<string, T>>;
  /** Frees what no other session holds. */
  release(): Promise<void>;
}

/** @param upload what puts values [shape] on the device; @param free what takes a tensor from it */
export function deviceWeights<T>(
  upload: (values: Float32Array | Uint8Array, shape: readonly number[]) => Promise<T>,
  free: (tensor: T) => void,
): DeviceWeights<T> {
  const held = new Map<string, Held<T>>();

  const read = async ({ input: { name, shape }, stored, place }: WeightInput, folder: string): Promise<T> => {
    const sizes = shape as readonly number[];
    const info = { ...place, file: join(folder, place.file), name, dtype: fileType(stored), shape: [...sizes] };
    const values = await (stored === 'uint8' ? readBytes(info) : readFloat32(info));
    return upload(values, sizes);
  };

  return {
    async hold(weights, folder) {
      const stamps = new Map<string, Promise<string>>();
      const keys: string[] = [];
      const release = async (): Promise<void> => {
        const unused = keys.splice(0).flatMap((key) => {
          const one = held.get(key)!;
          if (--one.uses > 0) return [];
          held.delete(key);
          return [one.tensor];
        });
        // one that never came is none to free
        await Promise.all(unused.map(async (tensor) => tensor.then(free, () => undefined)));
      };
      const feeds: Record<string, T> = {};
      try {
        // one after the other: of what is uploaded, one is in memory at a time
        for (const weight of weights) {
          const { input, stored, place } = weight;
          const file = join(folder, place.file);
          if (!stamps.has(file)) stamps.set(file, fileStamp([file]));
          const key = JSON.stringify([await stamps.get(file), place.offset, place.bytes, stored, input.shape]);
          const one = held.get(key) ?? { tensor: read(weight, folder), uses: 0 };
          held.set(key, one);
          one.uses += 1;
          keys.push(key);
          feeds[input.name] = await one.tensor;
        }
      } catch (error) {
        await release();
        throw error;
      }
      return { feeds, release };
    },
  };
}
