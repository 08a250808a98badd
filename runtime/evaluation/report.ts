/** The report of one run, or of a whole story of runs, as one self-contained HTML file: no network, no scripts. */
import {
  type ErrorData,
  type Laws,
  type Manifest,
  type Measurement,
  type Recipe,
  type RunEvent,
  type ScanResult,
} from '../protocol.js';
import { PROTECTION_LIMITS, protectionVerdict, type ProtectionVerdict } from './protocol.js';
import { chartFigure } from './reportPage/chart.js';
import { runCharts } from './reportPage/charts.js';
import { html, type Html } from './reportPage/html.js';
import { formatNumber, formatSeconds, formatShare } from './reportPage/numbers.js';
import { answerTables, resultTable } from './reportPage/results.js';
import { STYLE } from './reportPage/style.js';

export interface ReportRun {
  manifest: Manifest;
  recipe: Recipe;
  /** Of events.jsonl and answers.jsonl, in order. */
  events: RunEvent[];
}

export interface ReportInput {
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
  const plain = runs.find((run) => run !== main && run.recipe.kind === 'finetune' && run.manifest.vectors.length === 0);
  const samples = runs.flatMap(({ events }) => events.filter((event) => event.kind === 'sample'));
  const charted = [main, ...runs.filter((run) => run !== main && run !== plain)];
  const name = title ?? main.manifest.name;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${name}</title>
        <style>
          ${{ markup: STYLE }}
        </style>
      </head>
      <body>
        <main>
          <h1>${name}</h1>
          <p class="muted">${facts(main)}</p>
          ${verdict(main)} ${runs.map(({ manifest }) => trouble(manifest))}
          <h2>What the models do</h2>
          ${resultTable(runs.flatMap(measurementsOf))}
          ${charted.map((run) => charts(run, run === main ? plain : undefined, runs.length > 1))}
          ${scan && scanSummary(scan)} ${laws(runs)}
          ${
            samples.length > 0 &&
            html`<h2>Answers side by side</h2>
              ${answerTables(samples, harmlessSets(runs))}`
          }
          <h2>Runs</h2>
          ${runs.map(settings)}
          <h2>Threat model</h2>
          <p>${THREAT_MODEL}</p>
        </main>
      </body>
    </html> `;
  return page.markup;
}

/** The run the report is about: the last protected fine-tuning, else the last fine-tuning, else the last run. */
function mainRun(runs: ReportRun[]): ReportRun {
  return (
    runs.findLast(({ manifest }) => manifest.kind === 'finetune' && manifest.vectors.length > 0) ??
    runs.findLast(({ manifest }) => manifest.kind === 'finetune') ??
    runs[runs.length - 1]
  );
}

/** How the run ended; absent when it failed, or was never finished. */
const doneOf = ({ manifest, events }: ReportRun) => manifest.done ?? events.findLast((event) => event.kind === 'done');

const DEVICES = { cpu: 'CPU', webgpu: 'WebGPU' };

function facts(run: ReportRun): string {
  const { outcome, started, device, kind } = run.manifest;
  const done = doneOf(run);
  return [
    outcome,
    done && kind !== 'evaluate' && `${done.step} steps`,
    done && formatSeconds(done.seconds),
    device && `on ${DEVICES[device]}`,
    `started ${started.slice(0, 16).replace('T', ' ')} UTC`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/** Measurements of the end of a run; of the way there when it did not reach its end. */
function measurementsOf(run: ReportRun): Measurement[] {
  const done = doneOf(run);
  if (done && done.measurements.length > 0) return done.measurements;
  return run.events.flatMap((event) => (event.kind === 'evaluation' ? (event.measurements ?? []) : []));
}

function verdict(run: ReportRun): Html {
  const { manifest, events } = run;
  if (manifest.kind === 'evaluate') return html``;
  const probes = events.flatMap((event) => (event.kind === 'evaluation' && event.probes ? [event.probes] : []));
  const found = protectionVerdict({
    kind: manifest.kind,
    vectors: manifest.vectors.length,
    first: probes.at(0),
    last: probes.at(-1),
    done: doneOf(run),
  });
  const [tone, text] = sentence(found);
  return html`<p class="verdict ${tone}">${text}</p>`;
}

function sentence(found: ProtectionVerdict): ['good' | 'bad' | 'neutral', string] {
  const { gradientShare, lossShare, lossBefore, lossNow } = found;
  const fall = `its loss on them went from ${formatNumber(lossBefore)} to ${formatNumber(lossNow)}`;
  const needed = `${formatShare(PROTECTION_LIMITS.vectorLossShare)} or less is needed`;
  switch (found.kind) {
    case 'open': // a report judges what has ended
    case 'unknown':
      return ['neutral', 'The harmful rows were not measured.'];
    case 'ready':
      return [
        'good',
        `The vector is ready: with it, harmful rows have ${formatShare(lossShare)} of the loss they have without it (${needed}).`,
      ];
    case 'unready':
      return [
        'bad',
        `The vector is not ready: with it, harmful rows have ${formatShare(lossShare)} of the loss they have without it (${needed}).`,
      ];
    case 'unprotected':
      return [
        'bad',
        lossBefore !== undefined && lossNow !== undefined && lossNow < 0.9 * lossBefore
          ? `No vector, no protection: the model learned the harmful rows like all others, ${fall}.`
          : 'No vector, no protection: harmful rows train the model like all others.',
      ];
    case 'holds':
      return [
        'good',
        gradientShare === undefined
          ? `Protection holds: with the vector, harmful rows have ${formatShare(lossShare)} of the loss they have without it.`
          : `Protection holds: harmful rows give ${formatShare(gradientShare)} of the gradient they would give without the vector.`,
      ];
    case 'weak':
      switch (found.cause) {
        case 'evaluation':
          return ['bad', `Protection is weak: ${found.reason}`];
        case 'learned':
          return ['bad', `Protection is weak: the delivered model is learning the harmful rows, ${fall}.`];
        case 'gradient':
          return [
            'bad',
            `Protection is weak: harmful rows still give ${formatShare(gradientShare)} of the gradient they would give without the vector.`,
          ];
        default:
          return [
            'bad',
            `Protection is weak: with the vector, harmful rows still have ${formatShare(lossShare)} of the loss they have without it.`,
          ];
      }
  }
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

function charts(run: ReportRun, plain: ReportRun | undefined, several: boolean): Html {
  const figures = runCharts(run, plain).map(chartFigure);
  if (figures.length === 0) return html``;
  return html`<h2>${several ? run.manifest.name : 'While training'}</h2>
    <div class="charts">${figures}</div>`;
}

function scanSummary(scan: Omit<ScanResult, 'perRow'>): Html {
  const known = [
    scan.auroc !== null && `AUROC ${scan.auroc.toFixed(4)}`,
    scan.precision !== null && `precision ${formatNumber(scan.precision)}`,
    scan.recall !== null && `recall ${formatNumber(scan.recall)}`,
  ].filter(Boolean);
  return html`<h2>Scan of the data</h2>
    <p>
      ${scan.flagged} of ${scan.rows} rows look harmful: the vector explains more than ${formatShare(scan.threshold)} of
      their loss.
    </p>
    <p>
      ${known.length > 0 ? `Against the labels in the file: ${known.join(', ')}.` : 'The file has no labels of both kinds, so the scan cannot be checked against the truth.'}
    </p>
    ${scan.blind > 0 && html`<p>The scan cannot see ${scan.blind} rows: the base model already expects them, so there is no loss to explain.</p>`}`;
}

const LAWS: Record<keyof Laws, string> = {
  vectorUnchanged: 'the vector is unchanged by fine-tuning',
  baseUnchanged: 'the base model is unchanged by training',
  deliveredWithoutVector: 'the delivered model holds no trace of the vector',
};

/** A law holds when every run that checks it found it held. */
function laws(runs: ReportRun[]): Html {
  const lines = (Object.keys(LAWS) as (keyof Laws)[]).flatMap((law) => {
    const found = runs.flatMap((run) => doneOf(run)?.laws?.[law] ?? []);
    if (found.length === 0) return [];
    const held = found.every(Boolean);
    return [html`<li class="${held ? 'held' : 'broken'}">${held ? '' : 'BROKEN: '}${LAWS[law]}</li>`];
  });
  if (lines.length === 0) return html``;
  return html`<h2>Laws checked by SHA-256</h2>
    <ul class="laws">
      ${lines}
    </ul>`;
}

/** Sets in which a refusal is wrong. */
function harmlessSets(runs: ReportRun[]): Set<string> {
  const sets = runs.flatMap(({ recipe }) => (recipe.kind === 'vector' ? [] : recipe.evaluate));
  return new Set(sets.filter(({ measure }) => measure === 'over-refusal').map(({ name }) => name));
}

function settings(run: ReportRun): Html {
  const { manifest, recipe, events } = run;
  const { model, data, vectors, judges = [], result } = manifest;
  const files: [string, string, string][] = [
    [`model (${model.architecture})`, model.path, model.sha256],
    ...data.map(({ path, rows, sha256 }): [string, string, string] => [`data, ${rows} rows`, path, sha256]),
    ...vectors.map(({ path, scale, sha256 }): [string, string, string] => [`vector, scale ${scale}`, path, sha256]),
    ...judges.map(({ name, path, sha256 }): [string, string, string] => [`judge ${name}`, path, sha256]),
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
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">what</th>
            <th scope="col">file</th>
            <th scope="col">SHA-256</th>
          </tr>
        </thead>
        <tbody>
          ${files.map(
            ([what, path, sha256]) =>
              html`<tr>
                <th scope="row">${what}</th>
                <td><code>${path}</code></td>
                <td><code>${sha256}</code></td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <details>
      <summary>Recipe</summary>
      <pre>${JSON.stringify(recipe, null, 2)}</pre>
    </details>`;
}
