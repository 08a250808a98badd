/** Prompts that are answered together: a left-padded batch with its KV cache, which rows leave and join. */
import { float32, int64, type Backend, type Feeds } from '../../device/session.js';
import type { Value } from '../../onnx/graph.js';
import { elementsOf } from '../../onnx/shapes.js';
import type { Random } from '../../support/random.js';
import { release, type Cache, type CachedRows } from './cachedRows.js';
import { chunkOf, type RunLimits } from './limits.js';

export interface Answer {
  /** New tokens, without the stop token. */
  ids: number[];
  /** stop = a stop token came; length = maxNewTokens or the context is used up. */
  reason: 'stop' | 'length';
}

export interface Row {
  readonly index: number;
  /** Prompt and new tokens. */
  readonly ids: number[];
  /** How many tokens it may get. */
  readonly room: number;
  readonly rng: Random;
  readonly answer: Answer;
  done?: boolean;
}

/** The model as a batch sees it. */
export interface Network {
  readonly backend: Backend;
  /** Inputs of the cache, [B, K, P, D]. */
  readonly entries: readonly Value[];
  readonly padId: number;
  readonly limits: RunLimits;
  /**
   * Positions from which on LongRoPE turns a row by other angles; its keys that were cached before are of no use there.
   */
  readonly longFrom: readonly number[];
  /** Logits of the last position of each row, [B · V], and the cache one call longer. */
  run(feeds: Feeds): Promise<{ logits: Float32Array; cache: Cache }>;
}

export class Batch {
  private cache: Cache | undefined;
  /** Positions of the cache. */
  private width = 0;

  constructor(
    private readonly network: Network,
    private readonly cached: CachedRows,
    /** All but the last token of a row is in the cache, where there is one. */
    public rows: Row[],
  ) {}

  /**
   * Logits [B · V] of the token after each row's last; `rows` then get it. What is not in the cache yet goes in chunks
   * of positions.
   */
  async step(): Promise<Float32Array> {
    const { longFrom } = this.network;
    if (this.rows.some(({ ids, done }) => !done && longFrom.includes(ids.length - 1))) this.release();
    // One masked position of nothing: an empty cache is not allowed on every device.
    const from = this.cache ? this.width : 1;
    const end = from + (this.cache ? 1 : this.longest);
    const size = chunkOf(this.rows.length, end - from, end, this.network.limits);
    let logits: Float32Array = new Float32Array();
    for (let at = from; at < end; at += size) logits = await this.read(at, Math.min(at + size, end), end);
    return logits;
  }

  /** Logits of the last of these columns; all that are before are in the cache. Rows end at the column `end`. */
  private async read(from: number, to: number, end: number): Promise<Float32Array> {
    const { rows, network } = this;
    const [B, T] = [rows.length, to - from];
    /** What a row has at some columns: the index of its token, negative before its first. */
    const columns = (first: number, count: number, value: (token: number, row: Row) => number): number[] =>
      rows.flatMap((row) => Array.from({ length: count }, (_, i) => value(first + i - end + row.ids.length, row)));
    const { logits, cache } = await network.run({
      ...(this.cache ?? nothing(network.entries, B)),
      ...(network.longFrom.length > 0 && {
        last_positions: int64(
          rows.map(({ ids }) => ids.length - 1),
          [B],
        ),
      }),
      input_ids: int64(
        columns(from, T, (t, { ids }) => ids[t] ?? network.padId),
        [B, T],
      ),
      position_ids: int64(
        columns(from, T, (t) => Math.max(0, t)),
        [B, T],
      ),
      attention_mask: int64(
        columns(0, to, (t) => (t < 0 ? 0 : 1)),
        [B, to],
      ),
      targets: int64(
        rows.map((_, b) => b * T + T - 1),
        [B],
      ),
    });
    this.release();
    this.cache = cache;
    this.width = to;
    return logits;
  }

  /** Rows that are done leave, and positions that no other row needs. */
  async leave(): Promise<void> {
    const staying = [...this.rows.keys()].filter((b) => !this.rows[b].done);
    if (staying.length === this.rows.length) return;
    this.rows = staying.map((b) => this.rows[b]);
    if (staying.length === 0 || !this.cache) return this.release();
    const { cache, width } = this;
    this.width = this.longest - 1;
    this.cache = undefined;
    this.cache = await this.cached.select(cache, staying, width - this.width);
  }

  /** Takes the rows of another batch, and its cache. */
  async join(other: Batch): Promise<void> {
    const [a, b] = [this, other].map(({ cache, width }) => ({ cache, width }));
    this.cache = other.cache = undefined;
    this.width = Math.max(a.width, b.width);
    if (this.rows.length === 0) this.cache = b.cache;
    else if (a.cache && b.cache)
      this.cache = await this.cached.join(a.cache, b.cache, [this.width - a.width, this.width - b.width]);
    else for (const { cache } of [a, b]) release(this.network.backend, cache);
    this.rows = [...this.rows, ...other.rows];
  }

  /** Frees the cache; the next step makes it again. */
  release(): void {
    release(this.network.backend, this.cache);
    this.cache = undefined;
    this.width = 0;
  }

  /** Tokens of its longest row; 0 without rows. */
  get longest(): number {
    return Math.max(0, ...this.rows.map(({ ids }) => ids.length));
  }
}

/** A cache of one position, all zeros. */
const nothing = (entries: readonly Value[], rows: number): Feeds =>
  Object.fromEntries(
    entries.map(({ name, shape: [, heads, , width] }) => {
      const dims = [rows, heads as number, 1, width as number];
      return [name, float32(new Float32Array(elementsOf(dims)), dims)];
    }),
  );
