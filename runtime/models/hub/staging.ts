/**
 * `.download/` in the folder of a model: what a download has not finished, and who is downloading. It is made, filled
 * and emptied by this program alone, so that files of the user are never taken for its own.
 *
 * Files come into place together: the old ones are moved here, then the new ones out of here. `commit.json` names the
 * moves while they are made; as long as it is there they are taken back, by who fails and by who comes after a crash.
 * So the folder is the old model or the new one.
 */
import { safeParse } from '../../contract/safeParse.js';
import { lstat, mkdir, open, readdir, rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { Cancelled, HumanError } from '../../support/errors.js';
import { removeMade } from '../../support/files.js';
import { move } from '../../support/replaceFile.js';
import { readOptionalJson } from '../../support/jsonFile.js';
import { makeFolder } from '../../support/makeFolder.js';
import { claim } from '../../runs/owner.js';
import { ownerOf } from '../../runs/ownerOf.js';
import { COMMIT, STAGING } from './commit.js';
import { isHubFile } from './files.js';
import type { HubFile } from './files.js';
import { MANIFEST } from './manifest.js';

/** Names that this program gives in there; anything else is not its own and stops the download. */
function isOwn(name: string): boolean {
  const of = /^(.+)(?:\.old|\.[0-9a-f]{16}\.part)$/.exec(name)?.[1];
  return of === MANIFEST || (of !== undefined && isHubFile(of)) || OWN.test(name);
}
const OWN = /^(owner\.json[\w.]*|commit\.json(\.part)?|\.download\.json\.part)$/;

/** One name in the folder: what `had` it moves away, and `part` takes it if it is given. */
const commitSchema = z.object({
  moves: z.array(
    z.object({
      name: z.string().refine((name) => name === MANIFEST || isHubFile(name)),
      part: z
        .string()
        .regex(/^[^\\/]+\.part$/)
        .optional(),
      had: z.boolean(),
    }),
  ),
});
type Move = z.infer<typeof commitSchema>['moves'][number];

export interface Staging {
  /** Where a file comes, named by its content: a part is never gone on with as another version of the file. */
  part(file: HubFile, commit: string): string;
  /** Removes what an earlier download left, but for these parts. */
  keepOnly(parts: readonly string[]): Promise<void>;
  /** Gives complete parts their names and removes the names in `stale`, all or nothing. */
  commit(parts: ReadonlyMap<string, string>, stale: readonly string[], manifest: string): Promise<void>;
}

/** A download was killed, or is running: there is more here than parts to continue. */
export async function isUntidy(folder: string): Promise<boolean> {
  const names = await readdir(join(folder, STAGING)).catch(() => undefined);
  return names !== undefined && !(names.length > 0 && names.every((name) => /\.[0-9a-f]{16}\.part$/.test(name)));
}

/** Of who comes second into a folder that several fill. */
interface Turn {
  readonly signal: AbortSignal;
  /** Called once, if there is something to wait for. */
  readonly onWait: () => void;
}

/**
 * Makes the folder and takes it for this download while `use` runs. What is not complete then stays for the next one;
 * folders that are empty do not.
 * @param turn where another download that is writing to it is waited for
 * @throws HumanError without that. Cancelled while it waits.
 */
export async function withStaging<T>(folder: string, use: (staging: Staging) => Promise<T>, turn?: Turn): Promise<T> {
  const place = join(folder, STAGING);
  const created = await makeFolder(folder);
  let release: (() => Promise<void>) | undefined;
  try {
    release = await claimed(folder, place, turn);
    await takeBack(folder, place);
    return await use(staging(folder, place));
  } finally {
    await release?.();
    await rmdir(place).catch(() => undefined);
    await removeMade(folder, created);
  }
}

const EVERY_MS = 500;

async function claimed(folder: string, place: string, turn?: Turn): Promise<() => Promise<void>> {
  let waits = false;
  for (let attempt = 0; ; attempt++) {
    await mkdir(place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const foreign = await foreignIn(place);
    if (foreign !== undefined)
      throw new HumanError(`${foreign} is in the way of an unfinished download.`, {
        place,
        remedy: 'Move it away, or choose another folder.',
      });
    try {
      return await claim(place);
    } catch (error) {
      const isTaken = error instanceof HumanError;
      if (isTaken && turn && (await ownerOf(place))) {
        if (!waits) turn.onWait();
        waits = true;
        attempt = 0;
        await sleep(EVERY_MS, undefined, { signal: turn.signal }).catch(() => undefined);
        if (turn.signal.aborted) throw new Cancelled();
      } else if (isTaken && (!turn || attempt > 3))
        throw new HumanError('another download into this folder is running.', {
          place: folder,
          remedy: 'Wait for that download, or choose another folder.',
          cause: error,
        });
      // who had it has just removed it
      else if (!isTaken && ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt > 3)) throw error;
    }
  }
}

/** What no download has put there; who had it may just have removed it. */
async function foreignIn(place: string): Promise<string | undefined> {
  try {
    if (!(await lstat(place)).isDirectory()) return STAGING;
    return (await readdir(place)).find((name) => !isOwn(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

const staging = (folder: string, place: string): Staging => ({
  part: ({ name, sha256, gitOid }, commit) => join(place, `${name}.${(sha256 ?? gitOid ?? commit).slice(0, 16)}.part`),
  keepOnly: async (parts) => {
    for (const name of await readdir(place))
      if (!name.startsWith('owner') && isOwn(name) && !parts.includes(join(place, name))) await rm(join(place, name));
  },
  commit: async (parts, stale, manifest) => {
    const newManifest = `${MANIFEST}.part`;
    const moves: Move[] = [];
    for (const [name, part] of [...parts, ...stale.map((name) => [name] as const), [MANIFEST, newManifest] as const])
      moves.push({ name, part: part && basename(part), had: await isThere(join(folder, name)) });
    await write(join(place, newManifest), manifest);
    await write(join(place, `${COMMIT}.part`), JSON.stringify({ moves }));
    await move(join(place, `${COMMIT}.part`), join(place, COMMIT));
    try {
      for (const { name, had } of moves) if (had) await move(join(folder, name), oldOf(place, name));
      for (const { name, part } of moves) if (part !== undefined) await move(join(place, part), join(folder, name));
      await rm(join(place, COMMIT));
    } catch (error) {
      // what cannot be taken back now is taken back by the next download
      await takeBack(folder, place).catch(() => undefined);
      throw error;
    }
    for (const { name } of moves) await rm(oldOf(place, name), { force: true });
  },
});

const oldOf = (place: string, name: string): string => join(place, `${name}.old`);

/** Takes back the moves of a commit that did not come to its end. */
async function takeBack(folder: string, place: string): Promise<void> {
  const file = join(place, COMMIT);
  const json = await readOptionalJson(file);
  if (!json) return;
  const checked = safeParse(commitSchema, json);
  if (!checked.success)
    throw new HumanError('the record of an interrupted download is damaged.', {
      place: file,
      remedy: `Move what you need out of ${place} (NAME.old was in the folder as NAME), delete it, and download again.`,
    });
  for (const { name, part, had } of checked.data.moves) {
    const [target, old] = [join(folder, name), oldOf(place, name)];
    // it never moved, or is back already
    if (had && !(await isThere(old))) continue;
    if (part !== undefined && !(await isThere(join(place, part))) && (await isThere(target)))
      await move(target, join(place, part));
    if (had && !(await isThere(target))) await move(old, target);
  }
  await rm(file);
}

async function write(file: string, text: string): Promise<void> {
  await rm(file, { force: true });
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const isThere = async (path: string): Promise<boolean> =>
  (await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  })) !== undefined;
