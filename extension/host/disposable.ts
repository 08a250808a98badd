/**
 * What owns something that must be let go. Structurally VS Code's own `Disposable`, so that pure code needs no
 * `vscode`.
 */
export interface Disposable {
  dispose(): unknown;
}

/** A list of things to let go together, last first. */
export class Disposables implements Disposable {
  private items: Disposable[] = [];
  private closed = false;

  /** Keeps `item` until `dispose`; after that it is let go at once. */
  add<T extends Disposable>(item: T): T {
    if (this.closed) item.dispose();
    else this.items.push(item);
    return item;
  }

  dispose(): void {
    this.closed = true;
    for (const item of this.items.splice(0).reverse()) item.dispose();
  }
}

type Event<T> = (listener: (value: T) => unknown, thisArgs?: unknown, disposables?: Disposable[]) => Disposable;

/** An event with one owner; assignable to VS Code's `Event`. A listener that throws does not silence the others. */
export class Emitter<T> implements Disposable {
  private listeners = new Set<(value: T) => unknown>();

  readonly event: Event<T> = (listener, thisArgs, disposables) => {
    const bound = thisArgs === undefined ? listener : listener.bind(thisArgs);
    this.listeners.add(bound);
    const subscription = { dispose: () => this.listeners.delete(bound) };
    disposables?.push(subscription);
    return subscription;
  };

  fire(value: T): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(value);
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  dispose(): void {
    this.listeners.clear();
  }
}

function rethrowLater(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}

/** Calls `run` once, `ms` after the last of a burst of calls. */
export function debounce(run: () => void, ms: number): { (): void; dispose(): void } {
  let timer: NodeJS.Timeout | undefined;
  const call = (): void => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  };
  return Object.assign(call, { dispose: () => clearTimeout(timer) });
}

/** Calls `run` once, `ms` after the first of a burst of calls: a stream of them does not put it off. */
export function throttle(run: () => void, ms: number): { (): void; dispose(): void } {
  let timer: NodeJS.Timeout | undefined;
  const call = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      run();
    }, ms);
  };
  return Object.assign(call, { dispose: () => clearTimeout(timer) });
}
