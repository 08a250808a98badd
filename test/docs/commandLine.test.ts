/** docs/command-line.md against `--help`, the options that each command takes, and the types of what it prints. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CleanResult, DataInfo, DatasetResult } from '../../runtime/contract/dataInfo.js';
import { EXIT } from '../../runtime/contract/errors.js';
import type { Measurement } from '../../runtime/contract/events.js';
import type { ScoreRow } from '../../runtime/contract/generation.js';
import type { ModelInfo } from '../../runtime/contract/modelInfo.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import type { ScanResult, ScanRow } from '../../runtime/contract/scan.js';
import type { BrokenRows, Estimate, MemoryParts } from '../../runtime/contract/estimate.js';
import type { Diagnosis } from '../../runtime/commandLine/doctor.js';
import type { RunSummary } from '../../runtime/commandLine/runs.js';
import { commands } from '../../runtime/commandLine/commands.js';
import { MAY_CHANGE } from '../../runtime/recipes/training/dependencies.js';
import { code, help, read, rows, section, sources } from './pages.js';

const TEXT = read('docs/command-line.md');
const { text: HELP, commands: HELPED } = help();
const COMMANDS = rows(TEXT.split('\n## ')[0]!);
const OPTIONS = rows(section(TEXT, '## Options'));
const optionsIn = (text: string): string[] => [...new Set(text.match(/--[a-z][a-z-]*/g) ?? [])];

test('the commands are those of --help, with the options that stand there', () => {
  assert.ok(HELPED.size >= 9, [...HELPED.keys()].join());
  assert.deepEqual(
    COMMANDS.map(([cell]) => code(cell!)[0]!.split(' ')[0]),
    [...HELPED.keys()],
  );
  const described = optionsIn(OPTIONS.map(([cell]) => cell).join());
  for (const [cell] of COMMANDS) {
    const use = code(cell!)[0]!;
    const helped = optionsIn(HELPED.get(use.split(' ')[0]!)!);
    for (const option of optionsIn(use)) assert.ok(helped.includes(option), `${use}: --help has no ${option}`);
    for (const option of helped) assert.ok(use.includes(option) || described.includes(option), `${use}: ${option}`);
  }
  const own = ['--model', '--vector', '--data', '--prompt', '--ids', '--format', '--revision', '--help'];
  assert.deepEqual(
    optionsIn(HELP).filter((option) => !described.includes(option) && !own.includes(option)),
    [],
  );
  for (const option of described) assert.ok(HELP.includes(option), `--help has no ${option}`);
});

test('the options in --help are those that the command takes', () => {
  const entries = Object.entries(commands);
  const flags = (names: readonly string[]): string[] => names.map((name) => `--${name}`).sort();
  for (const [name, { use, options }] of entries)
    assert.deepEqual(optionsIn(use).sort(), flags(options.filter((option) => option !== 'device')), name);
  const computing = entries.flatMap(([name, { options }]) => (options.includes('device') ? [name] : []));
  const row = OPTIONS.find(([cell]) => cell!.includes('--device'))!;
  assert.deepEqual(code(row[1]!), computing);
  const [, helped] = /--device \S+ says where (.*) compute, whatever a recipe says/.exec(HELP)!;
  assert.deepEqual(helped!.split(/, | and /), computing);
});

test('the commands that print JSON in any case are those of the program; of a recipe `inspect` prints text', () => {
  const [, listed] = /messages for people go to stderr\. (.*?) print JSON with or without it/s.exec(TEXT)!;
  const printing = new Set<string>();
  for (const file of sources('runtime/commandLine'))
    for (const [, name, body] of read(file).matchAll(/^(?:export )?async function (\w+)([^]*?)^\}/gm))
      if (body!.includes('out.result(')) printing.add(name!.replace(/(Model|Rows)$/, ''));
  assert.deepEqual(code(listed!).sort(), [...printing].sort());
  assert.match(listed!, /of a model or a data file, `inspect`/);
  assert.match(read('runtime/commandLine/modelCommands.ts'), /function inspectRecipe[^]*?out\.print\(\[estimateText/);
});

test('the environment variables are those that are read', () => {
  const listed = rows(section(TEXT, '## Environment variables')).flatMap(([cell]) => code(cell!));
  const named = sources('runtime').flatMap((file) => [...read(file).matchAll(/process\.env\.([A-Z_]+)/g)]);
  assert.match(read('runtime/support/network.ts'), /new EnvHttpProxyAgent\(/, 'it reads two more');
  // Node reads the colours in hasColors().
  assert.match(
    read('runtime/models/cache/userCache.ts'),
    /env\.SECURITY_VECTORS_CACHE[^]*env\.LOCALAPPDATA[^]*env\.XDG_CACHE_HOME/,
  );
  const cache = ['SECURITY_VECTORS_CACHE', 'XDG_CACHE_HOME', 'LOCALAPPDATA'];
  const elsewhere = [...cache, 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_COLOR', 'FORCE_COLOR'];
  const expected = new Set([...named.map((match) => match[1]!), ...elsewhere]);
  assert.deepEqual(listed.sort(), [...expected].sort());
});

test('the recipe keys that may change before a resume are those of the program', () => {
  const [, listed] = /every recipe key except ([^.]+)\./.exec(TEXT.replaceAll('\n', ' '))!;
  assert.deepEqual(code(listed!), [...MAY_CHANGE]);
});

test('the exit codes are those of the program, in --help too', () => {
  const listed = rows(section(TEXT, '## Exit codes'));
  assert.deepEqual(
    listed.map(([number]) => Number(number)),
    Object.values(EXIT),
  );
  const helped = /Exit codes: (.*)/.exec(HELP)![1]!.split(' · ');
  assert.deepEqual(
    listed.map((cells) => cells.join(' ')),
    helped,
  );
});

/** Every key of a type; the compiler finds what is missing or too many. */
type Keys<T> = Record<keyof T, true>;
const keys = <T>(all: Keys<T>): string[] => Object.keys(all);
const scanned = keys<Omit<ScanRow, 'losses' | 'vector' | 'byVector'>>({
  ...{ row: true, line: true, lines: true, hash: true, explained: true, span: true, choice: true, probe: true },
  ...{
    p: true,
    pHarmful: true,
    kl: true,
    pUnchanged: true,
    flagged: true,
    related: true,
    label: true,
    unjudged: true,
    tokens: true,
  },
  ...{
    lossWithout: true,
    lossWith: true,
    answers: true,
    spans: true,
    pOutside: true,
    pUnchangedOutside: true,
    guessed: true,
    inserted: true,
    parts: true,
    turn: true,
    rest: true,
  },
});
const PRINTED: Record<string, string[]> = {
  evaluate: keys<Measurement>({
    state: true,
    name: true,
    measure: true,
    value: true,
    count: true,
    prompts: true,
    open: true,
    cut: true,
    unmatched: true,
    harmful: true,
    labelled: true,
    judge: true,
    interval: true,
  }),
  scan: [
    ...scanned,
    ...keys<Omit<ScanResult, 'perRow' | 'byVector'>>({
      ...{
        flagged: true,
        related: true,
        blind: true,
        short: true,
        skipped: true,
        unusual: true,
        otherLanguages: true,
        rowFormat: true,
        rows: true,
        threshold: true,
        limit: true,
        calibration: true,
      },
      ...{ auroc: true, labels: true, precision: true, recall: true },
    }),
    'extrapolatedBelow',
    ...keys<CleanResult>({ path: true, kept: true, cut: true, left: true, unscanned: true, changes: true }),
  ],
  score: keys<ScoreRow>({ row: true, nll: true, tokens: true }),
  generate: keys<Omit<Requests['generate']['result'], 'seconds'>>({ text: true, ids: true, stopped: true }),
  inspect: [
    ...keys<Omit<ModelInfo, 'path'>>({
      ...{ architecture: true, parameters: true, layers: true, dtype: true, contextLength: true },
      ...{ tokenizer: true, chatTemplate: true, supported: true, reason: true, missing: true, adapters: true },
    }),
    ...keys<Omit<DataInfo, 'path' | 'tokens'>>({
      ...{
        format: true,
        rows: true,
        labels: true,
        refusedRows: true,
        refused: true,
        longest: true,
        duplicates: true,
        unanswered: true,
        unreadLabels: true,
        unreadColumns: true,
      },
    }),
    ...keys<Pick<Estimate, 'memory'>>({ memory: true }),
    ...keys<MemoryParts>({
      ...{ weights: true, adapters: true, moments: true, activations: true, logits: true, program: true },
    }),
    ...keys<Omit<Estimate, 'memory' | 'broken'>>({
      ...{ peakBytes: true, limitBytes: true, fits: true, remedy: true, recompute: true, steps: true },
      extrapolated: true,
      ...{ stepSeconds: true, seconds: true, usefulTokens: true, measured: true, points: true, harmPrompts: true },
      gpu: true,
      disk: true,
    }),
    ...keys<NonNullable<Estimate['disk']>>({ bytes: true, freeBytes: true }),
    ...keys<Pick<Estimate, 'broken'>>({ broken: true }),
    ...keys<BrokenRows>({ file: true, rows: true, line: true, reason: true, read: true }),
  ],
  export: keys<Requests['export']['result']>({ path: true, sha256: true, notes: true }),
  combine: keys<Requests['combine']['result']>({
    ...{ path: true, sha256: true, rank: true, exactRank: true, error: true, worst: true, from: true },
  }),
  runs: keys<RunSummary>({
    ...{ path: true, kind: true, outcome: true, started: true, ended: true, steps: true, seconds: true },
    ...{ model: true, verdict: true, headline: true, measurements: true },
  }),
  cache: keys<Requests['cache']['result']>({ path: true, bytes: true, entries: true, removed: true }),
  doctor: keys<Diagnosis>({
    ...{ versions: true, system: true, processor: true, device: true, memoryGb: true, limits: true, environment: true },
  }),
  publish: keys<Requests['publish']['result']>({ url: true, commit: true, isPublic: true }),
  download: [
    ...keys<Requests['download']['result']>({ path: true }),
    ...keys<Omit<DatasetResult, 'path'>>({
      ...{ repository: true, revision: true, commit: true, licence: true, gated: true, split: true, limit: true },
      ...{ sources: true, files: true, notes: true },
    }),
  ],
};

test('the fields of JSON lines are those of their types', () => {
  for (const [cell, lines] of COMMANDS) {
    const name = code(cell!)[0]!.split(' ')[0]!;
    const expected = PRINTED[name];
    if (!expected) continue;
    const listed = [...lines!.matchAll(/"(\w+)"/g)].map((match) => match[1]);
    assert.deepEqual(listed, expected, name);
  }
});
