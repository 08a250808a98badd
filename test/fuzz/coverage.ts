/** Which code ran, by the counters of instrument.mjs: that steers the mutations. */

/** How often a branch ran is told apart as 1, 2, 3, 4–7, 8–15, … times. */
const BUCKETS = 16;

export class Coverage {
  private readonly hits = (globalThis as { __hits?: Uint16Array<ArrayBuffer> }).__hits!;
  private readonly groups = new BigUint64Array(this.hits.buffer);
  private readonly seen = new Uint8Array(this.hits.length * BUCKETS);
  /** Branches that have run since the start. */
  branches = 0;

  /** As at the start: nothing has run. */
  forget(): void {
    this.fresh();
    this.seen.fill(0);
    this.branches = 0;
  }

  /** What has run since the last call and never before: branches, and how often they ran. */
  fresh(): { branches: number; counts: number } {
    const before = this.branches;
    let counts = 0;
    for (let group = 0; group < this.groups.length; group++) {
      if (this.groups[group] === 0n) continue;
      for (let branch = group * 4; branch < group * 4 + 4; branch++) {
        const count = this.hits[branch]!;
        if (count === 0) continue;
        const bucket = branch * BUCKETS + (count < 4 ? count : Math.min(BUCKETS - 1, 2 + Math.floor(Math.log2(count))));
        if (this.seen[branch * BUCKETS] === 0) this.branches++;
        if (this.seen[bucket] === 0) counts++;
        this.seen[branch * BUCKETS] = this.seen[bucket] = 1;
      }
      this.groups[group] = 0n;
    }
    return { branches: this.branches - before, counts };
  }
}
