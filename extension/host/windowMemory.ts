import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { RunOwner } from '../../runtime/contract/owner.js';
import { Turns } from '../../runtime/contract/turns.js';
import { claim, type Claim } from '../../runtime/runs/owner.js';
import { ownerOf } from '../../runtime/runs/ownerOf.js';
import { makeFolder } from '../../runtime/support/makeFolder.js';
import { readJson } from './checkedFile.js';
import type { Disposable } from './disposable.js';
import { replaceFile } from './state.js';

/** What the parts of a window keep, each under its name. */
type Kept = Record<string, unknown>;

const FILE = 'kept.json';
const CONTENT = z.object({ roots: z.array(z.string()), kept: z.record(z.string(), z.unknown()) });

/** Another window of the workspace. One that has ended is shown for a while: it may come back. */
export interface OtherWindow {
  owner: RunOwner;
  kept: Kept;
}

/** What is done with what a window has kept that has ended. `atBeginning`: of this one, which may follow that. */
type Take = (kept: Kept, atBeginning: boolean) => Promise<void>;

const TIMES = {
  /** How often it looks for other windows. */
  lookMs: 2000,
  /** A window that has just begun takes at once what is left: it may be the one that is reloaded. */
  beginningMs: 5000,
  /** Any other leaves it for this long to one that comes back. */
  leaveMs: 30_000,
};

/**
 * What waits in a window, or is being done there. When the window has ended, one other of the same workspace takes it.
 * Each has a folder, which it owns as a run owns its own. The memory that VS Code has of a workspace is no place for
 * it: each window that is open has the whole of that, and overwrites what another one has kept there.
 */
export class WindowMemory implements Disposable {
  private readonly kept: Kept = {};
  private own: { folder: string; claim: Claim } | undefined;
  /** By the names of the folders that are its own, or that it takes. */
  private readonly held = new Map<string, Claim>();
  private written = '';
  private readonly writes = new Turns();
  private isFailing = false;
  private begun = 0;
  private timer: NodeJS.Timeout | undefined;
  /** Who was seen in the folders of others, and since when they are gone. */
  private readonly seen = new Map<string, { owner?: RunOwner; goneAt?: number }>();
  private isClosed = false;

  /**
   * @param folder of all windows
   * @param roots the folders of the workspace; windows that have one in common are of the same
   */
  constructor(
    private readonly folder: string,
    private readonly roots: () => readonly string[],
    private readonly onError: (error: unknown) => void,
    private readonly times = TIMES,
  ) {}

  /** Resolves when it is written, or cannot be, which is told: it is lost then with its window. */
  async keep(name: string, value: unknown): Promise<void> {
    if (this.isClosed) return;
    this.kept[name] = value;
    try {
      await this.writes.take(() => this.write());
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing) this.onError(error);
      this.isFailing = true;
    }
  }

  /** What the other windows keep now. */
  async others(): Promise<OtherWindow[]> {
    return (await this.found()).flatMap(({ name, owner = this.seen.get(name)?.owner, kept }) =>
      owner ? [{ owner, kept }] : [],
    );
  }

  /**
   * Looks from now on for what other windows keep, and for what those that have ended have left.
   * @param take what it is given is no longer kept when this is done: what is to be kept of it, this window keeps
   */
  follow(take: Take, show: (others: readonly OtherWindow[]) => Promise<void>): Promise<void> {
    this.begun = performance.now();
    const look = async (): Promise<void> => {
      try {
        for (const { name, owner } of await this.found()) if (this.isLeft(name, owner)) await this.take(name, take);
        if (!this.isClosed) await show(await this.others());
      } catch (error) {
        this.onError(error);
      }
      if (!this.isClosed) this.timer = setTimeout(() => void look(), this.times.lookMs).unref();
    };
    return look();
  }

  /** What is written stays for another window. */
  dispose(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    // Where the process ends before this is done, that lets go of it, too.
    return this.writes.take(async () => {
      if (this.own && !this.isNeeded) await rm(this.own.folder, { recursive: true, force: true });
      for (const release of this.held.values()) await release();
    });
  }

  private get isNeeded(): boolean {
    return Object.values(this.kept).some((value) => value !== undefined);
  }

  private async write(): Promise<void> {
    if (!this.own && !this.isNeeded) return;
    const text = `${JSON.stringify({ roots: this.roots(), kept: this.kept })}\n`;
    // Somebody may have removed the folder.
    const isOwner = await this.own?.claim.requireHeld().then(
      () => true,
      () => false,
    );
    if (isOwner && text === this.written) return;
    if (!isOwner) this.own = await this.newFolder();
    await replaceFile(join(this.own!.folder, FILE), text);
    this.written = text;
  }

  /** Others look at it when there is something in it: by then it has its owner. */
  private async newFolder(): Promise<{ folder: string; claim: Claim }> {
    const name = randomUUID();
    const folder = join(this.folder, name);
    await makeFolder(folder);
    const own = await claim(folder);
    this.held.set(name, own);
    return { folder, claim: own };
  }

  /** Folders of other windows of the workspace; those of windows that have ended have no owner. */
  private async found(): Promise<{ name: string; owner?: RunOwner; kept: Kept }[]> {
    const roots = this.roots();
    const isHere = (of: readonly string[]): boolean =>
      of.length === 0 ? roots.length === 0 : of.some((root) => roots.includes(root));
    const found = [];
    for (const name of (await readdir(this.folder).catch(() => [])).sort()) {
      if (this.held.has(name)) continue;
      const folder = join(this.folder, name);
      const { roots: of, kept } = (await readJson(join(folder, FILE), CONTENT).catch(() => undefined)) ?? {};
      if (of && kept && isHere(of)) found.push({ name, owner: await ownerOf(folder), kept });
    }
    return found;
  }

  private isLeft(name: string, owner: RunOwner | undefined): boolean {
    const now = performance.now();
    const before = this.seen.get(name);
    const goneAt = owner ? undefined : (before?.goneAt ?? now);
    this.seen.set(name, { owner: owner ?? before?.owner, goneAt });
    return goneAt !== undefined && (this.isBeginning || now - goneAt >= this.times.leaveMs);
  }

  private get isBeginning(): boolean {
    return performance.now() - this.begun < this.times.beginningMs;
  }

  private async take(name: string, take: Take): Promise<void> {
    const folder = join(this.folder, name);
    // Of several windows one gets it.
    const own = await claim(folder).catch(() => undefined);
    if (!own) return;
    this.held.set(name, own);
    const file = join(folder, FILE);
    const { kept = {} } = (await readJson(file, CONTENT)) ?? {};
    await take(kept, this.isBeginning);
    if (this.isClosed) return;
    await rm(file, { force: true });
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    await own();
    this.held.delete(name);
  }
}
