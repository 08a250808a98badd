/** Output of the command line: JSON lines for programs, progress and tables for people. */
import { errorText } from '../contract/errors.js';
import type { Measurement, RunEvent } from '../contract/events.js';
import { formatDuration, numbersIn } from '../contract/format.js';
import type { Agreement } from '../contract/agreement.js';
import { agreementCells, agreementHead, ENGLISH_JUDGES } from '../contract/judgeText.js';
import type { Tone } from '../contract/signs.js';
import { ENGLISH } from '../contract/runView.js';
import { pointText, SWEEP_ENGLISH, sweepView } from '../contract/sweepView.js';
import type { SweepFile } from '../contract/sweep.js';
import { warningLines } from '../contract/sweepWarnings.js';
import { resultTable, tableOf, type Cell } from '../contract/table.js';
import { visible, visibleLine } from '../contract/visible.js';
import { textTable } from './textTable.js';

export interface Terminal {
  readonly json: boolean;
  /** Characters in a line of what is for people. */
  readonly width: number;
  /** For programs: a JSON line on stdout; nothing without --json. */
  line(value: object): void;
  /** For people: a line on stderr with --json, on stdout without. */
  log(text: string, tone?: Tone): void;
  /** The result as text on stdout, without --json. */
  print(text: string): void;
  /** For people, where stdout has JSON in any case: a line on stderr. */
  note(text: string): void;
  /** A JSON line for both. */
  result(value: object): void;
  error(text: string): void;
  /** What does not stop the command: a line on stderr. */
  warn(text: string): void;
  /** For both. */
  event: (event: RunEvent) => void;
  /** An event for people alone. */
  told: (event: RunEvent) => void;
  progress: (message: string, fraction?: number) => void;
  endProgress(): void;
}

/** SGR codes of tones: green, yellow, red. */
const COLOURS = { good: 32, warning: 33, bad: 31, neutral: undefined } as const satisfies Record<
  Tone,
  number | undefined
>;

/** In colour on a terminal that has some; NO_COLOR, FORCE_COLOR and TERM are asked there. */
function coloured(stream: NodeJS.WriteStream, text: string, tone: Tone = 'neutral'): string {
  const code = COLOURS[tone];
  return code !== undefined && stream.isTTY && stream.hasColors?.() ? `\x1b[${code}m${text}\x1b[39m` : text;
}

const WIDTH = 24;
const bar = (share: number): string =>
  `${'█'.repeat(Math.round(share * WIDTH))}${'░'.repeat(WIDTH - Math.round(share * WIDTH))}`;

/** Characters in a line. */
const widthOf = (stream: NodeJS.WriteStream): number => stream.columns || 100;

/** A log file gets a line of progress at most this often. */
const LOG_MS = 5000;
/** The same of JSON lines. */
const LINE_MS = 1000;

export function terminal(json: boolean): Terminal {
  const err = process.stderr;
  const live = err.isTTY === true && process.env.TERM !== 'dumb';
  let shown = false;
  let lastLogged = -LOG_MS;
  const endProgress = (): void => {
    if (shown) err.write('\r\x1b[K');
    shown = false;
  };
  const log = (text: string, tone?: Tone): void => {
    endProgress();
    const stream = json ? err : process.stdout;
    stream.write(`${coloured(stream, visible(text), tone)}\n`);
  };
  const progress = (given: string, fraction?: number): void => {
    const message = visibleLine(given);
    const text =
      fraction === undefined
        ? message
        : `${bar(fraction)} ${numbersIn()
            .percent(Math.floor(100 * fraction) / 100)
            .padStart(5)}  ${message}`;
    if (live) {
      err.write(`\r\x1b[K${text.slice(0, widthOf(err) - 1)}`);
      shown = true;
    } else if (performance.now() - lastLogged > LOG_MS) {
      // a log file gets a line now and then, not a moving bar
      lastLogged = performance.now();
      err.write(`${text}\n`);
    }
  };
  const line = (value: object): void => {
    if (json) process.stdout.write(`${visible(JSON.stringify(value))}\n`);
  };
  const note = (text: string): void => {
    endProgress();
    err.write(`${visible(text)}\n`);
  };
  const warn = (text: string): void => {
    endProgress();
    err.write(`${coloured(err, `! ${visibleLine(text)}`, 'warning')}\n`);
  };
  let lastShare = { message: '', at: 0 };
  /** Of work that says how far it is, as with every token, programs hear now and then, too. */
  const isNews = (e: RunEvent): boolean => {
    if (e.kind !== 'state' || e.progress === undefined) return true;
    const at = performance.now();
    if (e.message === lastShare.message && at - lastShare.at < LINE_MS) return false;
    lastShare = { message: e.message, at };
    return true;
  };
  let lastState = '';
  const told = (e: RunEvent): void => {
    switch (e.kind) {
      case 'state':
        if (e.progress !== undefined) progress(e.message, e.progress);
        else if (e.message !== lastState) {
          lastState = e.message;
          endProgress();
          err.write(`· ${visibleLine(e.message)}\n`);
        }
        break;
      case 'step':
        progress(
          `step ${e.step}/${e.steps} · loss ${e.lossNatsPerToken.toFixed(3)} · ${formatDuration(e.secondsLeft)} left to train`,
          e.step / e.steps,
        );
        break;
      case 'warning':
        warn(errorText(e));
        break;
      case 'point': {
        const { text, tone } = pointText(e, { strings: SWEEP_ENGLISH, numbers: ENGLISH.numbers });
        log(visibleLine(e.resumed ? `${text} · done before` : text), tone);
        break;
      }
      default:
    }
  };
  return {
    json,
    get width() {
      return widthOf(json ? err : process.stdout);
    },
    line,
    log,
    progress,
    event: (e) => {
      if (isNews(e)) line(e);
      told(e);
    },
    told,
    note,
    warn,
    endProgress,
    print: (text) => {
      endProgress();
      if (!json) process.stdout.write(`${visible(text)}\n`);
    },
    result: (value) => {
      endProgress();
      process.stdout.write(`${visible(JSON.stringify(value, null, json ? undefined : 2))}\n`);
    },
    error: (text) => {
      endProgress();
      err.write(`${coloured(err, 'error:', 'bad')} ${visibleLine(text)}\n`);
    },
  };
}

/** A line for each set, measure and judge; a column for each state of the model. */
export function measurementTable(measurements: readonly Measurement[], width?: number): string {
  const { rows } = resultTable(measurements, ENGLISH);
  const lines = tableOf(measurements).columns.map(({ name, measure, judge }, i) => [
    `${name} · ${measure} · ${judge}`,
    ...rows.map(({ cells }) => withBound(cells[i])),
  ]);
  return textTable([['', ...rows.map(({ state }) => state)], ...lines], width);
}

/** How far a sweep is, and a line for each setting. */
export function sweepTable({ over, points }: SweepFile, width?: number): string {
  const { summary, table } = sweepView(over, points, { strings: SWEEP_ENGLISH, numbers: ENGLISH.numbers });
  const { sweepSettings, sweepSeeds, sweepVerdicts, sweepSeconds } = SWEEP_ENGLISH;
  const lines = table.rows.map(({ title, runs, verdicts, cells, seconds }) => [
    title,
    String(runs),
    verdicts,
    ...cells,
    seconds,
  ]);
  const head = [sweepSettings, sweepSeeds, sweepVerdicts, ...table.columns, sweepSeconds];
  const warnings = warningLines(points).map((line) => `\n! ${line}`);
  return `${summary}\n${textTable([head, ...lines], width)}${warnings.join('')}`;
}

/** A line for each two judges of a set and a state of the model. */
export function agreementTable(agreements: readonly Agreement[], width?: number): string {
  const lines = agreements.map((one) => {
    const { set, model, judges, kappa, differ } = agreementCells(one, ENGLISH_JUDGES);
    return [set, model, judges, kappa, differ];
  });
  return textTable([agreementHead(ENGLISH_JUDGES.strings), ...lines], width);
}

const withBound = (cell: Cell): string =>
  cell.kind === 'share' && cell.bound ? `${cell.text} (${cell.bound})` : cell.text;
