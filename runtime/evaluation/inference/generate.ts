import { attachable, attached } from '../../adapters/attach.js';
import type { ScaledAdapter } from '../../adapters/merge.js';
import type { Site } from '../../adapters/sites.js';
import { HumanError, nextTurn } from '../../support/errors.js';
import type { DecoderSpec } from '../../models/decoder/spec.js';
import { buildDecoder } from '../../models/decoder/decoder.js';
import type { ModelFolder } from '../../models/weights/modelFolder.js';
import { requireFiniteWeights } from '../../models/weights/finite.js';
import { blockProducts } from '../../models/decoder/packedWeights.js';
import { frozenWeights, weightsFolder } from '../../models/decoder/weights.js';
import { checkGraph, prune } from '../../onnx/check.js';
import { Builder, type Graph, type Value } from '../../onnx/graph.js';
import { Gather } from '../../onnx/ops.js';
import { withoutCopies } from '../../onnx/rewrite.js';
import type { GenerationOptions } from '../../contract/recipeJudges.js';
import { random, type Random } from '../../support/random.js';
import { float32, type Backend, type Feeds, type Session } from '../../device/session.js';
import { Batch, type Answer, type Network, type Row } from './batch.js';
import { cachedRows, type CachedRows } from './cachedRows.js';
import { joining, longestOf, roomFor, runLimits, type RowLength, type RunLimits } from './limits.js';

interface GeneratorOptions {
  readonly backend: Backend;
  readonly spec: DecoderSpec;
  readonly model: Pick<ModelFolder, 'folder' | 'tensors' | 'packed' | 'beside'>;
  /** What is attached where an answer asks for nothing else. */
  readonly adapters: readonly ScaledAdapter[];
  /** Linear layers that adapters can be attached to; those of `adapters`, without it. */
  readonly sites?: readonly Site[];
  /** Ids that end an answer. */
  readonly stopIds: readonly number[];
  readonly padId?: number;
  /** How much is computed at once. */
  readonly limits?: RunLimits;
}

interface GenerateOptions extends GenerationOptions {
  /** Each prompt draws from a stream of its own. */
  readonly seed?: number;
  /**
   * The number of the first one's stream, 0 without it: prompts that are given in pieces draw as if they were given at
   * once.
   */
  readonly stream?: number;
  /** How many prompts are answered at once; all of them, without it. */
  readonly rows?: number;
  /** What is attached; what the generator was opened with, without it. */
  readonly adapters?: readonly ScaledAdapter[];
}

interface GenerateHooks {
  readonly signal?: AbortSignal;
  /** Called for each new token of each row. */
  readonly onToken?: (row: number, id: number) => void;
}

/** Which prompt has its answer. */
interface Finished {
  readonly index: number;
  readonly answer: Answer;
}

export interface Generator {
  /**
   * Continues prompts in left-padded batches; a row that is done leaves, and the next prompt takes its place, of long
   * ones fewer at once. Answers come as they are done.
   * @throws Cancelled when the signal fires; between two tokens, or two chunks of a prompt
   */
  answers(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
    hooks?: GenerateHooks,
  ): AsyncGenerator<Finished>;
  /** The same, with all answers at the end, in the order of the prompts. */
  generate(prompts: readonly (readonly number[])[], options: GenerateOptions, hooks?: GenerateHooks): Promise<Answer[]>;
  dispose(): Promise<void>;
}

/** The layers that adapters can be attached to. */
const sitesOf = ({ sites, adapters }: Pick<GeneratorOptions, 'sites' | 'adapters'>): readonly Site[] =>
  sites ?? [...new Map(adapters.flatMap(({ layout }) => layout.sites.map((site) => [site.name, site]))).values()];

const lengthOf = ({ ids, answer, room }: Row): RowLength => ({
  now: ids.length,
  grown: ids.length - answer.ids.length + room,
});

const longFrom = ({ layers }: DecoderSpec): number[] =>
  layers.flatMap(({ attention }) => attention.rope?.long?.from ?? []);

/** Decoder with a KV cache: logits of the rows at `targets` [L, V], and the cache one call longer. */
export function generationGraph(options: Pick<GeneratorOptions, 'spec' | 'model' | 'adapters' | 'sites'>): Graph {
  const { spec, model } = options;
  const g = new Builder('generate');
  const last = longFrom(spec).length > 0 ? g.input('last_positions', 'int64', ['B']) : undefined;
  const decoder = buildDecoder(g, spec, frozenWeights(g, model), { cache: true, last });
  const targets = g.input('targets', 'int64', ['L']);
  g.outputAs('logits', decoder.logits(Gather(g, decoder.hidden, targets)));
  decoder.present.forEach(({ key, value }, i) => {
    g.outputAs(`present.${i}.key`, key);
    g.outputAs(`present.${i}.value`, value);
  });
  const graph = attachable(g.graph(), sitesOf(options));
  return checkGraph(withoutCopies(prune(model.packed ? blockProducts(graph) : graph)));
}

/** Opens a generator on a frozen model. */
export async function openGenerator(options: GeneratorOptions): Promise<Generator> {
  const { backend, model } = options;
  const graph = generationGraph(options);
  const session = await backend.session(graph, {
    folder: weightsFolder(model),
    keep: graph.outputs.map(({ name }) => name).filter((name) => name.startsWith('present.')),
    prepack: model.packed !== undefined,
  });
  return new SessionGenerator(
    options,
    session,
    graph.inputs.filter(({ name }) => name.startsWith(PAST)),
  );
}

class SessionGenerator implements Generator {
  private readonly cached: CachedRows;
  private readonly sites: readonly Site[];
  private readonly limits: RunLimits;

  /** @param entries inputs of the cache */
  constructor(
    private readonly options: GeneratorOptions,
    private readonly session: Session,
    private readonly entries: readonly Value[],
  ) {
    this.cached = cachedRows(options.backend, entries);
    this.sites = sitesOf(options);
    this.limits = options.limits ?? runLimits(options.spec);
  }

  async *answers(
    prompts: readonly (readonly number[])[],
    given: GenerateOptions,
    hooks: GenerateHooks = {},
  ): AsyncGenerator<Finished> {
    if (prompts.some((prompt) => prompt.length === 0)) throw new Error('a prompt has no tokens');
    const waiting = this.waiting(prompts, given);
    for (const row of waiting.filter(({ room }) => room <= 0)) yield { index: row.index, answer: row.answer };
    const queue = waiting.filter(({ room }) => room > 0);
    const { rows: seats = prompts.length, adapters = this.options.adapters } = given;
    const network = this.network(adapters, hooks.signal);
    const batch = new Batch(network, this.cached, []);
    try {
      for (;;) {
        const busy = batch.rows.filter((row) => !row.done).length;
        if (busy === 0 && queue.length === 0) return;
        const there = longestOf(batch.rows.map(lengthOf));
        const places = Math.min(seats, roomFor(longestOf([there, ...queue.slice(0, 1).map(lengthOf)]), this.limits));
        const free = queue.length > 0 ? places - busy : 0;
        if (Math.max(free, batch.rows.length - busy) >= Math.max(1, places / BATCH_CHANGES)) {
          await batch.leave();
          if (free > 0) {
            const lengths = queue.slice(0, free).map(lengthOf);
            const count = joining(lengths, { rows: busy, longest: longestOf(batch.rows.map(lengthOf)) }, this.limits);
            const next = new Batch(network, this.cached, queue.splice(0, count));
            try {
              yield* await this.step(next, given, hooks);
              await next.leave();
              await batch.join(next);
            } finally {
              next.release();
            }
            continue;
          }
        }
        yield* await this.step(batch, given, hooks);
      }
    } finally {
      batch.release();
    }
  }

  async generate(
    prompts: readonly (readonly number[])[],
    given: GenerateOptions,
    hooks?: GenerateHooks,
  ): Promise<Answer[]> {
    const all = new Array<Answer>(prompts.length);
    for await (const { index, answer } of this.answers(prompts, given, hooks)) all[index] = answer;
    return all;
  }

  async dispose(): Promise<void> {
    await this.cached.dispose();
    await this.session.dispose();
  }

  private waiting(
    prompts: readonly (readonly number[])[],
    { maxNewTokens, seed = 0, stream = 0 }: GenerateOptions,
  ): Row[] {
    return prompts.map((prompt, index) => ({
      index,
      ids: [...prompt],
      room: Math.min(maxNewTokens, this.options.spec.contextLength - prompt.length),
      rng: random(`generate/${seed}/${stream + index}`),
      answer: { ids: [], reason: 'length' },
    }));
  }

  /** One more token of each row; the rows that are done with it. */
  private async step(batch: Batch, given: GenerateOptions, { onToken }: GenerateHooks): Promise<Finished[]> {
    const { model, stopIds } = this.options;
    const logits = await batch.step();
    if (hasNaN(logits)) {
      await requireFiniteWeights(model);
      throw new HumanError('the model gives results that are not numbers.', {
        kind: 'failed',
        place: model.folder,
        remedy: 'An adapter or its scale may be too large: try without it.',
      });
    }
    const V = logits.length / batch.rows.length;
    return batch.rows.flatMap((row, b) => {
      if (row.done) return [];
      const id = drawToken(logits.subarray(b * V, (b + 1) * V), given, row.rng);
      row.ids.push(id);
      if (stopIds.includes(id)) {
        row.answer.reason = 'stop';
        row.done = true;
      } else {
        row.answer.ids.push(id);
        onToken?.(row.index, id);
        row.done = row.answer.ids.length >= row.room;
      }
      return row.done ? [{ index: row.index, answer: row.answer }] : [];
    });
  }

  private network(active: readonly ScaledAdapter[], signal: AbortSignal | undefined): Network {
    const { backend, spec, padId = 0 } = this.options;
    const matrices: Feeds = Object.fromEntries(
      Array.from(attached(this.sites, active), ([name, { data, dims }]) => [name, float32(data, dims)]),
    );
    return {
      backend,
      entries: this.entries,
      padId,
      limits: this.limits,
      longFrom: longFrom(spec),
      run: async (feeds) => {
        await nextTurn(signal);
        const { logits, ...present } = await this.session.run({ ...matrices, ...feeds });
        const cache = Object.fromEntries(
          Object.entries(present).map(([name, tensor]) => [name.replace('present.', PAST), tensor]),
        );
        return { logits: await backend.read(logits), cache };
      },
    };
  }
}

/** A batch changes when this part of its places is free: each change copies the whole cache, as each token does. */
const BATCH_CHANGES = 8;
/** transformers' names: `present.3.key` goes in again as `past_key_values.3.key`. */
const PAST = 'past_key_values.';

/** Whether one of the values is NaN. A plain loop: `some` takes a tenth of the time of a step of 16 rows. */
function hasNaN(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) return true;
  return false;
}

/**
 * Greedy at temperature 0, else from the smallest set of tokens whose probability reaches topP (Holtzman et al. 2020).
 */
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
  if (topP >= 1) {
    let u = rng.uniform() * total;
    for (let i = 0; i < p.length; i++) if ((u -= p[i]) < 0) return i;
    return p.length - 1;
  }
  // All tokens below this together have less than 1 − topP: sorting the others is enough.
  const least = ((1 - topP) * total) / p.length;
  const likely = p.filter((x) => x >= least).sort();
  const end = likely.length;
  let mass = 0;
  let kept = 0;
  do mass += likely[end - ++kept];
  while (kept < end && mass < topP * total);
  let u = rng.uniform() * mass;
  let rank = 1;
  while (rank < kept && (u -= likely[end - rank]) >= 0) rank++;
  // Of those that are as likely the first comes first.
  const found = likely[end - rank];
  let skip = 0;
  while (rank > skip + 1 && likely[end - rank + skip + 1] === found) skip++;
  for (let i = p.indexOf(found); ; i = p.indexOf(found, i + 1)) if (skip-- === 0) return i;
}
