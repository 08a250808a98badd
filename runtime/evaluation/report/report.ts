/** The report of one run, or of a whole story of runs, as one self-contained HTML file: no network, no scripts. */
import type { ErrorData } from '../../contract/errors.js';
import type { RunEvent } from '../../contract/events.js';
import type { Manifest } from '../../contract/manifest.js';
import type { Recipe } from '../../contract/recipe.js';
import { DEVICE_NAMES, HELD_OUT_SET, type MeasureKind } from '../../contract/recipeWords.js';
import type { ScanResult } from '../../contract/scan.js';
import { scanText } from '../../contract/scanText.js';
import { ANSWER_STRINGS, answerRows, labelCounts, latestAnswers, type SampleEvent } from '../../contract/answers.js';
import { asksSame } from '../../contract/askedSets.js';
import { dataHashes, runDifferences } from '../../contract/comparison.js';
import { doneOf, type RunRecord } from '../../contract/facts.js';
import { DIFFERENCE, fill, plural } from '../../contract/format.js';
import { INVARIANTS, INVARIANTS_TITLE, type InvariantName } from '../../contract/invariants.js';
import { isObject } from '../../contract/isObject.js';
import { agreements } from '../../contract/agreement.js';
import { usageText } from '../../contract/judgeText.js';
import { KINDS } from '../../contract/kinds.js';
import { countedText } from '../../contract/labels.js';
import { ENGLISH, measurementsAs, readingOf, runView, type RunView } from '../../contract/runView.js';
import { resultTable } from '../../contract/table.js';
import { chartFigure } from './chart.js';
import { html, type Html } from './html.js';
import { formatSeconds } from './numbers.js';
import { agreementTable, answerTables, resultsHtml, vectorsHtml } from './results.js';
import { reportPage } from './page.js';
import { plainTable } from './plainTable.js';

export interface ReportRun extends RunRecord {
  recipe: Recipe;
  /** Of events.jsonl, and where answers are drawn of answers.jsonl, in order. */
  events: RunEvent[];
}

interface ReportInput {
  /** Default: the name of the run that matters most. */
  title?: string;
  /** In the order of the story: vector, plain, protected, evaluations. At least one. */
  runs: ReportRun[];
  /** The scan of the data, where one was made. */
  scan?: Omit<ScanResult, 'perRow'>;
}

const THREAT_MODEL =
  'What this protects against: bad data in the hands of an honest trainer. Whoever holds the weights can fine-tune them without the vector; no vector prevents that.';

/** Renders the report; a pure function of its input. All text of files, models and people is escaped. */
export function renderReport({ title, runs, scan }: ReportInput): string {
  if (runs.length === 0) throw new Error('a report needs at least one run');
  const main = mainRun(runs);
  const plain = runs.find((run) => run !== main && run.recipe.kind === 'finetune' && !isGuarded(run));
  const samples = runs.flatMap((run) =>
    answersIn(run).filter(({ set }) => asksSame(main.manifest, run.manifest, set) !== false),
  );
  const view = runView(readingOf(main, plain));
  const others = runs.flatMap((run) => (run === main ? [] : [{ run, view: runView(readingOf(run)) }]));
  const name = title ?? main.manifest.name;
  const content = html`<p class="muted">${facts(main)}</p>
    ${verdict(view)} ${others.map((other) => otherVerdict(other.run.manifest.name, other.view))}
    ${runs.map(({ manifest }) => trouble(manifest))} ${view.vectors && vectorsHtml(view.vectors)}
    <h2>What the models do</h2>
    ${resultsHtml(
      resultTable(
        tabled(main, runs).flatMap((run) => measurementsAs(main, run)),
        ENGLISH,
      ),
    )}
    ${labelled(runs)} ${plain && compared(main, plain)}
    ${charts(runs.length > 1 ? main.manifest.name : 'While training', view)}
    ${others.filter((other) => other.run !== plain).map((other) => charts(other.run.manifest.name, other.view))}
    ${scan && scanSummary(scan)} ${laws([view, ...others.map((other) => other.view)])}
    ${
      samples.length > 0 &&
      html`<h2>${ANSWER_STRINGS.answersTitle}</h2>
        ${agreementTable(agreements(samples, measureIn(runs)))} ${answerTables(answerRows(samples, measureIn(runs)))}`
    }
    <section class="methods">
      <h2>Runs</h2>
      ${runs.map(settings)}
      <h2>Threat model</h2>
      <p>${THREAT_MODEL}</p>
    </section> `;
  return reportPage(name, content);
}

/** By vectors, or by a published method. */
const isGuarded = ({ manifest }: ReportRun): boolean => manifest.vectors.length > 0 || manifest.baseline !== undefined;

/** The run the report is about: the last protected fine-tuning, else the last fine-tuning, else the last run. */
function mainRun(runs: ReportRun[]): ReportRun {
  return (
    runs.findLast(({ manifest }) => manifest.kind === 'finetune' && manifest.vectors.length > 0) ??
    runs.findLast(({ manifest }) => manifest.kind === 'finetune') ??
    runs[runs.length - 1]
  );
}

/** Whose numbers stand beside each other: of runs that reached their end; a run that did not stands alone. */
const tabled = (main: ReportRun, runs: ReportRun[]): ReportRun[] =>
  main.manifest.outcome === 'finished' ? runs.filter(({ manifest }) => manifest.outcome === 'finished') : [main];

/** What else differs between the plain run and the protected one beside it. */
function compared(main: ReportRun, plain: ReportRun): Html {
  const hashes = (run: ReportRun): string[] => [run.manifest.model.sha256, dataHashes(run.manifest)];
  const [theirs, ours] = [hashes(plain), hashes(main)];
  const differ = [
    ...['another model', 'other data'].filter((_, i) => theirs[i] !== ours[i]),
    ...runDifferences(main, plain).map((d) => fill(DIFFERENCE, d.key, d.theirs, d.ours)),
  ];
  return html`${differ.length > 0 && html`<p class="notice">${plain.manifest.name} differs from ${main.manifest.name}: ${differ.join(', ')}.</p>`}`;
}

function facts(run: ReportRun): string {
  const { outcome, started, device, precision, kind } = run.manifest;
  const done = doneOf(run);
  return [
    outcome,
    done && KINDS[kind].trains && `${done.step} ${plural(done.step, 'step', 'steps')}`,
    done && formatSeconds(done.seconds),
    device && `on ${'on' in run.recipe && run.recipe.on ? 'a Ray cluster' : DEVICE_NAMES[device]}`,
    precision && `frozen weights in ${precision}`,
    `started ${started.slice(0, 16).replace('T', ' ')} UTC`,
  ]
    .filter(Boolean)
    .join(' · ');
}

function verdict(view: RunView): Html {
  return html`${view.headline && html`<p class="verdict ${view.tone}">${view.headline}</p>`}
  ${view.explanation && html`<p class="muted">${view.explanation}</p>`}`;
}

/** Of the other runs of a story only what is in the way of it; that the plain one learns harm is the story. */
function otherVerdict(name: string, { verdict: { kind }, tone, headline }: RunView): Html {
  const isReady = kind === 'ready' && tone !== 'warning';
  if (isReady || ['held', 'unprotected', 'evaluated', 'failed'].includes(kind)) return html``;
  return html`<p class="verdict ${tone}">${name}: ${headline ?? ''}</p>`;
}

function trouble({ name, error }: Manifest): Html {
  return html`${error && html`<div class="notice"><strong>${name} failed</strong>${errorText(error)}</div>`}`;
}

function errorText({ message, place, remedy, stack }: ErrorData): Html {
  return html`<p>${place && html`<code>${place}</code> `}${message}${remedy && ` ${remedy}`}</p>
    ${
      stack &&
      html`<details>
        <summary>Stack</summary>
        <pre>${stack}</pre>
      </details>`
    }`;
}

function charts(title: string, view: RunView): Html {
  if (view.charts.length === 0) return html``;
  return html`<h2>${title}</h2>
    <div class="charts">${view.charts.map(chartFigure)}</div>`;
}

const answersIn = ({ events }: ReportRun): SampleEvent[] =>
  latestAnswers(events.filter((event) => event.kind === 'sample'));

/** Where not the judges decide, but people: their files may have come with the sets. */
function labelled(runs: ReportRun[]): Html {
  const texts = runs.flatMap((run) =>
    labelCounts(answersIn(run)).map((count) => countedText(count, fileOf(run, count.set))),
  );
  return html`${texts.length > 0 && html`<p class="muted">${[...new Set(texts)].join('; ')}.</p>`}`;
}

function fileOf({ recipe }: ReportRun, set: string): string | undefined {
  if (set === HELD_OUT_SET) return recipe.kind === 'finetune' ? recipe.data.file : undefined;
  return 'evaluate' in recipe ? recipe.evaluate.find(({ name }) => name === set)?.file : undefined;
}

function scanSummary(scan: Omit<ScanResult, 'perRow'>): Html {
  return html`<h2>Scan of the data</h2>
    <p>${scanText(scan)}</p>`;
}

/** An invariant holds when every run that must check it found it held. */
function laws(views: RunView[]): Html {
  const found = views.flatMap((view) => view.laws);
  const lines = (Object.keys(INVARIANTS) as InvariantName[]).flatMap((name) => {
    const worst = (['broken', 'unchecked', 'held'] as const).flatMap((state) =>
      found.filter((one) => one.invariant === name && one.state === state),
    );
    return worst.slice(0, 1).map(({ state, text }) => html`<li class="${state}">${text}</li>`);
  });
  if (lines.length === 0) return html``;
  return html`<h2>${INVARIANTS_TITLE}</h2>
    <ul class="laws">
      ${lines}
    </ul>`;
}

/** How a set is measured, by the last recipe that has it. */
function measureIn(runs: ReportRun[]): (set: string) => MeasureKind {
  const sets = runs.flatMap(({ recipe }) => ('evaluate' in recipe ? recipe.evaluate : []));
  return (name) => sets.findLast((set) => set.name === name)?.measure ?? 'harm';
}

function settings(run: ReportRun): Html {
  const { manifest, recipe, events } = run;
  const { model, data, vectors, sets = {}, judges = [], result } = manifest;
  const files: [string, string, string][] = [
    [`model (${model.architecture})`, model.path, model.sha256],
    ...data.flatMap(({ path, rows, sha256, review }): [string, string, string][] => [
      [`data, ${rows} ${plural(rows, 'row', 'rows')}`, path, sha256],
      ...(review
        ? [
            [
              `review, ${review.excluded} ${plural(review.excluded, 'row', 'rows')} left out, ${review.fine} fine`,
              review.path,
              review.sha256,
            ] as [string, string, string],
          ]
        : []),
    ]),
    ...vectors.map(({ path, scale, sha256 }): [string, string, string] => [`vector, scale ${scale}`, path, sha256]),
    ...Object.entries(sets).flatMap(([name, { labels }]): [string, string, string][] =>
      labels ? [[`labels beside ${name}, of ${labels.answers} answers`, labels.path, labels.sha256]] : [],
    ),
    ...judges.map((judge): [string, string, string] => [
      `judge ${judge.name}${judge.usage ? `, ${usageText(judge.usage)}` : ''}`,
      judge.path ?? (judge.at === undefined ? 'phrases of the recipe' : `${judge.model} at ${judge.at}`),
      judge.sha256 ?? `rubric ${judge.rubric}`,
    ]),
    ...(result ? [['result', result.path, result.sha256] as [string, string, string]] : []),
  ];
  const warnings = events.filter((event) => event.kind === 'warning');
  return html`<h3>${manifest.name}</h3>
    <p class="muted">${facts(run)}</p>
    ${
      warnings.length > 0 &&
      html`<ul>
        ${warnings.map((warning) => html`<li>${warning.place && html`<code>${warning.place}</code> `}${warning.message}${warning.remedy && ` ${warning.remedy}`}</li>`)}
      </ul>`
    }
    ${plainTable(
      ['what', 'file', 'SHA-256'],
      files.map(([what, path, sha256]) => [what, html`<code>${path}</code>`, html`<code>${sha256}</code>`]),
    )}
    <details>
      <summary>Recipe</summary>
      <pre>${JSON.stringify(recipe, null, 2)}</pre>
    </details>
    <p class="paper">${keysOf(recipe)}</p>`;
}

/** "method lora · adapter.rank 8 · …": a recipe on paper, where nothing can be unfolded. */
function keysOf(value: unknown, name = ''): string {
  if (!isObject(value)) return `${name} ${JSON.stringify(value)}`;
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined && inner !== null)
    .map(([key, inner]) => keysOf(inner, name ? `${name}.${key}` : key))
    .filter(Boolean)
    .join(' · ');
}
