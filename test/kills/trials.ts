/** Runs that something happens to at one moment, and what becomes of them. */
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorText } from '../../runtime/contract/errors.js';
import { errorData } from '../../runtime/support/errors.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import { runRecipe } from '../../runtime/calls/run.js';
import { bury } from '../support/bury.js';
import { half, watch } from '../support/faults.js';
import { differences, snapshot } from './snapshot.js';
import { RECIPES, VECTOR, writeWorkspace } from './workspace.js';
import { silent } from '../support/silent.js';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Before a call, or in the middle of it. */
export interface Moment {
  readonly call: number;
  readonly isTorn: boolean;
}

/** A recipe's undisturbed run. */
export interface Reference {
  readonly name: string;
  readonly file: string;
  readonly files: Record<string, string>;
  /** Files that it changed on the way, relative to its folder. */
  readonly changed: ReadonlySet<string>;
  /** Calls that change files. */
  readonly calls: number;
  /** What a kill at the chosen moments leaves of the run folder. */
  readonly kills: readonly { readonly label: string; readonly folder: string }[];
}

export interface Outcome {
  /** How it went on: the disturbance did no harm; from the checkpoint; anew, as there was none yet. */
  readonly how: 'undisturbed' | 'resumed' | 'anew';
  /** What is not as it should be. */
  readonly problems: readonly string[];
}

/** Gives the error the run ended with, if it did. */
async function run(file: string, output: string, resume = false): Promise<ErrorData | undefined> {
  try {
    await runRecipe(file, { output, resume, ...silent });
    return undefined;
  } catch (error) {
    return errorData(error);
  }
}

/** Writes the workspace, and trains the vector of protected runs. */
export async function writeBase(root: string): Promise<void> {
  await writeWorkspace(root);
  await succeed(run(await writeRecipe(root, 'the vector', VECTOR), join(root, 'vector')));
}

/**
 * Runs a recipe in a workspace, undisturbed. Before the calls that are chosen of all the run folder is copied: that is
 * what a kill at this moment would leave. What a kill in the middle of writing leaves is the copy and half of the data.
 */
export async function prepare(
  root: string,
  name: string,
  choose = (moments: readonly Moment[]): readonly Moment[] => moments,
): Promise<Reference> {
  const file = await writeRecipe(root, 'recipe', RECIPES[name]!);
  const [whole, again] = [join(root, 'whole/out'), join(root, 'again/out')];

  const moments: Moment[] = [];
  const counted = watch({
    root: again,
    onCall({ number, data }) {
      moments.push({ call: number, isTorn: false });
      if (data !== undefined) moments.push({ call: number, isTorn: true });
    },
  });
  await succeed(run(file, again));
  counted();
  const chosen = choose(moments);

  const kills: { label: string; folder: string }[] = [];
  const changed = new Set<string>();
  let calls = 0;
  const end = watch({
    root: whole,
    onCall({ number, name: call, file: path, data }) {
      calls = number;
      const written = path.slice(whole.length + 1);
      changed.add(written);
      for (const { isTorn } of chosen.filter((moment) => moment.call === number)) {
        const label = `${isTorn ? 'torn' : 'kill'}-${number}`;
        // all are called alike, as the name is in what a run writes
        const folder = join(root, label, 'out');
        mkdirSync(join(root, label));
        if (existsSync(whole)) cpSync(whole, folder, { recursive: true });
        if (isTorn && data !== undefined) appendFileSync(join(folder, written), half(data));
        kills.push({ label: `${label} (${call} ${written})`, folder });
      }
    },
  });
  await succeed(run(file, whole));
  end();
  const files = await snapshot(whole);
  const unequal = differences(files, await snapshot(again));
  if (unequal.length > 0) throw new Error(`two undisturbed runs of "${name}" differ: ${unequal.join(', ')}`);
  return { name, file, files, changed, calls, kills };
}

async function writeRecipe(root: string, name: string, recipe: object): Promise<string> {
  const file = join(root, `${name}.json`);
  await writeFile(file, JSON.stringify(recipe));
  return file;
}

async function succeed(ended: Promise<ErrorData | undefined>): Promise<void> {
  const error = await ended;
  if (error) throw new Error(errorText(error));
}

/** A folder that a killed process left is taken up again. */
export async function takeUp(reference: Reference, folder: string): Promise<Outcome> {
  await bury(folder);
  const how = existsSync(join(folder, 'checkpoint/state.safetensors')) ? 'resumed' : 'anew';
  // without a checkpoint there is nothing to resume, which may be said
  let error = await run(reference.file, folder, true);
  if (error?.kind === 'input' && how === 'anew') error = await run(reference.file, folder);
  // all was done when it was killed, but for saying that nobody works in the folder
  if (/this run is finished/.test(error?.message ?? '')) {
    error = undefined;
    await rm(join(folder, 'owner.json'), { force: true });
  }
  if (error) return { how, problems: [`not taken up: ${errorText(error)}${error.stack ?? ''}`] };
  return { how, problems: differences(reference.files, await snapshot(folder)) };
}

/** A run with a fault (see test/support/faults.ts) ends with an error for people, and can be taken up again. */
export async function withFault(root: string, reference: Reference, fault: string): Promise<Outcome> {
  const folder = join(root, fault.replace(':', '-'), 'out');
  await mkdir(join(folder, '..'));
  const end = watch({ root: folder, fault });
  const error = await run(reference.file, folder);
  end();
  const problems: string[] = [];
  if (error?.kind === 'internal') problems.push(`${error.message} ${error.stack}`);
  else if (error && (!error.place || !error.remedy)) problems.push(`no place or remedy: ${errorText(error)}`);
  // A folder that is deleted behind the last write of the run is gone, and the run was done.
  if (!error && existsSync(folder)) problems.push(...differences(reference.files, await snapshot(folder)));
  if (!error && !existsSync(folder) && !fault.startsWith('gone')) problems.push('the folder is gone');
  // of a deleted folder nothing is left to go on from
  if (error && fault.startsWith('gone')) await rm(folder, { recursive: true, force: true });
  const after = error ? await takeUp(reference, folder) : ({ how: 'undisturbed', problems: [] } as const);
  return { how: after.how, problems: [...problems, ...after.problems] };
}

/**
 * A process of the command line is killed after this share of the time that it takes, then its folder is taken up
 * again.
 */
export async function killed(root: string, reference: Reference, label: string, afterMs: number): Promise<Outcome> {
  const folder = join(root, label, 'out');
  await mkdir(join(folder, '..'));
  const child = spawn(process.execPath, [CLI, 'train', reference.file, '--out', folder], { stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  if (code === null) return takeUp(reference, folder);
  return { how: 'undisturbed', problems: differences(reference.files, await snapshot(folder)) };
}
