import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import { ownerIn } from './owner.js';
import type { Run } from './run.js';
import type { RunStore } from './store.js';

const INTERVAL_MS = 700;

/**
 * Draws runs that other processes work on, from what they write into their folders, until they end. It polls instead of
 * waiting for a notification: nothing reports a process that was killed, and not every file system reports what is
 * appended.
 */
export class Follower implements Disposable {
  private readonly disposables = new Disposables();
  private readonly answerBytes = new WeakMap<Run, number>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly store: RunStore,
    private readonly intervalMs = INTERVAL_MS,
  ) {
    this.disposables.add(store.onDidChange(() => this.plan()));
  }

  dispose(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.disposables.dispose();
  }

  /** The clock goes only while there is something to follow. */
  private plan(): void {
    if (this.closed || this.timer !== undefined || this.store.elsewhere().length === 0) return;
    this.timer = setTimeout(() => {
      void Promise.allSettled(this.store.elsewhere().map((run) => this.look(run))).then(() => {
        this.timer = undefined;
        this.plan();
      });
    }, this.intervalMs);
    this.timer.unref();
  }

  private async look(run: Run): Promise<void> {
    const [events, answers] = await Promise.all(
      [RUN_FILES.events, RUN_FILES.answers].map((name) => size(run.folder, name)),
    );
    // Shorter than what was read: the other process has begun anew.
    if (events! < run.eventBytes || !(await ownerIn(run.folder))) {
      await this.store.read(run.folder);
      return;
    }
    const before = this.answerBytes.get(run);
    this.answerBytes.set(run, answers!);
    await this.store.readOn(run, before !== undefined && before !== answers);
  }
}

const size = (folder: string, name: string): Promise<number> =>
  stat(join(folder, name)).then(
    (found) => found.size,
    () => 0,
  );
