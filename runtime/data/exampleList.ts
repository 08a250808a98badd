import { readSync, writeSync } from 'node:fs';
import { HumanError } from '../support/errors.js';
import type { Example } from './examples.js';
import type { Scratch } from './scratch.js';

/** Examples by index and in order: an array, or the rows of a large file, most of which stay on disk. */
export interface ExampleList<E = Example> extends Iterable<E> {
  readonly length: number;
  at(index: number): E | undefined;
}

/** Some of a list, by index, without a copy. */
export function subset<E>(list: ExampleList<E>, indices: readonly number[]): ExampleList<E> {
  return listOf(indices.length, (i) => list.at(indices[i]));
}

/** Those that match, which is asked of each once and in order: the list itself where all do. */
export function matching<E>(list: ExampleList<E>, matches: (example: E) => boolean): ExampleList<E> {
  const kept: number[] = [];
  let at = 0;
  for (const example of list) {
    if (matches(example)) kept.push(at);
    at += 1;
  }
  return kept.length === at ? list : subset(list, kept);
}

/** A list with its rows changed as they are read. */
export const mapped = <E, F>(list: ExampleList<E>, change: (example: E, at: number) => F): ExampleList<F> =>
  listOf(list.length, (i) => {
    const example = list.at(i);
    return example && change(example, i);
  });

/** Two lists as one. The rows of the second get numbers beyond `beyond`. */
export function joined(first: ExampleList, second: ExampleList, beyond: number): ExampleList {
  return listOf(first.length + second.length, (i) => {
    if (i < first.length) return first.at(i);
    const example = second.at(i - first.length);
    return example && { ...example, row: beyond + 1 + example.row };
  });
}

/** The first examples, at most `count`. */
export const firstOf = <E>(list: ExampleList<E>, count: number): E[] =>
  Array.from({ length: Math.min(count, list.length) }, (_, i) => list.at(i)!);

/** A list in pieces of at most `rows`, in order, so that only one piece is in memory. */
export function* pieces<E>(list: ExampleList<E>, rows: number): Generator<E[]> {
  for (let at = 0; at < list.length; at += rows)
    yield Array.from({ length: Math.min(rows, list.length - at) }, (_, i) => list.at(at + i)!);
}

const WRITE_BYTES = 2 ** 20;

/** Collects examples: those of the first `tokens` tokens stay in memory; of the others, the sources go to disk. */
export function exampleStore<E, Source>(
  scratch: Scratch,
  tokens: number,
  rebuild: (source: Source) => E,
): { add(example: E, tokens: number, source: Source): void; list(): ExampleList<E> } {
  const kept: E[] = [];
  let left = tokens;
  /** Where each row on disk begins; the last entry is the end. */
  const starts = [0];
  let file: number | undefined;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  const flush = (): void => {
    const bytes = Buffer.concat(waiting);
    [waiting, waitingBytes] = [[], 0];
    for (let done = 0; done < bytes.length;) done += writeSync((file ??= scratch.open()), bytes, done);
  };
  return {
    add(example, size, source) {
      left -= size;
      // the first one on disk ends the part in memory
      if (left >= 0 && starts.length === 1) {
        kept.push(example);
        return;
      }
      const bytes = Buffer.from(JSON.stringify(source));
      starts.push(starts.at(-1)! + bytes.length);
      waiting.push(bytes);
      if ((waitingBytes += bytes.length) >= WRITE_BYTES) flush();
    },
    list() {
      flush();
      if (file === undefined) return kept;
      const stored = file;
      return listOf(kept.length + starts.length - 1, (i) => {
        if (i < kept.length) return kept[i];
        const [start, end] = [starts[i - kept.length], starts[i - kept.length + 1]];
        const bytes = Buffer.alloc(end - start);
        for (let done = 0; done < bytes.length;) {
          const read = readSync(stored, bytes, done, bytes.length - done, start + done);
          if (read === 0)
            throw new HumanError('a temporary file was cut off.', {
              kind: 'failed',
              remedy: 'Check the disk and run again.',
            });
          done += read;
        }
        return rebuild(JSON.parse(bytes.toString()) as Source);
      });
    },
  };
}

function listOf<E>(length: number, at: (index: number) => E | undefined): ExampleList<E> {
  return {
    length,
    at: (index) => (index >= 0 && index < length ? at(index) : undefined),
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i++) yield at(i)!;
    },
  };
}
