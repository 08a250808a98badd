import type { RowText } from '../../runtime/contract/dataInfo.js';

/** Texts are asked for when scrolling has come to rest for so long. */
const REST_MS = 40;
/** Texts that are kept. */
const MOST = 3000;

/** Texts of rows by hash, asked of the host when they are seen. */
export class RowTexts {
  /** Null: not in the file any more. */
  private readonly known = new Map<string, RowText | null>();
  private readonly asked = new Set<string>();
  private timer: number | undefined;

  /** @param ask gives false when it failed */
  constructor(private readonly ask: (hashes: string[]) => Promise<boolean>) {}

  /** Null: not in the file any more; undefined: not known yet. */
  of(hash: string): RowText | null | undefined {
    return this.known.get(hash);
  }

  /** Asks for those of the rows in view that are not known. */
  see(inView: () => readonly string[]): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      const hashes = inView().filter((hash) => !this.known.has(hash) && !this.asked.has(hash));
      for (const hash of hashes) this.asked.add(hash);
      if (hashes.length > 0) void this.ask(hashes).then((done) => !done && this.asked.clear());
    }, REST_MS);
  }

  /** An answer: of the rows asked for, those that are in the file. */
  take(asked: readonly string[], rows: readonly RowText[]): void {
    if (this.known.size > MOST) this.known.clear();
    for (const hash of asked) {
      this.asked.delete(hash);
      this.known.set(hash, null);
    }
    for (const row of rows) this.known.set(row.hash, row);
  }

  clear(): void {
    this.known.clear();
    this.asked.clear();
  }
}
