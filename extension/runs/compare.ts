import { adapterName } from '../../runtime/contract/adapterName.js';
import { asksSame, labelDifferences } from '../../runtime/contract/askedSets.js';
import { dataHashes, runDifferences, type Difference } from '../../runtime/contract/comparison.js';
import { judgeIdentity } from '../../runtime/contract/judgeText.js';
import { sharedRows } from '../../runtime/contract/probeRows.js';
import { deliveredState, sortStates } from '../../runtime/contract/states.js';
import type { HarmfulLoss, Measurement } from '../../runtime/contract/events.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import type { RunSnapshot } from '../../webview/protocol/run.js';
import { t } from '../host/text.js';
import { baselineName, isProtected, kindOf, nameOf, vectorCount, type Run } from './run.js';

/** The state of the model that a run delivers, as its measurements name it. */
export const stateOfRun = (run: Run): string =>
  deliveredState({ vectors: vectorCount(run), baseline: baselineName(run) });

/**
 * A run that has not written its manifest yet is the newest; those of the queue follow the one at work, in their order.
 */
function startedAt({ live, place = 0, manifest }: Run): number {
  if (live || !manifest) return Number.MAX_SAFE_INTEGER - place;
  return Date.parse(manifest.started) || 0;
}

export function newestFirst(runs: Iterable<Run>): Run[] {
  const at = Array.from(runs, (run) => ({ run, started: startedAt(run) }));
  return at.sort((a, b) => b.started - a.started).map(({ run }) => run);
}

/**
 * Finished runs that fine-tuned the same model on the same data as `run`: those that were trained alike before those
 * that were not, newest first. Bytes decide where both are known, else paths. A run that failed stands alone.
 */
export function siblings(run: Run, all: Iterable<Run>): Run[] {
  if (kindOf(run) !== 'finetune' || run.progress.state === 'failed') return [];
  const found = newestFirst(all).filter(
    (other) =>
      other.folder !== run.folder &&
      kindOf(other) === 'finetune' &&
      other.progress.state === 'finished' &&
      sameModel(run, other) &&
      sameData(run, other),
  );
  const differs = (other: Run): number => Number(differencesOf(run, other).length > 0);
  return found.sort((a, b) => differs(a) - differs(b));
}

/** Recipe keys in which the other run differs, besides its protection. */
const differencesOf = (run: Run, other: Run): Difference[] =>
  runDifferences({ ...run, recipe: run.recipe?.raw }, { ...other, recipe: other.recipe?.raw }, (set) =>
    t('prompts of "{0}"', set),
  );

const labelsOf = (set: string): string => t('labelled answers to "{0}"', set);

/**
 * Base · plain · protected in one table: this run's numbers, and from its siblings those of states that it has not
 * measured itself, for the sets that it measures (all sets while it has measured none); and the newest plain run beside
 * a protected one, for the grey curve. `compared` says whose numbers these are, and what differs; `plainLoss` is of the
 * run whose plain numbers they are.
 */
export function comparison(
  run: Run,
  all: Iterable<Run>,
): Pick<RunSnapshot, 'measurements' | 'compared'> & { plain?: Run; plainLoss?: HarmfulLoss } {
  const near = siblings(run, all);
  const names = setNames(run);
  const table = [...run.measurements];
  const states = new Set(table.map((m) => m.state));
  const plain = isProtected(run)
    ? near.find((other) => !isProtected(other) && other.probes.step.length > 0)
    : undefined;
  let plainLoss: HarmfulLoss | undefined;
  const compared = near.flatMap((other) => {
    // A state of the model is taken whole, from one run: numbers of two runs do not mix in one line.
    const added = other.measurements.filter(
      (m) => !states.has(m.state) && (names.size === 0 || names.has(m.name)) && measuredAlike(run, other, m),
    );
    table.push(...added);
    const taken = [...new Set(added.map((m) => m.state))];
    for (const state of taken) states.add(state);
    if (taken.includes('plain')) plainLoss = other.done?.harmfulLoss;
    if (taken.length === 0 && !(other === plain && isDrawn(run, other))) return [];
    const differences = [...differencesOf(run, other), ...labelDifferences([run.measurements, added], labelsOf)];
    return [{ title: runTitle(other), states: taken, differences }];
  });
  return { plain, measurements: sortStates(table), compared, ...(plainLoss && { plainLoss }) };
}

/** Whether a line of the plain run stands beside one of the run. */
const isDrawn = (run: Run, plain: Run): boolean =>
  sharedRows({ ...run, named: run.recipe?.probes }, { ...plain, named: plain.recipe?.probes }).length > 0;

/** The same prompts, measured in the same way, by the same judge. */
function measuredAlike(run: Run, other: Run, m: Measurement): boolean {
  const same = (one: Measurement): boolean => one.name === m.name && one.measure === m.measure && one.judge === m.judge;
  return numbersAlike(run, run.measurements.find(same) ?? m, other, m);
}

/**
 * Whether two numbers are of the same prompts, by the same judge. Of the same set he may have left some answers open.
 */
export function numbersAlike(run: Run, own: Measurement, other: Run, m: Measurement): boolean {
  const judge = ({ manifest }: Run): string => judgeIdentity(manifest?.judges?.find(({ name }) => name === m.judge));
  const asked = asksSame(run.manifest, other.manifest, own.name, m.name);
  return (
    own.judge === m.judge &&
    judge(run) === judge(other) &&
    setAlike(run, other, own.name, m.name) &&
    (asked === true || own.count === m.count)
  );
}

/**
 * Whether both runs mean the same by the name of a set, or by their names for it; a set that only one of them knows
 * counts as the same.
 */
export function setAlike(run: Run, other: Run, name: string, its = name): boolean {
  const same = asksSame(run.manifest, other.manifest, name, its);
  if (same === false) return false;
  const [a, b] = [[run, name] as const, [other, its] as const].map(([{ recipe }, called]) => {
    const set = recipe?.evaluate.find((one) => one.name === called);
    return set && JSON.stringify([set.measure, set.raw['phrases'], ...(same ? [] : [set.file, set.raw['limit']])]);
  });
  return a === undefined || b === undefined || a === b;
}

/** "colours", "colours, protected by forbidden-topic", "colours, plain", "colours, lisa". */
export function runTitle(run: Run, name = nameOf(run)): string {
  if (kindOf(run) !== 'finetune') return name;
  const baseline = baselineName(run);
  if (baseline) return `${name}, ${baseline}`;
  const vectors = vectorNames(run);
  return vectors.length ? t('{0}, protected by {1}', name, vectors.join(', ')) : t('{0}, plain', name);
}

export function vectorNames(run: Run): string[] {
  const named = run.manifest?.vectors.map((v) => v.path) ?? [];
  // A run names them in its manifest only after the base was evaluated.
  return (named.length > 0 ? named : (run.recipe?.vectors ?? [])).map(adapterName);
}

/** How a set of the run is measured: what its recipe says, else what its numbers are. */
export function measureOf(run: Run, set: string): MeasureKind {
  const chosen = run.recipe?.evaluate.find((s) => s.name === set)?.measure;
  if (chosen) return chosen;
  const measured = run.measurements.filter((m) => m.name === set).map((m) => m.measure);
  const other = measured.find((m) => m !== 'refusal' && m !== 'neither');
  return (other as Exclude<typeof other, 'refusal' | 'neither'>) ?? 'harm';
}

function setNames(run: Run): Set<string> {
  return new Set([...run.measurements.map((m) => m.name), ...(run.recipe?.evaluate.map((set) => set.name) ?? [])]);
}

export function sameModel(a: Run, b: Run): boolean {
  const [x, y] = [a.manifest?.model.sha256, b.manifest?.model.sha256];
  if (x && y) return x === y;
  return modelPath(a) !== undefined && modelPath(a) === modelPath(b);
}

export const modelPath = (run: Run): string | undefined => run.manifest?.model.path ?? run.recipe?.model;

function sameData(a: Run, b: Run): boolean {
  const [x, y] = [a, b].map(({ manifest }) => manifest && dataHashes(manifest));
  if (x && y) return x === y;
  const paths = (run: Run): string => (run.manifest?.data.map(({ path }) => path) ?? run.recipe?.data ?? []).join('\n');
  return paths(a) !== '' && paths(a) === paths(b);
}
