import { stat } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_HASH_LISTS_BYTES, type HashListsFault } from '../../runtime/contract/hashLists.js';
import {
  parseReview,
  reviewFile,
  reviewText as fileText,
  type Decision,
  type Decisions,
} from '../../runtime/contract/review.js';
import { newerFile, readText, unreadable } from '../host/checkedFile.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { HostError } from '../host/errors.js';
import { changeFile, replaceFile } from '../host/state.js';
import { numbers, t } from '../host/text.js';
import { Turns } from '../../runtime/contract/turns.js';
import { Problems } from './problems.js';

/**
 * Rows of a data file about which something was decided, or taken back. Without `rows`, any of them may have another
 * decision.
 */
export interface ReviewChange {
  data: string;
  rows?: Change;
}

interface Change {
  hashes: readonly string[];
  decision: Decision | undefined;
}

const NONE: Decisions = new Map();

/**
 * What people have decided about rows, each data file's in a file beside it. That file is the only truth: it is read
 * before each change, as somebody else may have written it, who waits meanwhile; a file that is no review is never
 * written.
 */
export class Reviews implements Disposable {
  private readonly known = new Map<string, Decisions>();
  private readonly changes = new Emitter<ReviewChange>();
  readonly onDidChange = this.changes.event;
  /** What is to be written next, by data file. */
  private readonly waiting = new Map<string, { changes: Change[]; written: Promise<void> }>();
  /** What was decided and is not written yet, by data file, in order. */
  private readonly pending = new Map<string, Change[]>();
  private last: { known: Decisions; pending: Change[]; all: Decisions } | undefined;
  /** Of the files as they were when they were written here. */
  private readonly stamps = new Map<string, string | undefined>();
  private readonly turns = new Turns();

  constructor(private readonly problems = new Problems()) {}

  /** What is known, at once: what the file says, and what is to be written into it. */
  get(data: string): Decisions {
    const known = this.known.get(data) ?? NONE;
    const pending = this.pending.get(data);
    if (!pending) return known;
    // Marks ask for each row.
    if (this.last?.known !== known || this.last.pending !== pending)
      this.last = { known, pending, all: changed(known, pending) };
    return this.last.all;
  }

  /** The file beside the data may be another one: reads it. What is wrong with it is a problem of that file. */
  async look(data: string): Promise<void> {
    let isNew = false;
    await this.turns.take(() =>
      this.problems.guard(reviewFile(data), 'data', async () => {
        const before = this.known.get(data) ?? NONE;
        const stamp = this.stamps.get(data);
        if (stamp !== undefined && stamp === (await stampOf(reviewFile(data)))) return;
        this.stamps.delete(data);
        const found = await read(data).catch((error: unknown) => {
          this.known.delete(data);
          isNew = before.size > 0;
          throw error;
        });
        if (found) this.known.set(data, found);
        else this.known.delete(data);
        isNew = !isSame(before, found ?? NONE);
      }),
    );
    if (isNew) this.changes.fire({ data });
  }

  /**
   * What was decided, read anew.
   * @throws HostError when the file beside the data is no review
   */
  async require(data: string): Promise<Decisions> {
    await this.look(data);
    const problem = this.problems.get(reviewFile(data));
    if (problem) throw new HostError(problem);
    return this.get(data);
  }

  /**
   * Decides about rows, or takes back what was decided. Ends when it is written; what is decided meanwhile is written
   * together.
   * @throws HostError when the file beside the data is no review: nothing is written then
   */
  async decide(data: string, hashes: readonly string[], decision: Decision | undefined): Promise<void> {
    let next = this.waiting.get(data);
    if (!next) {
      const changes: Change[] = [];
      const written = this.turns.take(() => {
        this.waiting.delete(data);
        return this.write(data, changes);
      });
      this.waiting.set(data, (next = { changes, written }));
    }
    const change = { hashes, decision };
    next.changes.push(change);
    this.pending.set(data, [...(this.pending.get(data) ?? []), change]);
    await next.written;
    this.changes.fire({ data, rows: change });
  }

  dispose(): void {
    this.changes.dispose();
  }

  /** Each step of it is a turn of its own: with tens of thousands of decisions they take some milliseconds each. */
  private async write(data: string, changes: readonly Change[]): Promise<void> {
    const file = reviewFile(data);
    const known = this.known.get(data) ?? NONE;
    let there = NONE;
    try {
      await changeFile(file, async () => {
        const isOwn = this.stamps.has(data) && this.stamps.get(data) === (await stampOf(file));
        there = isOwn ? known : ((await read(data)) ?? NONE);
        await nextTurn();
        const decisions = changed(there, changes);
        const text = fileText(decisions);
        await nextTurn();
        await replaceFile(file, text, { throughLinks: true });
        this.stamps.set(data, await stampOf(file));
        this.known.set(data, decisions);
        this.problems.forget(file);
      });
    } finally {
      this.settle(data, changes);
    }
    if (!isSame(known, there)) this.changes.fire({ data });
  }

  /** They are written, or cannot be. */
  private settle(data: string, changes: readonly Change[]): void {
    const left = this.pending.get(data)?.filter((change) => !changes.includes(change)) ?? [];
    if (left.length > 0) this.pending.set(data, left);
    else this.pending.delete(data);
  }
}

/** "rows fine: 171, left out: 3". */
export const reviewText = ({ fine, exclude }: Record<Decision, number>): string =>
  t('rows fine: {0}, left out: {1}', numbers().count(fine), numbers().count(exclude));

function changed(known: Decisions, changes: readonly Change[]): Map<string, Decision> {
  const decisions = new Map(known);
  for (const { hashes, decision } of changes)
    for (const hash of hashes)
      if (decision === undefined) decisions.delete(hash);
      else decisions.set(hash, decision);
  return decisions;
}

/** Another one for each version of a file. */
const stampOf = (file: string): Promise<string | undefined> =>
  stat(file).then(
    ({ ino, size, mtimeMs }) => [ino, size, mtimeMs].join(' '),
    () => undefined,
  );

/** Undefined when there is no file. */
async function read(data: string): Promise<Decisions | undefined> {
  const file = reviewFile(data);
  const text = await readText(file, MAX_HASH_LISTS_BYTES);
  if (text === undefined) return undefined;
  const found = parseReview(text);
  if ('fault' in found) throw broken(file, found.fault);
  return found.decisions;
}

function broken(file: string, fault: HashListsFault): HostError {
  const remedy = t('It was not changed. Repair the file, or delete it and review the rows again.');
  switch (fault.kind) {
    case 'json':
      return unreadable(`${file}:${fault.line}`, t('the review is not JSON.'), remedy);
    case 'newer':
      return newerFile(file);
    case 'form':
      return unreadable(file, t('"{0}" is not what a review has there.', fault.key || '{}'), remedy);
    case 'twice':
      return unreadable(file, t('the review has two decisions about the row {0}.', fault.hash), remedy);
  }
}

function isSame(a: Decisions, b: Decisions): boolean {
  if (a.size !== b.size) return false;
  for (const [hash, decision] of a) if (b.get(hash) !== decision) return false;
  return true;
}
