import { sum } from '../contract/sum.js';
import type { AdaptedModel, Warn } from '../adapters/flat.js';
import { mergeInto, touches } from '../adapters/merge.js';
import { Cancelled, HumanError, nextTurn } from '../support/errors.js';
import type { ActiveAdapter } from '../evaluation/inference/states.js';
import type { ModelFolder } from '../models/weights/modelFolder.js';
import { readFloat32, type TensorInfo } from '../models/weights/safetensors.js';
import type { DecoderSpec, LinearSpec } from '../models/decoder/spec.js';
import { findTensor } from '../models/decoder/weights.js';
import { roundedChange, type Rounded } from './rounding.js';
import type { Backend } from '../device/session.js';

/** What is exported: a model, and the adapters that are active on it. */
export interface Source extends AdaptedModel {
  readonly model: ModelFolder;
  readonly spec: DecoderSpec;
  readonly sites: readonly LinearSpec[];
  readonly adapters: readonly (ActiveAdapter & { readonly role: 'task' | 'security'; readonly path: string })[];
  readonly backend: Backend;
  readonly signal: AbortSignal;
  readonly onProgress: (message: string, fraction?: number) => void;
  readonly warn?: Warn;
}

/**
 * The adapters that change the model.
 * @throws HumanError where there is none
 */
export function requireAdapters({ adapters }: Source): Source['adapters'] {
  const active = adapters.filter(({ scale }) => scale !== 0);
  if (active.length > 0) return active;
  throw new HumanError('there is no adapter to export.', {
    place: '--adapter',
    remedy: 'Name one, at another scale than 0.',
  });
}

/** Share of the work that is writing; the rest is reading back. */
const WRITING = 0.8;

/**
 * The adapters merged into the weights, tensor by tensor: a tensor's new values, or undefined where nothing changes it.
 * Called once for each tensor that is written; stops between two of them.
 * @param rounded takes what rounding to the type that is written leaves
 */
export function merged(
  { model, sites, adapters, signal, onProgress }: Source,
  rounded?: Rounded,
  typeOf = ({ dtype }: TensorInfo): string => dtype,
): (info: TensorInfo) => Promise<Float32Array | undefined> {
  const byTensor = new Map(
    sites.map((s) => [
      findTensor(model.tensors, `${s.name}.weight`, s.transposed ? [s.in, s.out] : [s.out, s.in]).name,
      s,
    ]),
  );
  const total = sum([...model.tensors.values()].map(({ bytes }) => bytes));
  let done = 0;
  return async (info) => {
    await nextTurn(signal);
    onProgress('writing', WRITING * Math.min(1, done / total));
    done += info.bytes;
    const site = byTensor.get(info.name);
    if (!site || !touches(site.name, adapters)) return undefined;
    const weight = await readFloat32(info);
    const before = rounded && weight.slice();
    const after = mergeInto(weight, site.name, site.transposed, adapters);
    if (before) rounded.set(info.name, roundedChange(before, after, site, typeOf(info)));
    return after;
  };
}

/** Reports that reading back begins; the last place where stopping on request costs little. */
export function readingBack({ signal, onProgress }: Source): void {
  if (signal.aborted) throw new Cancelled();
  onProgress('reading it back', WRITING);
}
