/** Where a run may write: never over what it did not make. */
import { existsSync } from 'node:fs';
import { readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lastStart, manifestSchema, type Manifest } from '../contract/manifest.js';
import { safeParse } from '../contract/safeParse.js';
import { CHECKPOINT_FILE, RUN_FILES } from '../contract/runFiles.js';
import { HumanError } from '../support/errors.js';
import { isTrace } from '../support/files.js';
import { ifThere } from '../support/ifThere.js';
import { jsonOrNone } from '../support/jsonFile.js';
import { isPartOf, move, whereMapped } from '../support/replaceFile.js';
import { makeFolder } from '../support/makeFolder.js';
import { KINDS } from '../contract/kinds.js';
import type { RecipeInput } from '../contract/recipeInputs.js';
import { hasCheckpoint } from './checkpoint.js';
import { requireNoLinks } from './links.js';
import { claim, requireFree } from './owner.js';
import { otherFiles, removeEmpty, REPLACED, runFiles } from './ownFiles.js';
import { ownerOf } from './ownerOf.js';

export interface OutputPlan {
  /** The run folder that the recipe names. */
  readonly output: string;
  /** Where the run works: `output`, or `next/` in it while it replaces the finished run there. */
  readonly folder: string;
  /** What stands in both, as it was found. */
  readonly standing: readonly (Manifest | undefined)[];
}

export interface OutputOptions {
  /** Go on from the checkpoint of the run in the folder. */
  readonly resume?: boolean;
  /** Replace a finished run when the new one is done, and one with a checkpoint at once. */
  readonly force?: boolean;
}

/**
 * Decides where a run works. Nothing is changed, but that a replacement which was cut off is completed.
 * @param inputs absolute paths that the run reads
 * @throws HumanError when the output and an input lie in one another, when the folder holds what no run wrote or a link
 * in the place of a run's file, when a run that is finished or has a checkpoint stands there and `force` is off, and
 * when there is nothing to resume
 */
export async function planOutput(
  output: string,
  inputs: readonly RecipeInput[],
  { resume = false, force = false }: OutputOptions,
): Promise<OutputPlan> {
  await requireApart(output, inputs);
  await finishReplacement(output);
  const found = await readManifest(output);
  if (!found) {
    const damaged = damagedRun(output);
    if (damaged) throw damaged;
    await requireEmpty(output);
    if (resume) throw nothingToResume(output, 'there is no run in this folder.');
    return { output, folder: output, standing: [found, found] };
  }
  await requireNoLinks(output);
  if (found.kind === 'sweep') throw anotherKind(output, found);
  if (found.outcome !== 'finished') {
    if (resume && !KINDS[found.kind].trains)
      throw nothingToResume(output, 'a run that trains nothing keeps no checkpoint.');
    if (resume) await requireCheckpoint(output);
    else if (!force && canGoOn(output))
      throw holdsAlready(
        output,
        `the run "${found.name}" of ${found.started}, which has not reached its end`,
        '--resume goes on from its checkpoint, --force starts over without it, --out DIR writes to another folder.',
      );
    return { output, folder: output, standing: [found, found] };
  }
  const next = join(output, RUN_FILES.next);
  const replacement = await readManifest(next);
  if (resume) {
    if (!replacement) throw nothingToResume(output, 'this run is finished.', '--force runs the recipe once more.');
    await requireCheckpoint(next);
    return { output, folder: next, standing: [found, replacement] };
  }
  if (!force && replacement && canGoOn(next))
    throw holdsAlready(
      output,
      `the run "${replacement.name}" of ${replacement.started}, which has not reached its end, and the finished one that it was to replace`,
      '--resume goes on from its checkpoint, --force starts it over without that, --out DIR writes to another folder.',
    );
  if (!force)
    throw holdsAlready(
      output,
      `the finished run "${found.name}" of ${found.started}`,
      '--force replaces it when the new run is done, --out DIR writes to another folder.',
    );
  if (!replacement) {
    // A replacement that was cut off behind its last file leaves its empty folders, and files that were mapped.
    await removeEmpty(next);
    await requireEmpty(next);
  }
  return { output, folder: next, standing: [found, replacement] };
}

/**
 * To be called when the folder of a plan was taken: another process may have begun and ended there since.
 * @throws HumanError where it has, and where something else was put there
 */
export async function requireAsPlanned({ output, folder, standing: before }: OutputPlan): Promise<void> {
  const now = await Promise.all([output, folder].map(readManifest));
  const other = now.findIndex((found, i) => !isSameRun(found, before[i]));
  if (other >= 0) throw changedMeanwhile([output, folder][other]);
  if (!now[1]) await requireEmpty(folder);
}

/** Whether both are the same run, as it was. */
export const isSameRun = (one: Manifest | undefined, other: Manifest | undefined): boolean =>
  (one && lastStart(one)) === (other && lastStart(other)) && one?.outcome === other?.outcome;

export const changedMeanwhile = (place: string, again = 'start the run'): HumanError =>
  new HumanError('the run folder was changed meanwhile, by another process; nothing in it was touched.', {
    place,
    remedy: `Look at what is there now, and ${again} again.`,
  });

/** `next/` of a finished run stands for the run that it replaces. */
export async function plainOutput(output: string): Promise<string> {
  const parent = dirname(output);
  return output === join(parent, RUN_FILES.next) && (await readManifest(parent)) ? parent : output;
}

/** The manifest of a folder that this program wrote; undefined for any other. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const text = await ifThere(readFile(join(folder, RUN_FILES.manifest), 'utf8'), ['ENOENT', 'ENOTDIR', 'EISDIR']);
  return text === undefined ? undefined : safeParse(manifestSchema, jsonOrNone(text)).data;
}

/**
 * What is wrong with a folder whose manifest is none of this program, but which has the events of a run; else
 * undefined.
 */
export function damagedRun(folder: string): HumanError | undefined {
  const manifest = join(folder, RUN_FILES.manifest);
  if (![manifest, join(folder, RUN_FILES.events)].every((file) => existsSync(file))) return undefined;
  return new HumanError('the manifest of this run is damaged, or of another version.', {
    place: manifest,
    remedy: 'Put it back as it was, or remove the folder and run its recipe again.',
  });
}

/** What is wrong with a folder that was named as that of a run, and has no manifest of this program. */
export const noRun = (folder: string): HumanError =>
  damagedRun(folder) ??
  new HumanError('there is no run in this folder.', { place: folder, remedy: 'Name the folder of a run.' });

export const notTogether = (place: string): HumanError =>
  new HumanError('the files of this run do not belong together.', { place, remedy: 'Run it again.' });

/**
 * Puts the finished run in `next/` in the place of the one it replaces: file by file, each by a rename, the manifest
 * last. A replacement that was cut off is completed by calling this again. Files that the replaced run did not make
 * stay; those that are mapped go to `next/`, which stays until nobody has them. Who works on the replaced run, as by
 * judging its answers, is waited for.
 * @throws HumanError where that takes longer, and where a result is in the way that the replaced run did not make; the
 * finished run then stays in `next/`. And where a link in one of the two would lead elsewhere; nothing is moved then
 */
export async function finishReplacement(output: string, attempts = ATTEMPTS): Promise<void> {
  const next = join(output, RUN_FILES.next);
  const after = await readManifest(next);
  if (after?.outcome !== 'finished' || !after.files) return;
  // `next` may also be the name of a run in a folder of somebody's own.
  if ((await readManifest(output))?.outcome !== 'finished') return;
  await requireNoLinks(output);
  // Another process may be putting it there now.
  if ((await ownerOf(next))?.pid !== process.pid) await requireFree(next);
  const release = await claimSoon(output, attempts);
  try {
    await putInPlace(output);
  } finally {
    await release();
  }
}

/** Files are read and written in no time; a judge may be asked for hours. */
const ATTEMPTS = 50;
const ATTEMPT_MS = 200;

async function claimSoon(output: string, attempts: number): Promise<() => Promise<void>> {
  for (let left = attempts; ; left--) {
    try {
      return await claim(output);
    } catch (error) {
      if (!(error instanceof HumanError)) throw error;
      if (left > 0) await delay(ATTEMPT_MS);
      else
        throw new HumanError(
          `the run is finished and cannot take the place of the one it replaces yet: ${error.message}`,
          {
            kind: 'failed',
            place: join(output, RUN_FILES.next),
            remedy:
              'It takes that place when the folder is used next, after that process has ended: run the recipe, or judge the answers.',
            cause: error,
          },
        );
    }
  }
}

async function putInPlace(output: string): Promise<void> {
  const next = join(output, RUN_FILES.next);
  const [before, after] = await Promise.all([output, next].map(readManifest));
  // another process has put it there since
  if (before?.outcome !== 'finished' || after?.outcome !== 'finished') return;
  const aside = join(next, REPLACED);
  const newFiles = new Set(after.files);
  // A manifest may be somebody else's: only files that lie in the folders, under the names of a run, are moved and
  // removed.
  const coming = (await runFiles(next)).filter((file) => newFiles.has(file) && file !== RUN_FILES.manifest);
  const oldFiles = new Set(before.files);
  const standing = await runFiles(output);
  const going = standing.filter((file) => !newFiles.has(file) && oldFiles.has(file));
  const others = RESULTS.filter((folder) => !hasMade(before, folder)).map((folder) => `${folder}/`);
  const other = coming.find((file) => standing.includes(file) && others.some((folder) => file.startsWith(folder)));
  if (other !== undefined) throw inTheWay(output, other);
  for (const file of standing)
    if (isOpened(file) && (coming.includes(file) || going.includes(file))) await remove(file);
  for (const file of coming) if (!isOpened(file)) await moveUp(file);
  for (const file of going) if (!isOpened(file)) await remove(file);
  for (const file of coming) if (isOpened(file)) await moveUp(file);
  await moveUp(RUN_FILES.label);
  for (const file of await otherFiles(next)) if (!existsSync(join(output, file))) await moveUp(file);
  await move(join(next, RUN_FILES.manifest), join(output, RUN_FILES.manifest));
  for (const folder of [RUN_FILES.checkpoint, ...RESULTS]) await removeEmpty(join(output, folder));
  await rm(join(next, RUN_FILES.owner), { force: true });
  await removeEmpty(next);

  async function remove(file: string): Promise<void> {
    const place = join(output, file);
    await whereMapped(place, aside, () => rm(place, { force: true }));
  }

  async function moveUp(file: string): Promise<void> {
    const place = join(output, file);
    await makeFolder(dirname(place));
    await whereMapped(place, aside, () => move(join(next, file), place)).catch((error: NodeJS.ErrnoException) => {
      // moved before a crash, or a label that nobody gave
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

const RESULTS = [RUN_FILES.adapter, RUN_FILES.model, RUN_FILES.absorbed];

/** Of an earlier version it is not known. */
const hasMade = ({ files, result }: Manifest, folder: string): boolean =>
  files === undefined || result?.path === folder || files.some((file) => file.startsWith(`${folder}/`));

const inTheWay = (output: string, file: string): HumanError =>
  new HumanError(
    `the run is finished and cannot take the place of the one it replaces yet: "${file}" is there, which that one did not make.`,
    {
      kind: 'failed',
      place: join(output, dirname(file)),
      remedy:
        'Move it elsewhere. The run takes that place when the folder is used next: run the recipe, or judge the answers.',
    },
  );

/**
 * What adapters and models are opened by: it goes first and comes last, so that none is read with files of both runs.
 */
const isOpened = (file: string): boolean => /\/(adapter_)?config\.json$/.test(file);

/**
 * Whether a run has a checkpoint that is of use: one of an earlier version cannot be resumed, and nothing is lost with
 * it.
 */
export const canGoOn = (folder: string): boolean => existsSync(join(folder, RUN_FILES.checkpoint, CHECKPOINT_FILE));

/** The run that is lost when the one of this plan starts anew, as it could go on; undefined where there is none. */
export const lostBy = ({ folder, standing }: OutputPlan): Manifest | undefined =>
  canGoOn(folder) && standing.at(-1)?.outcome !== 'finished' ? standing.at(-1) : undefined;

async function requireCheckpoint(folder: string): Promise<void> {
  if (!hasCheckpoint(join(folder, RUN_FILES.checkpoint))) throw nothingToResume(folder, 'this run has no checkpoint.');
}

const nothingToResume = (place: string, why: string, remedy = 'Run its recipe from the start.'): HumanError =>
  new HumanError(`there is nothing to resume: ${why}`, { place, remedy });

/** What stands there is replaced only where a person says so. */
export const holdsAlready = (place: string, what: string, remedy: string): HumanError =>
  new HumanError(`the output folder holds ${what}.`, { place, remedy, code: 'exists' });

/** A sweep and a run that is none do not take each other's place: points and result would stand in one folder. */
export const anotherKind = (place: string, { kind, name, outcome, started }: Manifest): HumanError =>
  new HumanError(
    `the output folder holds the ${outcome === 'finished' ? 'finished ' : ''}${kind === 'sweep' ? 'sweep' : 'run'} "${name}" of ${started}, which ${kind === 'sweep' ? 'only a sweep' : 'no sweep'} takes the place of.`,
    { place, remedy: 'Name another folder as "output", or with --out.' },
  );

/** In a run folder: what a process leaves that is killed while it takes it. */
export const isLeftOver = (name: string): boolean =>
  name.startsWith(RUN_FILES.owner) || isPartOf(RUN_FILES.manifest, name) || isPartOf(REPLACED, name);

/** Nothing but what a process left that died before the manifest was there, what file managers leave, and a label. */
async function requireEmpty(folder: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code === 'ENOTDIR')
      throw new HumanError('the output is a file; a run writes a folder.', {
        place: folder,
        remedy: 'Name another folder as "output", or with --out.',
      });
    throw error;
  }
  const others = entries.filter((name) => !isLeftOver(name) && !isTrace(name) && name !== RUN_FILES.label).sort();
  if (others.length === 0) return;
  const shown = others.slice(0, 3).map((name) => `"${name}"`);
  const rest = others.length > 3 ? ` and ${others.length - 3} more` : '';
  throw new HumanError(`the output folder is not empty and no run wrote it: it holds ${shown.join(', ')}${rest}.`, {
    place: folder,
    remedy: 'Name a new or empty folder as "output", or with --out.',
  });
}

/** @throws HumanError when the output and an input lie in one another */
export async function requireApart(output: string, inputs: readonly RecipeInput[]): Promise<void> {
  const [target, ...above] = await identities(output);
  for (const { key, path } of inputs) {
    const [input, ...aboveInput] = await identities(path);
    const name = key ? `"${key}"` : 'the recipe';
    const clash =
      target !== undefined && target === input
        ? `the output folder is also ${name}`
        : target !== undefined && aboveInput.includes(target)
          ? `the output folder contains ${name}`
          : input !== undefined && above.includes(input)
            ? `the output folder lies in ${name}`
            : undefined;
    if (clash)
      throw new HumanError(`${clash} (${path}).`, {
        place: output,
        remedy: 'Name a separate folder as "output" or with --out.',
      });
  }
}

/**
 * Device and inode of a place and of each folder above it, after links: the same for two names of one folder, also
 * where names differ in case or one is mounted twice. The first is undefined when the place is not there yet.
 */
async function identities(place: string): Promise<(string | undefined)[]> {
  const found = await realpath(place).catch(() => undefined);
  if (found === undefined) {
    const parent = dirname(resolve(place));
    return [undefined, ...(parent === place ? [] : (await identities(parent)).filter((id) => id !== undefined))];
  }
  const ids: string[] = [];
  for (let at = found; ; at = dirname(at)) {
    const { dev, ino } = await stat(at, { bigint: true });
    ids.push(`${dev}:${ino}`);
    if (dirname(at) === at) return ids;
  }
}
