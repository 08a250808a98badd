/** What a command is given: its options and arguments, checked. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Reporter } from '../calls/reporter.js';
import { isHubName } from '../contract/hubName.js';
import { COLUMN_FIELDS, type Columns, parseColumns, type ReadAs } from '../contract/mapping.js';
import type { ModelReference } from '../contract/modelInfo.js';
import { DATA_FORMATS, DEVICE_CHOICES, PRECISIONS, type Computing } from '../contract/recipeWords.js';
import { SCAN_LIMIT, type ScanLimit } from '../contract/scan.js';
import { HumanError } from '../support/errors.js';
import type { Terminal } from './terminal.js';
import { type CommandName, commands, type OptionName, OPTIONS, options } from './commands.js';

type Values = ReturnType<typeof parse>['values'];

/** @throws HumanError when an option is unknown, lacks its value, or has several and takes one */
export function parse(argv: readonly string[]) {
  const { tokens, ...given } = parsed(argv);
  const seen = new Set<OptionName>();
  for (const token of tokens) {
    // As a path, what a variable that is not set leaves would be this folder.
    if (token.kind === 'positional' && token.value === '') throw wrong('an argument is empty.');
    if (token.kind !== 'option') continue;
    if (token.value === '' && token.name !== 'prompt') throw wrong(`--${token.name} is empty.`);
    const { type, multiple } = options[token.name];
    if (seen.has(token.name) && type === 'string' && !multiple) throw wrong(`--${token.name} is given twice.`);
    seen.add(token.name);
  }
  return given;
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, tokens: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('ERR_PARSE_ARGS')) throw error;
    for (const [theirs, ours] of PARSE_FAULTS) {
      const [, option] = theirs.exec(message) ?? [];
      if (option !== undefined) throw wrong(ours(option));
    }
    throw wrong(message);
  }
}

/** Node's own texts are no sentences, or advise of what is not allowed here. */
const PARSE_FAULTS: readonly (readonly [RegExp, (option: string) => string])[] = [
  [/^Unknown option '(.+?)'/, (option) => `there is no option ${option}.`],
  [/^Option '(--[\w-]+) <value>' argument missing/, (option) => `${option} needs a value.`],
  [
    /^Option '(--[\w-]+)' argument is ambiguous/,
    (option) => `${option} needs a value; one that begins with a dash is written ${option}=-….`,
  ],
  [/^Option '(?:-\w, )?(--[\w-]+)' does not take an argument/, (option) => `${option} takes no value.`],
];

export const wrong = (message: string): HumanError =>
  new HumanError(message, { remedy: 'See security-vectors --help.' });

export function required(values: Values, name: 'model' | 'vector' | 'data' | 'out' | 'format' | 'to'): string {
  const value = values[name];
  if (value === undefined) throw wrong(`--${name} is missing.`);
  return value;
}

/** @throws HumanError when more than one is given, or a rate is not one */
export function scanLimit(values: Values): ScanLimit {
  const given = (['false-alarms', 'false-discoveries', 'threshold'] as const).filter(
    (name) => values[name] !== undefined,
  );
  if (given.length > 1) throw wrong(`give only one of ${given.map((name) => `--${name}`).join(', ')}.`);
  const [name] = given;
  if (name === undefined) return SCAN_LIMIT;
  const value = number(values, name, 0, 1);
  if (name === 'threshold') return { share: value };
  if (value === 0 || value === 1) throw wrong(`--${name} must be above 0 and below 1.`);
  return name === 'false-alarms' ? { falseAlarms: value } : { falseDiscoveries: value };
}

/** How the data file is read. */
export function readAs(values: Values): ReadAs {
  const given = values['row-format'];
  return {
    format: given === undefined ? undefined : oneOf(given, 'row-format', DATA_FORMATS),
    columns: columnsOf(values),
  };
}

function columnsOf({ columns: text }: Values): Columns | undefined {
  if (text === undefined) return undefined;
  const columns = parseColumns(text);
  if (columns) return columns;
  throw wrong(
    `--columns is "${text}"; fields of one row format with their columns were expected, such as prompt=question,completion=answer (fields: ${COLUMN_FIELDS.join(', ')}).`,
  );
}

export function number(
  values: Values,
  name:
    | 'threshold'
    | 'false-alarms'
    | 'false-discoveries'
    | 'max-new-tokens'
    | 'temperature'
    | 'top-p'
    | 'seed'
    | 'limit'
    | 'rank',
  fallback: number,
  most: number,
): number {
  const text = values[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw wrong(`--${name} is "${text}"; a number was expected.`);
  if (value > most) throw wrong(`--${name} is ${text}; the largest value is ${most}.`);
  return value;
}

/** Of what there is at least one. */
export function whole(values: Values, name: 'max-new-tokens' | 'limit' | 'rank', most: number): number | undefined {
  if (values[name] === undefined) return undefined;
  const value = number(values, name, 0, most);
  if (!Number.isInteger(value) || value < 1) throw wrong(`--${name} must be a whole number above 0.`);
  return value;
}

export function oneOf<T extends string>(value: string, name: string, allowed: readonly T[]): T {
  if (!(allowed as readonly string[]).includes(value))
    throw wrong(`--${name} is "${value}"; it is one of ${allowed.join(', ')}.`);
  return value as T;
}

export const adapterPath = (path: string): string => (isHubName(path) ? path : resolve(path));

/** DIR, or one with its scale. */
const SCALED = /^(.+)@(-?\d+(?:\.\d+)?)$/;
/** A name of the Hub has an @ of its own, before its revision, which may be a number, too. */
const SCALED_HUB_NAME = /^(hub:[^@]+@.+)@(-?\d+(?:\.\d+)?)$/;

/**
 * DIR or DIR@SCALE; a folder may have an @ in its name, so only a number behind the last one is a scale, and only if
 * there is no folder of the whole name.
 */
export function reference(values: Values): ModelReference {
  const adapters = (values.adapter ?? []).map((text) => {
    const isScaled = isHubName(text) ? SCALED_HUB_NAME : existsSync(resolve(text)) ? undefined : SCALED;
    const [, path = text, scale = '1'] = isScaled?.exec(text) ?? [];
    return { path: adapterPath(path), scale: Number(scale) };
  });
  return { model: resolve(required(values, 'model')), adapters };
}

export const computing = (values: Values): Computing => ({
  device: chosen(values),
  precision: values.precision === undefined ? undefined : oneOf(values.precision, 'precision', PRECISIONS),
});

export const chosen = (values: Values): Computing['device'] =>
  values.device === undefined ? undefined : oneOf(values.device, 'device', DEVICE_CHOICES);

/** What a command is given, and where it reports. */
export interface Given {
  command: string;
  positionals: readonly string[];
  values: Values;
  out: Terminal;
  reporter: Reporter;
}

/** Of a command that takes options alone. */
export function refuseArguments(command: CommandName, [surplus]: readonly string[]): void {
  if (surplus === undefined || commands[command].arguments) return;
  const one = commands[command].options.includes('data') ? ' --data is one file: call it once for each.' : '';
  throw wrong(`${command} takes no argument, and "${surplus}" is one.${one}`);
}

export function only(what: string, { command, positionals }: Given): string {
  const [first, ...more] = positionals;
  if (first === undefined) throw wrong(`${command} needs ${what}.`);
  if (more.length > 0) throw wrong(`${command} takes one argument: ${what}.`);
  return resolve(first);
}
