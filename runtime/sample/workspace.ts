/**
 * The copy of the sample workspace that the story runs in: created afresh each time, without removing anything of the
 * user's.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isLabelsFile } from '../contract/labels.js';
import { isReviewFile } from '../contract/review.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { HumanError } from '../support/errors.js';
import { filesBelow, isTrace, sha256File, writeFileAtomic } from '../support/files.js';
import { ifThere } from '../support/ifThere.js';
import { isPartOf, move } from '../support/replaceFile.js';
import { hasCheckpoint } from '../runs/checkpoint.js';
import { isLeftOver, readManifest } from '../runs/output.js';
import { runFiles } from '../runs/ownFiles.js';
import { requireFree } from '../runs/owner.js';

/** Marks a workspace as a copy made here, with the SHA-256 of each file. */
const MARK = '.security-vectors/sample.json';

/** The workspace in the folder of the story. */
export const WORKSPACE = 'workspace';
/** Also one that was kept. */
const isWorkspace = (name: string): boolean => name === WORKSPACE || name.startsWith(`${WORKSPACE}${KEPT}`);
const KEPT = '-kept-';

const OTHER_FOLDER = 'Choose another folder with --out.';

/** The extension's own folder in a workspace. */
export const stateFolder = (workspace: string): string => join(workspace, dirname(MARK));

interface Mark {
  program: 'security-vectors';
  files: Record<string, string>;
}

/**
 * The story writes a report and its result beside the workspace: into a folder that is new, empty, or has an earlier
 * copy of the sample.
 * @throws HumanError where `out` is another one
 */
export async function requireStoryFolder(out: string): Promise<void> {
  const entries = (await ifThere(readdir(out))) ?? [];
  const others = entries.filter((name) => name !== WORKSPACE && !isTrace(name)).sort();
  if (others.length === 0) return;
  for (const name of entries) if (isWorkspace(name) && (await readMark(join(out, name)))) return;
  throw new HumanError(`the folder is not empty and no sample wrote it: it holds "${others[0]}".`, {
    place: out,
    remedy: OTHER_FOLDER,
  });
}

/**
 * Copies the sample to `workspace`. An earlier copy with nothing but our files and runs is replaced; one that was
 * changed, or holds a run that can be resumed, is kept under another name.
 * @returns the folder that the changed copy is kept in
 * @throws HumanError when `workspace` holds anything else, and while a living process works in a run there
 */
export async function copySample(workspace: string): Promise<{ kept?: string }> {
  const source = sampleFolder();
  const files: Mark['files'] = {};
  for (const name of (await filesBelow(source)).keys()) files[name] = await sha256File(join(source, name));
  let kept: string | undefined;
  const entries = await readdir(workspace).catch(() => []);
  if (entries.length > 0 && !(await isBarelyBegun(workspace))) {
    const mark = await readMark(workspace);
    if (!mark) {
      throw new HumanError(
        `the folder is not empty and is not a copy of the sample: it holds "${entries.sort()[0]}".`,
        {
          place: workspace,
          remedy: OTHER_FOLDER,
        },
      );
    }
    for (const name of (await filesBelow(workspace)).keys())
      if (basename(name) === RUN_FILES.owner) await requireFree(join(workspace, dirname(name)));
    if (await isChanged(workspace, mark)) await move(workspace, (kept = await freeName(workspace)));
    else {
      // The mark is last: what is left of the others is known by it.
      for (const name of entries)
        if (name !== dirname(MARK)) await rm(join(workspace, name), { recursive: true, force: true });
      await rm(workspace, { recursive: true });
    }
  }
  await writeFileAtomic(
    join(workspace, MARK),
    `${JSON.stringify({ program: 'security-vectors', files } satisfies Mark)}\n`,
  );
  for (const name of Object.keys(files))
    await writeFileAtomic(join(workspace, name), await readFile(join(source, name)));
  return { kept };
}

/** Cut off before the mark was there. */
async function isBarelyBegun(workspace: string): Promise<boolean> {
  return [...(await filesBelow(workspace)).keys()].every((name) => isPartOf(MARK, name));
}

/** media/sample, beside dist/ or two folders above the source. */
function sampleFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const found = ['../media/sample', '../../media/sample']
    .map((p) => join(here, p))
    .find((p) => existsSync(join(p, 'tiny-assistant')));
  if (!found)
    throw new HumanError('the sample workspace is missing.', {
      place: 'media/sample',
      remedy: 'Install the package again.',
    });
  return found;
}

async function readMark(workspace: string): Promise<Mark | undefined> {
  try {
    const mark = JSON.parse(await readFile(join(workspace, MARK), 'utf8')) as Partial<Mark> | null;
    return mark?.program === 'security-vectors' && mark.files ? (mark as Mark) : undefined;
  } catch {
    return undefined;
  }
}

/** In the extension's own folder: what is attached, and what was said of answers and rows. */
const isOfPerson = (name: string): boolean =>
  basename(name) === 'workspace.json' || isLabelsFile(name) || isReviewFile(name);

/**
 * Whether a workspace holds anything but the sample's files as they came, what the extension makes, and files of runs:
 * those that a finished one names, and of one of the sample's recipes that was cut off without a checkpoint what it may
 * have made.
 */
async function isChanged(workspace: string, { files }: Mark): Promise<boolean> {
  const runs = new Map<string, (name: string) => boolean>();
  const names = Object.keys(files);
  for (const name of (await filesBelow(workspace)).keys()) {
    if (name.startsWith(dirname(MARK)) && !isOfPerson(name)) continue;
    const known = files[name];
    if (known !== undefined) {
      if ((await sha256File(join(workspace, name))) !== known) return true;
    } else if (!names.some((one) => isPartOf(one, name)) && !(await isOfRun(name))) return true;
  }
  return false;

  /** Runs of the story lie two folders deep: `adapters/orders-plain`. */
  async function isOfRun(name: string): Promise<boolean> {
    const [kind, run, ...rest] = name.split('/');
    const folder = `${kind}/${run}`;
    if (!runs.has(folder)) runs.set(folder, await made(folder));
    return runs.get(folder)!(rest.join('/'));
  }

  async function made(folder: string): Promise<(name: string) => boolean> {
    const path = join(workspace, folder);
    const manifest = await readManifest(path);
    if (manifest?.files) return (name) => manifest.files!.includes(name);
    const recipe = manifest?.recipe && relative(workspace, manifest.recipe).split(sep).join('/');
    // also of a process that ended before its manifest was there
    if (recipe === undefined || files[recipe] === undefined) return isLeftOver;
    if (hasCheckpoint(join(path, RUN_FILES.checkpoint))) return () => false;
    const own = await runFiles(path);
    const isPart = (name: string): boolean => Object.values(RUN_FILES).some((one) => isPartOf(one, name));
    return (name) => own.includes(name) || isLeftOver(name) || isPart(name);
  }
}

async function freeName(workspace: string): Promise<string> {
  for (let i = 1; ; i++) {
    const name = `${workspace}${KEPT}${i}`;
    if (!existsSync(name)) return name;
  }
}
