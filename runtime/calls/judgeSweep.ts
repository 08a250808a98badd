/** Judges the kept answers of all points of a sweep; its table follows, also where a point alone is judged. */
import { basename, dirname, join } from 'node:path';
import type { SampleEvent } from '../contract/answers.js';
import { errorText } from '../contract/errors.js';
import type { RunEvent } from '../contract/events.js';
import type { JudgeFacts } from '../contract/manifest.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { valuesText, type SweepPoint } from '../contract/sweep.js';
import { Turns } from '../contract/turns.js';
import type { Judge, Opinion } from '../evaluation/judges/judge.js';
import { warningsOf } from '../evaluation/judges/panel.js';
import { readManifest } from '../runs/output.js';
import { requireNoLinks } from '../runs/links.js';
import { claim } from '../runs/owner.js';
import { HumanError } from '../support/errors.js';
import { removeParts } from '../support/replaceFile.js';
import { choicesOf, labelsOf, mergedFacts, missingSets, readKept } from './finishedRun.js';
import { judgedAnswers, judgeRun, withJudges, type Opened, type Params, type Result } from './judgeRun.js';
import { requireLabels, requireNew, writeLabelled } from './labelled.js';
import type { Reporter } from './reporter.js';
import { rewriteTable } from './sweepRuns.js';
import { readTable } from './sweepTable.js';

/** @throws HumanError for a sweep without a point that can be judged; nothing is changed then */
export async function judgeSweep(folder: string, params: Params, reporter: Reporter): Promise<Result> {
  const { judges: more = [], labels = [], export: out, ...others } = params;
  if (labels.length > 0)
    throw new HumanError('an answer of a sweep is labelled in its point.', {
      place: folder,
      remedy: 'Name the folder of the point.',
    });
  if (out !== undefined) await requireNew(out);
  await requireNoLinks(folder);
  const release = await claim(folder);
  const begun: string[] = [];
  try {
    await removeParts(folder);
    const { points, answers, isLabelled } = await judgeable(folder, params, reporter);
    if (out !== undefined) requireLabels(out, isLabelled);
    const samples: SampleEvent[] = [];
    let facts: JudgeFacts[] = [];
    let labelled = 0;
    const { heard, warn } = together(reporter);
    await withJudges(more, answers, params, reporter, async (judges) => {
      for (const [i, { values, folder: place }] of points.entries()) {
        begun.push(place);
        const title = `point ${i + 1} of ${points.length} (${valuesText(values)})`;
        const onEvent = (event: RunEvent): void =>
          reporter.onEvent(titled(event, title, (share) => (i + share) / points.length));
        const point = { ...others, run: place, judges: more };
        const done = await judgeRun(place, point, { ...reporter, onEvent }, { judges, heard });
        samples.push(...done.samples);
        labelled += done.labelled;
        facts = mergedFacts(facts, done.judges);
      }
    }).finally(warn);
    if (out !== undefined) await writeLabelled(out, samples);
    const rows = await rewriteTable(folder, begun.splice(0));
    return { measurements: [], agreements: [], labelled, judges: facts, points: rows };
  } finally {
    try {
      if (begun.length > 0) await rewriteTable(folder, begun);
    } finally {
      await release();
    }
  }
}

/** What is left open of all points is said once: a judge that stopped leaves it in each of them. */
function together({ onEvent }: Reporter): Pick<Opened, 'heard'> & { warn: () => void } {
  const all = new Map<string, { judge: Judge; opinions: Opinion[] }>();
  return {
    heard(judge, name, opinions) {
      const { opinions: before = [] } = all.get(name) ?? {};
      all.set(name, { judge, opinions: [...before, ...opinions] });
    },
    warn() {
      for (const [name, { judge, opinions }] of all)
        warningsOf(judge, name, opinions, 'answers of this sweep').forEach(onEvent);
    },
  };
}

interface Judgeable {
  points: SweepPoint[];
  /** Of all of them. */
  answers: number;
  /** Any of them. */
  isLabelled: boolean;
}

/**
 * The points that are done, with answers; says of the others why they are none.
 * @throws HumanError where there is none
 */
async function judgeable(folder: string, { judges = [] }: Params, { onEvent }: Reporter): Promise<Judgeable> {
  const points: SweepPoint[] = [];
  const faults: { place: string; error: HumanError }[] = [];
  const missing = new Map<string, RunEvent>();
  let answers = 0;
  let isLabelled = false;
  for (const point of (await readTable(folder))?.points ?? []) {
    if (point.error || (await readManifest(point.folder))?.outcome !== 'finished') continue;
    try {
      const kept = await readKept(point.folder);
      choicesOf(kept, judges);
      answers += judgedAnswers(kept);
      for (const warning of missingSets(kept)) missing.set(errorText(warning), warning);
      isLabelled ||= kept.samples.map(await labelsOf(kept)).some(Boolean);
      points.push(point);
    } catch (error) {
      if (!(error instanceof HumanError)) throw error;
      faults.push({ place: valuesText(point.values), error });
    }
  }
  if (points.length > 0) {
    for (const { place, error } of faults)
      onEvent({ kind: 'warning', message: `a point is not judged: ${error.message}`, place, remedy: error.remedy });
    for (const warning of missing.values()) onEvent(warning);
    return { points, answers, isLabelled };
  }
  const [fault] = faults;
  throw (
    fault?.error ??
    new HumanError('no point of this sweep is done.', { place: folder, remedy: 'Run the sweep, or resume it.' })
  );
}

/** An event of a point, as one of the sweep. @param whole of the sweep, by the share of the point */
function titled(event: RunEvent, title: string, whole: (share: number) => number): RunEvent {
  if (event.kind !== 'state') return event;
  return { ...event, message: `${title}: ${event.message}`, progress: whole(event.progress ?? 0) };
}

/** Of one process they are written one after the other. */
const tables = new Turns();

/** Writes the line of a point in the table of its sweep anew, after `work` on the point, however that ends. */
export async function tableAfter<T>(point: string, { onEvent }: Reporter, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await tables.take(() => writeLine(point, onEvent));
  }
}

async function writeLine(point: string, onEvent: Reporter['onEvent']): Promise<void> {
  const folder = dirname(dirname(point));
  if (basename(dirname(point)) !== RUN_FILES.points || (await readManifest(folder))?.kind !== 'sweep') return;
  try {
    await requireNoLinks(folder);
    const release = await claim(folder);
    try {
      await rewriteTable(folder, [point]);
    } finally {
      await release();
    }
  } catch (error) {
    if (!(error instanceof HumanError)) throw error;
    const remedy = 'Judge the point once more when the sweep has ended, or resume the sweep.';
    onEvent({
      kind: 'warning',
      message: `the table of the sweep was not rewritten: ${error.message}`,
      place: join(folder, RUN_FILES.sweep),
      remedy,
    });
  }
}
