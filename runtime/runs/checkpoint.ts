/**
 * The checkpoint of a run: one file, replaced as a whole. It records its step and what it depends on, and ends
 * with a hash over all of that, so that its facts and its tensors can never belong to different steps.
 */
import { elementsOf } from '../onnx/shapes.js';
import { jsonOrNone } from '../support/jsonFile.js';
import { safeParse } from '../contract/safeParse.js';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { CHECKPOINT_FILE, LOG_FILES } from '../contract/runFiles.js';
import { HumanError } from '../support/errors.js';
import {
  readBytes,
  readFloat32,
  readSafetensors,
  writeSafetensors,
  type TensorInfo,
} from '../models/weights/safetensors.js';
import type { OptimizerState } from '../optim/optimizer.js';
import { float32, uint8, type Backend, type Tensor } from '../device/session.js';

/** Until version 1 the file names were in a file of their own, which could name the state of another step. */
const VERSION_1 = 'checkpoint.json';
const HASH = 'sha256';
const PARTS = ['p', 'm', 'v'] as const;
const KEPT = 'kept';

const stringRecord = z.record(z.string(), z.string());
const mark = z.object({ bytes: z.int().min(0), sha256: z.string() });
const factsSchema = z.object({
  version: z.literal(2),
  step: z.int().min(0),
  /** That the run had taken until then, in all of its sessions. */
  seconds: z.number().min(0).optional(),
  /** Training has ended with this step, though more were planned. */
  enough: z.boolean(),
  /** Everything the result depends on: name → hash, or value. */
  dependencies: stringRecord,
  /** What computed it; another one rounds differently. */
  machine: stringRecord,
  /** Files that the run wrote and reads back when it is resumed: name → SHA-256. */
  made: stringRecord,
  logs: z.record(z.enum(LOG_FILES), mark),
});
type CheckpointFacts = z.infer<typeof factsSchema>;

export interface Checkpoint {
  readonly file: string;
  readonly facts: CheckpointFacts;
  /** Over facts and tensors, as the file ends with it. */
  readonly sha256: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/** Whether a folder has a checkpoint, of this version or an earlier one. */
export const hasCheckpoint = (folder: string): boolean =>
  [CHECKPOINT_FILE, VERSION_1].some((name) => existsSync(join(folder, name)));

/** Writes parameters, moments and facts in place of the checkpoint before; a crash leaves either. */
export async function saveCheckpoint(
  folder: string,
  state: OptimizerState,
  facts: Omit<CheckpointFacts, 'version' | 'step'>,
  backend: Pick<Backend, 'read'>,
): Promise<string> {
  const metadata = JSON.stringify({ version: 2, step: state.step, ...facts } satisfies CheckpointFacts);
  const tensors = [...PARTS, ...(state.kept ? ([KEPT] as const) : [])].flatMap((part) =>
    state.names.map((name, i) => {
      const tensor = state[part]![i];
      // moments in 8 bits
      const coded = tensor.type === 'uint8';
      return {
        name: `${part}.${name}`,
        dtype: coded ? ('U8' as const) : ('F32' as const),
        shape: [...tensor.dims],
        bytes: elementsOf(tensor.dims) * (coded ? 1 : 4),
        data: async () => {
          const { buffer, byteOffset, byteLength } = coded ? (tensor.data as Uint8Array) : await backend.read(tensor);
          const bytes = new Uint8Array(buffer, byteOffset, byteLength);
          hash.update(bytes);
          return bytes;
        },
      };
    }),
  );
  // As the file will have them: bytes come behind all wider types, so that the hash is complete when its turn comes.
  tensors.sort((a, b) => Number(a.dtype === 'U8') - Number(b.dtype === 'U8'));
  const hash = begun(metadata, tensors);
  const end = { name: HASH, dtype: 'U8' as const, shape: [32], bytes: 32, data: () => hash.digest() };
  await writeSafetensors(join(folder, CHECKPOINT_FILE), [...tensors, end], { checkpoint: metadata });
  return folder;
}

/** The hash over facts, names and shapes; the tensors' bytes follow. */
const begun = (metadata: string, tensors: readonly { name: string; shape: readonly number[] }[]) =>
  createHash('sha256').update(JSON.stringify([metadata, tensors.map(({ name, shape }) => [name, shape])]));

/**
 * The checkpoint in a folder, checked as a whole; undefined where there is none.
 * @throws HumanError for one that is damaged or was written by another version
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint | undefined> {
  const file = join(folder, CHECKPOINT_FILE);
  if (!existsSync(file)) {
    if (existsSync(join(folder, VERSION_1)))
      throw unusable(
        join(folder, VERSION_1),
        'this checkpoint was written by an earlier version, which did not record what is needed to verify it.',
      );
    return undefined;
  }
  const header = await readSafetensors(file).catch((error: unknown) => {
    throw error instanceof HumanError ? unusable(file, `the checkpoint is damaged: ${error.message}`, error) : error;
  });
  const text = header.metadata.checkpoint ?? '';
  const facts = safeParse(factsSchema, jsonOrNone(text));
  const { [HASH]: hash, ...tensors } = Object.fromEntries(header.tensors);
  if (!facts.success || hash?.dtype !== 'U8' || Object.keys(tensors).length === 0)
    throw unusable(file, 'this is not a checkpoint, or it belongs to another version of this program.');
  const found = begun(text, Object.values(tensors));
  const start = Object.values(tensors).reduce((least, { offset }) => Math.min(least, offset), Infinity);
  if (hash.offset <= start) throw unusable(file, 'the checkpoint is damaged: its hash does not follow its tensors.');
  for await (const piece of createReadStream(file, { start, end: hash.offset - 1, highWaterMark: 1 << 20 }))
    found.update(piece as Buffer);
  const sum = found.digest();
  if (!sum.equals(await readBytes(hash)))
    throw unusable(file, 'the checkpoint is damaged: its content is not what was written.');
  return { file, facts: facts.data, sha256: sum.toString('hex'), tensors: new Map(Object.entries(tensors)) };
}

/** Whether the file is still the one that was opened. */
export async function isSameCheckpoint({ file, sha256 }: Checkpoint): Promise<boolean> {
  const end = await readSafetensors(file)
    .then(({ tensors }) => readBytes(tensors.get(HASH)!))
    .catch(() => undefined);
  return end !== undefined && Buffer.from(end).toString('hex') === sha256;
}

/** The optimizer's state in a checkpoint. */
export async function stateOf(checkpoint: Checkpoint, names: readonly string[]): Promise<OptimizerState> {
  const state: OptimizerState = { step: 0, names, p: [], m: [], v: [] };
  await restoreState(state, checkpoint);
  return state;
}

/** Reads the state in a checkpoint over one that is there, tensor by tensor: the two are never in memory together. */
export async function restoreState(
  state: OptimizerState,
  { file, facts, tensors }: Checkpoint,
  { release }: Pick<Backend, 'release'> = { release: () => undefined },
): Promise<void> {
  const keeps = state.names.some((name) => tensors.has(`${KEPT}.${name}`));
  state.kept = keeps ? (state.kept ?? []) : undefined;
  for (const part of [...PARTS, ...(keeps ? ([KEPT] as const) : [])]) {
    for (const [i, name] of state.names.entries()) {
      const info = tensors.get(`${part}.${name}`);
      if (!info) throw unusable(file, `the checkpoint has no tensor "${part}.${name}".`);
      const old = state[part]![i] as Tensor | undefined;
      if (old?.location === 'cpu') {
        await readBytes(info, bytesIn(old));
        continue;
      }
      release(old);
      state[part]![i] =
        info.dtype === 'U8'
          ? uint8(Uint8Array.from(await readBytes(info)))
          : float32(await readFloat32(info), info.shape);
    }
  }
  state.step = facts.step;
}

const bytesIn = ({ data }: Tensor): Uint8Array<ArrayBuffer> => {
  const { buffer, byteOffset, byteLength } = data as Float32Array<ArrayBuffer>;
  return new Uint8Array(buffer, byteOffset, byteLength);
};

const unusable = (place: string, message: string, cause?: unknown): HumanError =>
  new HumanError(message, { place, remedy: 'Start the run over.', code: 'restart', cause });
