/** What people say of answers, on its way into the runs that gave them. */
import { Turns } from '../../runtime/contract/turns.js';
import type { LabelledAnswer } from '../../runtime/contract/labels.js';

/**
 * Labels are written by the engine, which also measures the run anew. While it does, further labels are collected and
 * then written together, so that whoever labels fast is never waited for. Runs take turns: two of them may have one
 * file of labels.
 */
export class LabelQueue {
  /** Of each run, the labels that are written next, and when they are. */
  private readonly waiting = new Map<string, { labels: LabelledAnswer[]; written: Promise<void> }>();
  private readonly turns = new Turns();

  /** @param judge measures a run with these labels, and shows what it found */
  constructor(private readonly judge: (run: string, labels: LabelledAnswer[]) => Promise<unknown>) {}

  /** Ends when the label is in the run. @throws what went wrong with the labels that were written together with it */
  add(run: string, answer: LabelledAnswer): Promise<void> {
    const next = this.waiting.get(run);
    next?.labels.push(answer);
    return next?.written ?? this.writeSoon(run, [answer]);
  }

  private writeSoon(run: string, labels: LabelledAnswer[]): Promise<void> {
    const written = this.turns.take(async () => {
      this.waiting.delete(run);
      await this.judge(run, labels);
    });
    this.waiting.set(run, { labels, written });
    return written;
  }
}
