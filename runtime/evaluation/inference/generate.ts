import { flatInput, inject, scaleInput, type InjectedAdapter } from '../../adapters/inject.js';
import { Cancelled, HumanError } from '../../support/errors.js';
import type { DecoderSpec } from '../../models/decoder/spec.js';
import { buildDecoder } from '../../models/decoder/decoder.js';
import type { ModelFolder } from '../../models/weights/modelFolder.js';
import { requireFiniteWeights } from '../../models/weights/finite.js';
import { blockProducts } from '../../models/decoder/packedWeights.js';
import { frozenWeights, weightsFolder } from '../../models/decoder/weights.js';
import { checkGraph, prune } from '../../onnx/check.js';
import { Builder, type Graph } from '../../onnx/graph.js';
import { Gather } from '../../onnx/ops.js';
import type { GenerationOptions } from '../../contract/protocol.js';
import { random, type Random } from '../../support/random.js';
import { float32, int64, type Backend, type Feeds, type Tensor } from '../../device/session.js';

export interface ActiveAdapter extends InjectedAdapter {
  /** Flat vector, see adapters/sites.ts. */
  readonly flat: Float32Array;
  readonly scale: number;
}

export interface GeneratorOptions {
  readonly backend: Backend;
  readonly spec: DecoderSpec;
  readonly model: Pick<ModelFolder, 'folder' | 'tensors' | 'packed'>;
  readonly adapters: readonly ActiveAdapter[];
  /** Ids that end an answer. */
  readonly stopIds: readonly number[];
  readonly padId?: number;
}

export interface Answer {
  /** New tokens, without the stop token. */
  ids: number[];
  /** stop = a stop token came; length = maxNewTokens or the context is used up. */
  reason: 'stop' | 'length';
}

export interface Generator {
  /**
   * Continues prompts, together as one left-padded batch.
   * @param onToken called for each new token of each row
   * @throws Cancelled when the signal fires; between two tokens
   */
  generate(
    prompts: readonly (readonly number[])[],
    options: GenerationOptions & { seed?: number },
    hooks?: {
      signal?: AbortSignal;
      onToken?: (row: number, id: number) => void;
      /** ignores the stop ids */ ignoreStop?: boolean;
    },
  ): Promise<Answer[]>;
  /** The adapters' factors from now on, by name; 0 = off. */
  setScales(scales: Readonly<Record<string, number>>): void;
  dispose(): Promise<void>;
}

/** Decoder with a KV cache: logits of the rows at `targets` [L, V], and the cache one call longer. */
export function generationGraph(
  options: Pick<GeneratorOptions, 'spec' | 'model' | 'adapters'> & { maxSplitOutputs?: number },
): Graph {
  const { spec, model, adapters } = options;
  const g = new Builder('generate');
  const decoder = buildDecoder(g, spec, frozenWeights(g, model), { cache: true });
  const targets = g.input('targets', 'int64', ['L']);
  g.outputAs('logits', decoder.logits(Gather(g, decoder.hidden, targets)));
  decoder.present.forEach(({ key, value }, i) => {
    g.outputAs(`present.${i}.key`, key);
    g.outputAs(`present.${i}.value`, value);
  });
  const graph = inject(g.graph(), adapters, options.maxSplitOutputs);
  return checkGraph(prune(model.packed ? blockProducts(graph) : graph));
}

/** Opens a generator on a frozen model with adapters. */
export async function openGenerator(options: GeneratorOptions): Promise<Generator> {
  const { backend, spec, adapters, stopIds, padId = 0 } = options;
  const graph = generationGraph({ ...options, maxSplitOutputs: backend.maxSplitOutputs });
  const caches = graph.outputs.filter((v) => v.name.startsWith('present.'));
  const session = await backend.session(graph, {
    folder: weightsFolder(options.model),
    keep: caches.map((v) => v.name),
    prepack: options.model.packed !== undefined,
  });
  const scales: Record<string, number> = Object.fromEntries(adapters.map((a) => [a.name, a.scale]));
  const flats: Feeds = Object.fromEntries(adapters.map((a) => [flatInput(a.name), float32(a.flat, [a.flat.length])]));

  return {
    setScales: (changed) => void Object.assign(scales, changed),
    async generate(prompts, generation, { signal, onToken, ignoreStop = false } = {}) {
      if (prompts.length === 0) return [];
      if (prompts.some((p) => p.length === 0)) throw new Error('a prompt has no tokens');
      const B = prompts.length;
      const rng = random(`generate/${generation.seed ?? 0}`);
      const rowScales: Feeds = Object.fromEntries(
        adapters.map((a) => [scaleInput(a.name), float32(new Float32Array(B).fill(scales[a.name]), [B])]),
      );
      const answers = prompts.map((): Answer => ({ ids: [], reason: 'length' }));
      const done = new Array<boolean>(B).fill(false);
      const T = Math.max(...prompts.map((p) => p.length));
      const room = Math.min(generation.maxNewTokens, spec.contextLength - T);
      // one masked position of nothing: an empty cache is not allowed on every device
      const nothing = (): Feeds =>
        Object.fromEntries(
          caches.map((v) => {
            const dims = v.shape.map((dim) => (dim === 'B' ? B : typeof dim === 'number' ? dim : 1));
            return [pastName(v.name), float32(new Float32Array(dims.reduce((a, b) => a * b, 1)), dims)];
          }),
        );
      const padding = prompts.map((p) => T - p.length);
      const rows = prompts.map((p, b) => [...new Array<number>(padding[b]).fill(padId), ...p]);
      const mask = prompts.map((p, b) => [
        0,
        ...new Array<number>(padding[b]).fill(0),
        ...new Array<number>(p.length).fill(1),
      ]);
      const turns = longRopeFrom(spec);
      let cache = nothing();
      /** Tokens of each row that the cache holds. */
      let cached = 0;
      try {
        for (let step = 0; step < room && !done.every(Boolean); step++) {
          await new Promise((resolve) => setImmediate(resolve));
          if (signal?.aborted) throw new Cancelled();
          const ids = rows.map((row) => row.slice(cached));
          const t = ids[0].length;
          const positions = padding.map((n) => ids[0].map((_, i) => Math.max(0, cached + i - n)));
          const out = await session.run({
            ...flats,
            ...rowScales,
            ...cache,
            input_ids: int64(ids.flat(), [B, t]),
            position_ids: int64(positions.flat(), [B, t]),
            attention_mask: int64(mask.flat(), [B, mask[0].length]),
            targets: int64(
              ids.map((_, b) => b * t + t - 1),
              [B],
            ),
          });
          release(backend, cache);
          cache = Object.fromEntries(caches.map((v) => [pastName(v.name), out[v.name]]));
          const logits = await backend.read(out.logits);
          const V = logits.length / B;
          if (logits.some(Number.isNaN)) {
            await requireFiniteWeights(options.model);
            throw new HumanError('the model gives results that are not numbers.', {
              kind: 'failed',
              place: options.model.folder,
              remedy: 'An adapter or its scale may be too large: try without it.',
            });
          }
          const next = answers.map((answer, b) => {
            if (done[b]) return padId;
            const id = drawToken(logits.subarray(b * V, (b + 1) * V), generation, rng);
            if (!ignoreStop && stopIds.includes(id)) {
              answer.reason = 'stop';
              done[b] = true;
            } else {
              answer.ids.push(id);
              onToken?.(b, id);
            }
            return id;
          });
          next.forEach((id, b) => rows[b].push(id));
          for (const row of mask) row.push(1);
          cached += t;
          if (turns.has(cached)) {
            release(backend, cache);
            cache = nothing();
            cached = 0;
          }
        }
      } finally {
        release(backend, cache);
      }
      return answers;
    },
    dispose: () => session.dispose(),
  };
}

/** Positions from which on LongRoPE turns by other angles; keys that were cached before are of no use there. */
const longRopeFrom = ({ layers }: DecoderSpec): Set<number> =>
  new Set(layers.flatMap(({ attention }) => attention.rope?.long?.from ?? []));

/** transformers' names: `present.3.key` goes in again as `past_key_values.3.key`. */
const pastName = (present: string): string => present.replace('present.', 'past_key_values.');
const release = (backend: Backend, feeds: Feeds): void => {
  for (const tensor of Object.values<Tensor>(feeds)) backend.release(tensor);
};

/** Greedy at temperature 0, else from the smallest set of tokens whose probability reaches topP (Holtzman et al. 2020). */
export function drawToken(
  logits: Float32Array,
  { temperature, topP }: Pick<GenerationOptions, 'temperature' | 'topP'>,
  rng: Random,
): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  if (Number.isNaN(logits[best])) throw new Error('the model gives NaN');
  if (temperature === 0) return best;
  const p = new Float64Array(logits.length);
  let total = 0;
  for (let i = 0; i < p.length; i++) total += p[i] = Math.exp((logits[i] - logits[best]) / temperature);
  // All tokens below this together have less than 1 − topP: sorting the others is enough.
  const least = topP < 1 ? ((1 - topP) * total) / p.length : 0;
  const order: number[] = [];
  for (let i = 0; i < p.length; i++) if (p[i] >= least) order.push(i);
  if (topP < 1) order.sort((a, b) => p[b] - p[a]);
  let kept = order.length;
  if (topP < 1) {
    let sum = 0;
    kept = order.findIndex((i) => (sum += p[i]) >= topP * total) + 1 || order.length;
  }
  let mass = 0;
  for (let i = 0; i < kept; i++) mass += p[order[i]];
  let u = rng.uniform() * mass;
  for (let i = 0; i < kept; i++) if ((u -= p[order[i]]) < 0) return order[i];
  return order[kept - 1];
}
