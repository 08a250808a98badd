import type { TriagePageEvent } from '../protocol/triage.js';

/** A row is explained when it is stayed on for so long. */
const EXPLAIN_MS = 200;

export type Explained = Extract<TriagePageEvent, { type: 'explained' }>;

/** What the vector explains of the row in the detail, asked of the host when the row is stayed on. */
export class Explanation {
  private known: Explained | undefined;
  private timer: number | undefined;

  constructor(private readonly ask: (hash: string) => void) {}

  /** Undefined: not known yet; then it is asked for. */
  lookAt(hash: string): Explained | undefined {
    this.leave();
    if (this.known?.hash === hash) return this.known;
    this.timer = window.setTimeout(() => this.ask(hash), EXPLAIN_MS);
    return undefined;
  }

  /** What was not asked for yet will not be. */
  leave(): void {
    clearTimeout(this.timer);
  }

  take(explained: Explained): void {
    this.known = explained;
  }

  clear(): void {
    this.known = undefined;
  }
}
