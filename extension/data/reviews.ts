import { stat } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  decisionCounts,
  MAX_REVIEW_BYTES,
  parseReview,
  reviewFile,
  reviewText,
  type Decision,
  type Decisions,
  type ReviewFault,
} from '../../runtime/contract/review.js';
import { readText, unreadable } from '../host/checkedFile.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { HostError } from '../host/errors.js';
import { replaceFile } from '../host/state.js';
import { t } from '../host/text.js';
import { Problems } from './problems.js';

/** Rows of a data file about which something was decided, or taken back. Without `rows`, any of them may have another decision. */
export interface ReviewChange {
  data: string;
  rows?: { hashes: readonly string[]; decision: Decision | undefined };
}

const NONE: Decisions = new Map();

/**
 * What people have decided about rows, each data file's in a file beside it. That file is the only truth: it is read before
 * each change, as somebody else may have written it, and a file that is no review is never written.
 */
export class Reviews implements Disposable {
  private readonly known = new Map<string, Decisions>();
  private readonly changes = new Emitter<ReviewChange>();
  readonly onDidChange = this.changes.event;
  /** What is to be written next, by data file. */
  private readonly waiting = new Map<string, { changes: Map<string, Decision | undefined>; written: Promise<void> }>();
  /** Of the files as they were when they were written here. */
  private readonly stamps = new Map<string, string | undefined>();
  private writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly problems = new Problems()) {}

  /** What is known, at once. */
  get(data: string): Decisions {
    return this.known.get(data) ?? NONE;
  }

  counts(data: string): Record<Decision, number> {
    return decisionCounts(this.get(data).values());
  }

  /** The file beside the data may be another one: reads it. What is wrong with it is a problem of that file. */
  async look(data: string): Promise<void> {
    const before = this.get(data);
    const looked = this.writing.then(() =>
      this.problems.guard(reviewFile(data), 'data', async () => {
        const stamp = this.stamps.get(data);
        if (stamp !== undefined && stamp === (await stampOf(reviewFile(data)))) return;
        this.stamps.delete(data);
        const found = await read(data).catch((error: unknown) => {
          this.known.delete(data);
          throw error;
        });
        if (found) this.known.set(data, found);
        else this.known.delete(data);
      }),
    );
    this.writing = looked;
    await looked;
    if (!isSame(before, this.get(data))) this.changes.fire({ data });
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
   * Decides about rows, or takes back what was decided. Ends when it is written; what is decided meanwhile is written together.
   * @throws HostError when the file beside the data is no review: nothing is written then
   */
  async decide(data: string, hashes: readonly string[], decision: Decision | undefined): Promise<void> {
    let next = this.waiting.get(data);
    if (!next) {
      const changes = new Map<string, Decision | undefined>();
      const written = this.writing.then(() => {
        this.waiting.delete(data);
        return this.write(data, changes);
      });
      this.writing = written.catch(() => undefined);
      this.waiting.set(data, (next = { changes, written }));
    }
    for (const hash of hashes) next.changes.set(hash, decision);
    await next.written;
    this.changes.fire({ data, rows: { hashes, decision } });
  }

  dispose(): void {
    this.changes.dispose();
  }

  /** Each step of it is a turn of its own: with tens of thousands of decisions they take some milliseconds each. */
  private async write(data: string, changes: ReadonlyMap<string, Decision | undefined>): Promise<void> {
    const file = reviewFile(data);
    const isOwn = this.stamps.has(data) && this.stamps.get(data) === (await stampOf(file));
    const decisions = new Map(isOwn ? this.known.get(data) : await read(data));
    await nextTurn();
    for (const [hash, decision] of changes) {
      if (decision === undefined) decisions.delete(hash);
      else decisions.set(hash, decision);
    }
    const text = reviewText(decisions);
    await nextTurn();
    await replaceFile(file, text);
    this.stamps.set(data, await stampOf(file));
    this.known.set(data, decisions);
    this.problems.forget(file);
  }
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
  const text = await readText(file, MAX_REVIEW_BYTES);
  if (text === undefined) return undefined;
  const found = parseReview(text);
  if ('fault' in found) throw broken(file, found.fault);
  return found.decisions;
}

function broken(file: string, fault: ReviewFault): HostError {
  const remedy = t('Nothing is written into it. Repair the file, or delete it and review the rows again.');
  switch (fault.kind) {
    case 'json':
      return unreadable(`${file}:${fault.line}`, t('the review is not JSON.'), remedy);
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
