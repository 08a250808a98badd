/**
 * What training has seen of the prompts of an evaluation: of an adapter or a model in a run's folder, that run says it.
 */
import { basename, dirname, join } from 'node:path';
import { adapterFolder, WEIGHTS_FILE } from '../../adapters/files.js';
import type { TrainedPrompts } from '../../contract/events.js';
import type { Manifest, SetFacts } from '../../contract/manifest.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { isAmong, questionOf } from '../../data/askedBy.js';
import type { LoadedSet } from '../../evaluation/evaluate.js';
import { readManifest } from '../../runs/output.js';
import { sha256File } from '../../support/files.js';
import { readTrained } from '../vectorFiles/trainedFile.js';
import { vectorsOfRun } from '../vectorFiles/vectorsOfRun.js';

const RESULTS: readonly string[] = [RUN_FILES.adapter, RUN_FILES.model];

/**
 * Of each set of harm, how many prompts the vectors of these adapters and models, or the methods that they follow, were
 * trained on: by what the vectors say where they are as they were, and by what the runs counted of the same set.
 * @param results folders of adapters and models
 * @param unknown hears why it is not known what the training of one has seen: no run's folder holds it, or that of
 *   another run
 */
export async function seenBefore(
  results: readonly string[],
  sets: readonly LoadedSet[],
  facts: Readonly<Record<string, SetFacts>>,
  unknown: (why: string) => void,
): Promise<TrainedPrompts[]> {
  const harm = sets.filter(({ set }) => set.measure === 'harm');
  if (harm.length === 0) return [];
  const names = new Set<string>();
  const runs: Manifest[] = [];
  for (const result of results) {
    const folder = await adapterFolder(result);
    const trained = await readTrained(folder);
    for (const name of trained ?? []) names.add(name);
    const made = dirname(folder);
    const run = RESULTS.includes(basename(folder)) ? await readManifest(made) : undefined;
    if (!run && !trained) unknown(`${result} is not in the folder of its run`);
    if (!run) continue;
    if (!(await isResultOf(run, folder))) unknown(`what lies in ${result} is not what its run has made`);
    runs.push(run);
    for (const name of await trainedOf(made, run)) names.add(name);
  }
  return harm.flatMap(({ set, examples }) => {
    const seen = new Set<string>();
    for (const example of examples) if (isAmong(names, example)) seen.add(questionOf(example));
    const counted = runs.flatMap((run) => countedOf(run, facts[set.name].sha256));
    for (const { prompts = [] } of counted) for (const name of prompts) seen.add(name);
    // Runs of an earlier version have only the numbers.
    const count = Math.max(seen.size, ...counted.map((one) => one.count));
    return count > 0 ? [{ set: set.name, count }] : [];
  });
}

/** Whether a run has made what lies in its folder, where its manifest says what that was. */
async function isResultOf({ result }: Manifest, folder: string): Promise<boolean> {
  if (result === undefined || result.path !== basename(folder)) return true;
  const weights = result.path === RUN_FILES.model ? 'model.safetensors' : WEIGHTS_FILE;
  return result.sha256 === (await sha256File(join(folder, weights)).catch(() => undefined));
}

/** What the vectors of a run were trained on. */
async function trainedOf(folder: string, manifest: Manifest): Promise<string[]> {
  const names: string[] = [];
  for (const vector of await vectorsOfRun(folder, manifest)) names.push(...((await readTrained(vector)) ?? []));
  return names;
}

/** What the run itself counted of a set. */
const countedOf = ({ done }: Manifest, hash: string): TrainedPrompts[] =>
  (done?.trainedPrompts ?? []).filter(({ sha256 }) => sha256 === hash);
