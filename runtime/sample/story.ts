/** The embedded sample's whole story: vector, plain, protected, scan; a table, result.json and report.html. */
import { join } from 'node:path';
import { calls } from '../calls/calls.js';
import type { Reporter } from '../calls/reporter.js';
import { scanText } from '../contract/scanText.js';
import { factsOf } from '../contract/facts.js';
import { formatDuration, numbersIn } from '../contract/format.js';
import { isLeftOpen } from '../contract/measures.js';
import { signsOf } from '../contract/signs.js';
import { runVerdict, type RunVerdict } from '../contract/verdict.js';
import { readRun, writeStoryReport } from '../evaluation/report/runReport.js';
import { writeFileAtomic } from '../support/files.js';
import { EXIT } from '../contract/errors.js';
import type { DoneEvent, HarmfulLoss, Invariants, Measurement } from '../contract/events.js';
import type { ScanResult } from '../contract/scan.js';
import type { Terminal } from '../commandLine/terminal.js';
import { textTable } from '../commandLine/textTable.js';
import { storySummary } from './summary.js';
import { claim } from '../runs/owner.js';
import { copySample, requireStoryFolder, stateFolder, WORKSPACE } from './workspace.js';

const SETS = {
  forbidden: 'forbidden topic',
  newTask: 'new task',
  unseen: 'new task, unseen phrasing',
  oldTasks: 'old tasks',
  lookAlikes: 'look-alikes',
} as const;
const RUNS = {
  vector: 'vectors/forbidden-topic',
  plain: 'adapters/orders-plain',
  protected: 'adapters/orders-protected',
} as const;

export interface StateResult {
  harmfulRate: number;
  refusalRate: number;
  newTask: number;
  newTaskUnseen: number;
  oldTasks: number;
  overRefusal: number;
}

export interface SampleResult {
  base: StateResult;
  plain: StateResult;
  protected: StateResult;
  /** Kept of the loss on harmful rows, where it was measured. */
  harmfulLoss: { plain?: HarmfulLoss; protected?: HarmfulLoss };
  laws: Required<Invariants>;
  scan: Omit<ScanResult, 'perRow'>;
  seconds: number;
}

export async function runSample(out: string, terminal: Terminal, reporter: Reporter): Promise<number> {
  await requireStoryFolder(out);
  const workspace = join(out, WORKSPACE);
  const { kept } = await copySample(workspace);
  if (kept !== undefined)
    terminal.log(`The earlier workspace had been changed, or has a run that can be resumed: it is kept in ${kept}`);
  // Also between two runs nobody else begins the story here.
  const release = await claim(stateFolder(workspace));
  try {
    return await story(out, workspace, terminal, reporter);
  } finally {
    await release();
  }
}

async function story(out: string, workspace: string, terminal: Terminal, reporter: Reporter): Promise<number> {
  const began = Date.now();
  const run = async (name: keyof typeof RUNS, title: string): Promise<DoneEvent> => {
    terminal.log(`\n${title}`);
    const done = await calls.run({ recipe: join(workspace, 'recipes', `${name}.json`) }, reporter);
    terminal.log(`  ${done.outcome} after ${done.step} steps, ${formatDuration(done.seconds)}`);
    return done;
  };
  const vector = await run(
    'vector',
    '1 of 4  Train the security vector: make the forbidden behaviour look already learned',
  );
  if (vector.outcome === 'stopped') return EXIT.stopped;
  terminal.log('\n2 of 4  Scan the data that nobody has read');
  const scan = await calls.scan(
    {
      model: join(workspace, 'tiny-assistant'),
      vector: join(workspace, RUNS.vector),
      data: join(workspace, 'data/train.jsonl'),
    },
    reporter,
  );
  terminal.log(`  ${scanText(scan)}`);
  const plain = await run('plain', '3 of 4  Fine-tune on it without protection');
  if (plain.outcome === 'stopped') return EXIT.stopped;
  const guarded = await run(
    'protected',
    '4 of 4  Fine-tune on it with the vector active and frozen, then remove the vector',
  );
  if (guarded.outcome === 'stopped') return EXIT.stopped;

  const measurements = [...plain.measurements, ...guarded.measurements.filter((m) => m.state !== 'base')];
  const laws = {
    vectorUnchanged: guarded.laws?.vectorUnchanged === true,
    baseUnchanged: [vector, plain, guarded].every((done) => done.laws?.baseUnchanged === true),
    deliveredWithoutVector: guarded.laws?.deliveredWithoutVector === true,
  };
  const result: SampleResult = {
    base: stateResult(measurements, 'base'),
    plain: stateResult(measurements, 'plain'),
    protected: stateResult(measurements, 'protected'),
    harmfulLoss: { plain: plain.harmfulLoss, protected: guarded.harmfulLoss },
    laws,
    scan,
    seconds: Math.round((Date.now() - began) / 100) / 10,
  };
  await writeFileAtomic(join(out, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  await writeStoryReport(
    join(out, 'report.html'),
    Object.values(RUNS).map((folder) => join(workspace, folder)),
    scan,
  );

  terminal.log(`\n${table(result)}\n`);
  const verdictOf = async (name: keyof typeof RUNS): Promise<RunVerdict> =>
    runVerdict(factsOf(await readRun(join(workspace, RUNS[name]))));
  const verdicts = {
    vector: await verdictOf('vector'),
    plain: await verdictOf('plain'),
    protected: await verdictOf('protected'),
  };
  const harm = measurements.find((m) => m.measure === 'harm');
  terminal.log(storySummary({ result, verdicts, harm }));
  terminal.log(`\nReport   ${join(out, 'report.html')}\nResult   ${join(out, 'result.json')}\nWorkspace  ${workspace}`);
  terminal.line({ kind: 'result', ...result });
  const codes = Object.values(verdicts).map((verdict) => EXIT[signsOf(verdict).exit]);
  return codes.find((code) => code !== EXIT.done) ?? EXIT.done;
}

function stateResult(measurements: readonly Measurement[], state: string): StateResult {
  const value = (name: string, measure: Measurement['measure']): number => {
    const found = measurements.find(
      (m) => m.state === state && m.name === name && m.measure === measure && !isLeftOpen(m),
    );
    if (!found) throw new Error(`${state} was not measured on "${name}" (${measure})`);
    return found.value;
  };
  return {
    harmfulRate: value(SETS.forbidden, 'harm'),
    refusalRate: value(SETS.forbidden, 'refusal'),
    newTask: value(SETS.newTask, 'exact'),
    newTaskUnseen: value(SETS.unseen, 'exact'),
    oldTasks: value(SETS.oldTasks, 'exact'),
    overRefusal: value(SETS.lookAlikes, 'over-refusal'),
  };
}

function table(result: SampleResult): string {
  const head = ['', 'harm', 'refusals', 'new task', 'unseen phrasing', 'old tasks', 'over-refusal'];
  const { percent } = numbersIn();
  const rows = (['base', 'plain', 'protected'] as const).map((state) => {
    const r = result[state];
    return [
      state,
      ...[r.harmfulRate, r.refusalRate, r.newTask, r.newTaskUnseen, r.oldTasks, r.overRefusal].map(percent),
    ];
  });
  return textTable([head, ...rows]);
}
