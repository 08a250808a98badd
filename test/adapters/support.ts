/** Adapter folders for tests. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatAdapterConfig, type AdapterConfig } from '../../runtime/adapters/adapterConfig.js';
import { bytesOf, writeSafetensors } from '../../runtime/models/weights/safetensors.js';

/** An error for people, of which `assert.rejects` compares what is given here. */
export const human = (message: RegExp): object => ({ name: 'HumanError', message, place: /./, remedy: /./ });

export const plain: AdapterConfig = {
  rank: 4,
  alpha: 8,
  useRslora: false,
  targetModules: ['q_proj'],
  rankPattern: {},
  alphaPattern: {},
  fanInFanOut: false,
};

/** A folder in `dir`: the plain config with changes, and matrices of these shapes; all zero without `value`. */
export async function adapterWith(
  dir: string,
  config: object,
  tensors: Record<string, number[]>,
  value: (i: number) => number = () => 0,
): Promise<string> {
  const path = await mkdtemp(join(dir, 'made-'));
  await writeFile(join(path, 'adapter_config.json'), JSON.stringify({ ...formatAdapterConfig(plain), ...config }));
  const list = Object.entries(tensors).map(([name, shape]) => {
    const data = bytesOf(new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => value(i)));
    return { name, dtype: 'F32' as const, shape, bytes: data.length, data: () => data };
  });
  await writeSafetensors(join(path, 'adapter_model.safetensors'), list);
  return path;
}
