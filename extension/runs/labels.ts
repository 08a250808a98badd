/** What people say of answers, on its way into the runs that gave them. */
import type { Label } from '../../runtime/contract/labels.js';
import type { Requests } from '../../runtime/contract/protocol.js';

export interface LabelledAnswer {
  set: string;
  row: number;
  state: string;
  label: Label | null;
}

/**
 * Labels are written by the engine, which also measures the run anew. While it does, further labels are collected and then
 * written together, so that whoever labels fast is never waited for.
 */
export class LabelQueue {
  private readonly waiting = new Map<string, LabelledAnswer[]>();
  private working: Promise<void> | undefined;

  /** @param judge measures a run with these labels, and shows what it found */
  constructor(
    private readonly judge: (run: string, labels: Requests['judge']['params']['labels']) => Promise<unknown>,
  ) {}

  /** Ends when the label is in the run. @throws what went wrong with the labels that were written together with it */
  add(run: string, answer: LabelledAnswer): Promise<void> {
    this.waiting.set(run, [...(this.waiting.get(run) ?? []), answer]);
    // Those that come while one is written are written by the next one.
    const before = this.working ?? Promise.resolve();
    const next = before.catch(() => undefined).then(() => this.write());
    this.working = next;
    return next;
  }

  private async write(): Promise<void> {
    const all = [...this.waiting];
    this.waiting.clear();
    for (const [run, labels] of all) await this.judge(run, labels);
  }
}
