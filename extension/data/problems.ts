import type { ErrorData } from '../../runtime/contract/errors.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { errorData } from '../host/errors.js';
import type { VIEWS } from '../host/contributions.js';

/** What is shown of an error. */
const SHOWN = ['message', 'place', 'remedy'] as const;

/** The view that shows what the file would have been. */
export type ProblemView = keyof typeof VIEWS;

/** Files that the extension could not read as what they are meant to be: each is a row of its own, the others stay. */
export class Problems implements Disposable {
  private readonly found = new Map<string, { view: ProblemView; error: ErrorData }>();
  private readonly changes = new Emitter<void>();
  readonly onDidChange = this.changes.event;

  /**
   * Reads a file or a folder's file; what is wrong with it is noted under its name, and what was is forgotten. Never
   * throws.
   */
  async guard(file: string, view: ProblemView, read: () => Promise<unknown>): Promise<void> {
    try {
      await read();
      this.forget(file);
    } catch (error) {
      this.note(file, view, error);
    }
  }

  /** Tells nobody what is noted already: whoever hears of a problem may look at its file again. */
  note(file: string, view: ProblemView, thrown: unknown): void {
    const known = this.found.get(file);
    const error = errorData(thrown);
    this.found.set(file, { view, error });
    if (known?.view !== view || SHOWN.some((key) => known.error[key] !== error[key])) this.changes.fire();
  }

  forget(file: string): void {
    if (this.found.delete(file)) this.changes.fire();
  }

  /** Those of all such files. */
  forgetIf(is: (file: string) => boolean): void {
    for (const file of this.found.keys()) if (is(file)) this.forget(file);
  }

  get(file: string): ErrorData | undefined {
    return this.found.get(file)?.error;
  }

  /** Files of a view, in the order of their paths. */
  list(view: ProblemView): string[] {
    return [...this.found].flatMap(([file, problem]) => (problem.view === view ? [file] : [])).sort();
  }

  dispose(): void {
    this.changes.dispose();
  }
}
