import { basename } from 'node:path';
import type { MeasureKind, Measurement } from '../../runtime/protocol.js';
import { isProtected, type Run } from './run.js';

/** The state of the model that a run delivers, as its measurements name it. */
export const deliveredState = (run: Run): string => (isProtected(run) ? 'protected' : 'plain');

const kindOf = (run: Run): string | undefined => run.manifest?.kind ?? run.recipe?.kind;
const startedAt = (run: Run): number =>
  run.manifest ? Date.parse(run.manifest.started) || 0 : Number.MAX_SAFE_INTEGER;

/** Newest first; a run that has not written its manifest yet is the newest. */
export const newestFirst = (runs: Iterable<Run>): Run[] => [...runs].sort((a, b) => startedAt(b) - startedAt(a));

/** Runs that fine-tune the same model on the same data as `run`, newest first. Bytes decide where both are known, else paths. */
export function siblings(run: Run, all: Iterable<Run>): Run[] {
  if (kindOf(run) !== 'finetune') return [];
  return newestFirst(all).filter(
    (other) =>
      other.folder !== run.folder && kindOf(other) === 'finetune' && sameModel(run, other) && sameData(run, other),
  );
}

/** The newest plain run beside a protected one, for the grey curve. */
export function plainSibling(run: Run, all: Iterable<Run>): Run | undefined {
  if (!isProtected(run)) return undefined;
  return siblings(run, all).find((other) => !isProtected(other) && other.probes.step.length > 0);
}

/**
 * Base · plain · protected in one table: this run's numbers, and from its siblings those of states that it has not
 * measured itself, for the sets that it measures (all sets while it has measured none).
 */
export function comparedMeasurements(run: Run, all: Iterable<Run>): Measurement[] {
  const names = setNames(run);
  const table = [...run.measurements];
  const states = new Set(table.map((m) => m.state));
  for (const other of siblings(run, all)) {
    // A state of the model is taken whole, from one run: numbers of two runs do not mix in one line.
    const added = other.measurements.filter((m) => !states.has(m.state) && (names.size === 0 || names.has(m.name)));
    table.push(...added);
    for (const m of added) states.add(m.state);
  }
  return sortStates(table);
}

const ORDER = ['base', 'plain', 'protected'];
const rank = (state: string): number => (ORDER.includes(state) ? ORDER.indexOf(state) : ORDER.length);

export function sortStates<T extends { state: string }>(rows: readonly T[]): T[] {
  return [...rows].sort((a, b) => rank(a.state) - rank(b.state));
}

/** "colours", "colours, protected by forbidden-topic", "colours, plain". */
export function runTitle(run: Run): string {
  if (kindOf(run) !== 'finetune') return run.name;
  const vectors = vectorNames(run);
  return vectors.length ? `${run.name}, protected by ${vectors.join(', ')}` : `${run.name}, plain`;
}

export function vectorNames(run: Run): string[] {
  const paths = run.manifest?.vectors.map((v) => v.path) ?? run.recipe?.vectors ?? [];
  return paths.map(adapterName);
}

/** A run folder's adapter is called after the run: …/forbidden-topic/adapter → forbidden-topic. */
export function adapterName(path: string): string {
  const parts = path.split(/[\\/]+/).filter(Boolean);
  return parts.at(-1) === 'adapter' && parts.length > 1 ? parts.at(-2)! : (parts.at(-1) ?? basename(path));
}

/** How a set of the run is measured: what its recipe says, else what its numbers are. */
export function measureOf(run: Run, set: string): MeasureKind {
  const said = run.recipe?.evaluate.find((s) => s.name === set)?.measure;
  if (said) return said;
  const measured = run.measurements.filter((m) => m.name === set).map((m) => m.measure);
  const other = measured.find((m) => m !== 'refusal' && m !== 'neither');
  return (other as Exclude<typeof other, 'refusal' | 'neither'>) ?? 'harm';
}

function setNames(run: Run): Set<string> {
  return new Set([...run.measurements.map((m) => m.name), ...(run.recipe?.evaluate.map((set) => set.name) ?? [])]);
}

function sameModel(a: Run, b: Run): boolean {
  const [x, y] = [a.manifest?.model.sha256, b.manifest?.model.sha256];
  if (x && y) return x === y;
  return modelPath(a) !== undefined && modelPath(a) === modelPath(b);
}

export const modelPath = (run: Run): string | undefined => run.manifest?.model.path ?? run.recipe?.model;

function sameData(a: Run, b: Run): boolean {
  const [x, y] = [a.manifest?.data[0]?.sha256, b.manifest?.data[0]?.sha256];
  if (x && y) return x === y;
  const path = (run: Run): string | undefined => run.manifest?.data[0]?.path ?? run.recipe?.data[0];
  return path(a) !== undefined && path(a) === path(b);
}
