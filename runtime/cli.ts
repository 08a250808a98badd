#!/usr/bin/env node
/** Command-line entry: the engine's calls, for people and, with --json, for programs. */
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { isatty } from 'node:tty';
import { calls } from './calls/calls.js';
import type { Reporter } from './calls/reporter.js';
import { allowSecrets } from './calls/secrets.js';
import {
  commandHelp,
  type CommandName,
  isCommand,
  optionsOf,
  type Shell,
  SHELLS,
  usage,
} from './commandLine/commands.js';
import { completion } from './commandLine/completion.js';
import { diagnose, diagnosisText } from './commandLine/doctor.js';
import { lessMemoryThan } from './commandLine/ending.js';
import { type Given, parse, refuseArguments, wrong } from './commandLine/given.js';
import { download, publish } from './commandLine/hubCommands.js';
import { combine, exportModel, generate, inspect } from './commandLine/modelCommands.js';
import { evaluate, train } from './commandLine/recipeCommands.js';
import { scan, score } from './commandLine/rowCommands.js';
import { listRuns } from './commandLine/runs.js';
import { EXIT, errorText } from './contract/errors.js';
import { megabytes } from './contract/format.js';
import type { CacheEntry } from './contract/modelInfo.js';
import { runSample } from './sample/story.js';
import { Cancelled, errorData } from './support/errors.js';
import { memoryLimit, OTHER_LIMIT, watchMemory } from './support/memory.js';
import { stopping } from './commandLine/stopping.js';
import { type Terminal, terminal } from './commandLine/terminal.js';
import { textTable } from './commandLine/textTable.js';

async function sample({ values, out, reporter }: Given): Promise<number> {
  return runSample(resolve(values.out ?? 'out/start'), out, reporter);
}

async function runs({ positionals, out }: Given): Promise<number> {
  const [folder = '.', ...more] = positionals;
  if (more.length > 0) throw wrong('runs takes one folder.');
  const found = await listRuns(resolve(folder), (path, error) => {
    const data = errorData(error);
    out.error(errorText({ ...data, place: data.place ?? path }));
  });
  for (const run of found) out.line(run);
  if (found.length === 0) out.log(`There are no runs in ${resolve(folder)}.`);
  else if (!out.json)
    out.print(
      found
        .flatMap(({ path, kind, outcome, started, headline }) => [
          `${path}  ${kind}, ${outcome}, ${started}`,
          ...(headline ? [`  ${headline}`] : []),
        ])
        .join('\n'),
    );
  return EXIT.done;
}

async function cache({ values, out, reporter }: Given): Promise<number> {
  const { path, bytes, entries, removed } = await calls.cache({ clear: values.clear }, reporter);
  out.line({ path, bytes, entries, removed });
  const row = (entry: CacheEntry): string[] => [
    basename(entry.file),
    `${megabytes(entry.bytes)} MB`,
    `last used ${entry.used.slice(0, 10)}`,
    entry.inUse ? 'in use' : '',
  ];
  for (const entry of removed) out.print(`removed ${basename(entry.file)}, ${megabytes(entry.bytes)} MB`);
  if (entries.length > 0) out.print(textTable(entries.map(row)));
  out.print(`${megabytes(bytes)} MB in ${path}`);
  return EXIT.done;
}

async function doctor({ out }: Given): Promise<number> {
  const diagnosis = await diagnose(version());
  out.line(diagnosis);
  out.print(diagnosisText(diagnosis));
  return EXIT.done;
}

async function printCompletion({ positionals }: Given): Promise<number> {
  const [shell = '', ...more] = positionals;
  if (!(SHELLS as readonly string[]).includes(shell) || more.length > 0)
    throw wrong(`completion needs one of ${SHELLS.join(', ')}.`);
  process.stdout.write(completion(shell as Shell));
  return EXIT.done;
}

const RUN: Record<CommandName, (given: Given) => Promise<number>> = {
  train,
  evaluate,
  scan,
  score,
  generate,
  inspect,
  export: exportModel,
  combine,
  download,
  sample,
  runs,
  cache,
  doctor,
  completion: printCompletion,
  publish,
};

/** Beside dist/ and the source. */
const version = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/** Of a pipe whose reader has ended, as `| head` does. A terminal that was closed says EIO. */
const UNREAD = new Set(['EPIPE', 'EOF', 'ECONNRESET']);

/** What cannot be written stops the command as Ctrl+C does: without a word where nobody reads, else as a failure. */
function stopUnheard(stop: () => void, out: Terminal): void {
  let failed = false;
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      stop();
      if (failed || UNREAD.has(error.code ?? '') || (stream.isTTY && error.code === 'EIO')) return;
      failed = true;
      out.error(`${stream === process.stdout ? 'stdout' : 'stderr'}: ${errorText(errorData(error))}`);
      process.on('exit', () => (process.exitCode = EXIT.failed));
    });
}

/** The end of the terminal. Node aborts where it cannot reset one that is closed: the signal ends it before that. */
function onHangUp(end: () => void): void {
  const hasTerminal = [0, 1, 2].some((fd) => isatty(fd));
  process.on('SIGHUP', () => {
    end();
    if (!hasTerminal) return;
    process.once('exit', () => {
      process.removeAllListeners('SIGHUP');
      process.kill(process.pid, 'SIGHUP');
    });
  });
}

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json');
  const out = terminal(json);
  const abort = new AbortController();
  const { hear, interrupt, end } = stopping({
    stop: () => abort.abort(),
    say: out.note,
    exit: () => process.exit(EXIT.stopped),
  });
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', end);
  onHangUp(end);
  let lessMemory: string | undefined;
  let unheard = false;
  stopUnheard(() => {
    unheard = true;
    abort.abort();
  }, out);
  const reporter: Reporter = {
    signal: abort.signal,
    onEvent(event) {
      hear(event);
      out.event(event);
    },
    onToken: () => undefined,
    onRows: () => undefined,
    onProgress: out.progress,
    // What is on stdout may be JSON without --json, too.
    onLog: (level, message) => (level === 'info' ? out.note(message) : out.warn(message)),
  };
  try {
    const { values, positionals } = parse(argv);
    const [command, ...rest] = positionals;
    if (values.version === true) {
      process.stdout.write(`${version()}\n`);
      return EXIT.done;
    }
    if (command === undefined) {
      (values.help === true ? process.stdout : process.stderr).write(`${usage()}\n`);
      return values.help === true ? EXIT.done : EXIT.badInput;
    }
    if (!isCommand(command)) throw wrong(`there is no command "${command}".`);
    if (values.help === true) {
      process.stdout.write(`${commandHelp(command)}\n`);
      return EXIT.done;
    }
    const extra = Object.keys(values).find((name) => !(optionsOf(command) as string[]).includes(name));
    if (extra !== undefined) throw wrong(`${command} has no option --${extra}.`);
    refuseArguments(command, rest);
    lessMemory = lessMemoryThan(command);
    watchMemory(memoryLimit(), `${lessMemory} ${OTHER_LIMIT}`);
    allowSecrets(values.secret ?? []);
    return await RUN[command]({ command, positionals: rest, values, out, reporter });
  } catch (error) {
    out.endProgress();
    if (error instanceof Cancelled) {
      if (!unheard) out.note(error.message);
      return EXIT.stopped;
    }
    const data = errorData(error, lessMemory);
    out.error(errorText(data));
    if (data.stack !== undefined) out.note(data.stack);
    return data.kind === 'input' ? EXIT.badInput : EXIT.failed;
  } finally {
    out.endProgress();
  }
}

process.exitCode = await main(process.argv.slice(2));
