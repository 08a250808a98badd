import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HumanError } from '../errors.js';
import { writeFileAtomic } from '../files.js';
import { readFloat32, readSafetensors, writeSafetensors } from '../models/safetensors.js';
import type { OptimizerState } from '../optim/optimizer.js';
import { float32, type Backend, type Tensor } from '../device/session.js';

interface Progress {
  version: 1;
  step: number;
  /** SHA-256 of what must not have changed to go on: recipe, data. */
  fingerprint: string;
  file: string;
}

const parts = ['p', 'm', 'v'] as const;

/** Writes parameters and moments beside, then makes them the checkpoint: a crash leaves the one before. */
export async function saveCheckpoint(
  folder: string,
  state: OptimizerState,
  fingerprint: string,
  backend: Backend,
): Promise<string> {
  const file = `state-${state.step % 2}.safetensors`;
  const tensors = parts.flatMap((part) =>
    state.names.map((name, i) => {
      const tensor = state[part][i]!;
      const bytes = tensor.dims.reduce((a, b) => a * b, 1) * 4;
      return {
        name: `${part}.${name}`,
        dtype: 'F32' as const,
        shape: [...tensor.dims],
        bytes,
        data: async () => {
          const data = await backend.read(tensor);
          return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        },
      };
    }),
  );
  await writeSafetensors(join(folder, file), tensors);
  await writeFileAtomic(
    join(folder, 'checkpoint.json'),
    `${JSON.stringify({ version: 1, step: state.step, fingerprint, file } satisfies Progress)}\n`,
  );
  return folder;
}

/** Loads the checkpoint of a run folder; undefined where there is none. */
export async function loadCheckpoint(
  folder: string,
  names: readonly string[],
  fingerprint: string,
): Promise<OptimizerState | undefined> {
  const place = join(folder, 'checkpoint.json');
  if (!existsSync(place)) return undefined;
  const progress = JSON.parse(await readFile(place, 'utf8')) as Progress;
  if (progress.fingerprint !== fingerprint) {
    throw new HumanError('the recipe or its data changed since this checkpoint was written.', {
      place,
      remedy: 'Start the run anew instead of resuming it.',
    });
  }
  const { tensors } = await readSafetensors(join(folder, progress.file));
  const load = async (part: string, name: string): Promise<Tensor> => {
    const info = tensors.get(`${part}.${name}`);
    if (!info)
      throw new HumanError(`the checkpoint has no tensor "${part}.${name}".`, { place, remedy: 'Start the run anew.' });
    return float32(await readFloat32(info), info.shape);
  };
  const state: OptimizerState = { step: progress.step, names, p: [], m: [], v: [] };
  for (const part of parts) for (const name of names) state[part].push(await load(part, name));
  return state;
}
