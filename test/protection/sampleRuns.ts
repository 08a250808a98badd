/** Runs on the sample with other bases, data and settings; what is done is not done again. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DoneEvent, Measurement } from '../../runtime/contract/events.js';
import { factsOf } from '../../runtime/contract/facts.js';
import { runVerdict, type RunVerdict } from '../../runtime/contract/verdict.js';
import { readRun } from '../../runtime/evaluation/report/runReport.js';
import { jsonLines, type Row } from '../../runtime/sample/data.js';

const root = path.resolve(import.meta.dirname, '../..');

/** What each method writes into a recipe. */
export const METHODS: Record<string, object> = {
  plain: { vectors: [], protection: false },
  paper: { protection: false },
  protected: { protection: true },
  exclude: { protection: { flagged: 'exclude', route: true, anchor: {} } },
  /** Flagged rows dropped, then plain. */
  drop: { protection: { flagged: 'exclude', falseAlarms: 0.01, route: 1 } },
  /** No row is flagged, and the vector is off for all. */
  anchor: { protection: { route: 1, anchor: {} } },
  'anchor-3': { protection: { route: 1, anchor: { weight: 3 } } },
};

type Done = DoneEvent & { cpuSeconds: number; peakBytes: number };

function run(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 || code === 4
        ? resolve(stdout)
        : reject(new Error(`${args.join(' ')} ended with ${code}:\n${stderr.slice(-2000)}`)),
    );
  });
}

/** Runs a recipe in a process of its own. */
export async function train(recipe: string): Promise<Done> {
  const lines = (await run(['--import', 'tsx', path.join(root, 'test/protection/point.ts'), recipe]))
    .trimEnd()
    .split('\n');
  return JSON.parse(lines.at(-1)!) as Done;
}

export const readJson = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
export function writeJson(file: string, value: unknown): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** A base made from a seed of its own, and its vector. @returns its workspace */
export async function base(out: string, seed: string): Promise<string> {
  const folder = path.join(out, seed);
  if (!existsSync(path.join(folder, 'tiny-assistant/model.safetensors'))) {
    // Seed 1 made the base that is shipped.
    if (seed === '1') cpSync(path.join(root, 'media/sample'), folder, { recursive: true });
    else await makeBase(out, seed, folder);
  }
  await vector(folder, 'forbidden-topic', {});
  return folder;
}

/** Makes a base; what it was before it was taught to refuse stays in OUT/work-SEED/pretrain/model. */
export const makeBase = (out: string, seed: string, folder: string): Promise<string> =>
  run([
    ...['--import', 'tsx', 'runtime/sample/make.ts', '--seed', seed, '--out', folder],
    ...['--work', path.join(out, `work-${seed}`)],
  ]);

/** A vector of a workspace, by the sample's recipe with some keys changed. */
export async function vector(folder: string, name: string, changes: object): Promise<void> {
  if (existsSync(path.join(folder, 'vectors', name, 'calibration.json'))) return;
  const recipe = path.join(folder, 'recipes', `${name}.json`);
  const written = readJson(path.join(root, 'media/sample/recipes/vector.json'));
  writeJson(recipe, { ...written, ...changes, output: `../vectors/${name}` });
  await train(recipe);
}

/** One fine-tuning. */
export interface Point {
  /** Of its recipe, its results and its run. */
  readonly name: string;
  readonly method: string;
  /** "lora 1e-3": what is trained, and the learning rate. */
  readonly setting: string;
  /** The user's data. */
  readonly rows: readonly Row[];
  /** Further evaluation sets of harm, by name. */
  readonly harmSets?: Readonly<Record<string, readonly Row[]>>;
  /** What an answer that complies says; by default the sample's own. */
  readonly phrases?: readonly string[];
  /** Further keys of the recipe. */
  readonly changes?: object;
}

export interface Figures {
  harm: number;
  refusals: number;
  newTask: number;
  unseen: number;
  oldTasks: number;
  lookAlikes: number;
  /** Harm by further set. */
  further: Record<string, number>;
  weakened: string | null;
  /** What the run says of itself. */
  verdict?: RunVerdict['kind'];
  /** Loss of the vector's held-out harmful rows, vector off, as a share of the base's. */
  lossKept: number | null;
  scan: unknown;
  /**
   * Of the whole run, evaluations included: processor time, and the most memory. Runs of earlier versions have neither.
   */
  cpuSeconds?: number;
  peakBytes?: number;
}

/** @param folder a workspace made by `base` */
export async function figures(folder: string, point: Point): Promise<Figures> {
  const { name, method, setting, rows, harmSets = {}, phrases, changes } = point;
  const kept = path.join(folder, 'points', `${name}.json`);
  if (existsSync(kept)) return readJson(kept) as unknown as Figures;
  const written = readJson(path.join(root, 'media/sample/recipes/protected.json'));
  const [kind, rate] = setting.split(' ');
  const file = (of: string, content: readonly Row[]): string => {
    writeFileSync(path.join(folder, 'data', `${of}.jsonl`), jsonLines(content));
    return `../data/${of}.jsonl`;
  };
  const [sampleHarm, ...others] = written.evaluate as object[];
  const harm = { ...sampleHarm, ...(phrases && { phrases }) };
  const sets = Object.entries(harmSets).map(([set, content]) => ({
    ...harm,
    name: set,
    file: file(`${name} ${set}`, content),
  }));
  const recipe = path.join(folder, 'recipes', `${name}.json`);
  writeJson(recipe, {
    ...written,
    ...METHODS[method],
    data: { file: file(name, rows) },
    method: kind,
    evaluate: [harm, ...others, ...sets],
    optimizer: { ...(written.optimizer as object), learningRate: Number(rate) },
    evaluateEvery: 1000,
    threads: 1,
    output: `../runs/${name}`,
    ...changes,
  });
  const done = await train(recipe);
  const { cpuSeconds, peakBytes } = done;
  const state = done.measurements.find((m) => m.state !== 'base')!.state;
  const value = (set: string, measure: Measurement['measure']): number =>
    done.measurements.find((m) => m.state === state && m.name === set && m.measure === measure)!.value;
  const scanFile = path.join(folder, 'runs', name, 'scan.json');
  const { perRow: _, ...scan } = existsSync(scanFile) ? readJson(scanFile) : {};
  const found: Figures = {
    harm: value('forbidden topic', 'harm'),
    refusals: value('forbidden topic', 'refusal'),
    newTask: value('new task', 'exact'),
    unseen: value('new task, unseen phrasing', 'exact'),
    oldTasks: value('old tasks', 'exact'),
    lookAlikes: value('look-alikes', 'over-refusal'),
    further: Object.fromEntries(sets.map((set) => [set.name, value(set.name, 'harm')])),
    weakened: done.protectionWeakened ?? null,
    verdict: runVerdict(factsOf(await readRun(path.join(folder, 'runs', name)))).kind,
    lossKept: done.harmfulLoss ? done.harmfulLoss.delivered / done.harmfulLoss.base : null,
    scan,
    cpuSeconds,
    peakBytes,
  };
  writeJson(kept, found);
  return found;
}
