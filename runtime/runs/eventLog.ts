/**
 * The logs of a run: events.jsonl and answers.jsonl. They are only appended to while the run goes on. A run that is
 * resumed first cuts them to where its checkpoint was written: what came later is done again, and would stand there
 * twice.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { HumanError } from '../support/errors.js';
import { withPath, syncFolder } from '../support/replaceFile.js';
import { whileHeld } from '../contract/heldFiles.js';
import type { RunEvent } from '../contract/events.js';
import { LOG_FILES, RUN_FILES } from '../contract/runFiles.js';

type LogName = (typeof LOG_FILES)[number];

/** The beginning of a log that a checkpoint belongs to. */
interface LogMark {
  readonly bytes: number;
  readonly sha256: string;
}

export type LogMarks = Readonly<Record<LogName, LogMark>>;

export interface EventLog {
  /** `sample` events go to answers.jsonl, all others to events.jsonl. */
  append(event: RunEvent): Promise<void>;
  /** How far the logs are; what is before that is durable. */
  marks(): Promise<LogMarks>;
}

interface State {
  bytes: number;
  readonly hash: ReturnType<typeof createHash>;
}

/** Logs that begin anew, or go on from the marks of a checkpoint. Nothing is cut unless both can be. */
export async function openEventLog(folder: string, marks?: LogMarks): Promise<EventLog> {
  const states = {} as Record<LogName, State>;
  for (const name of LOG_FILES) states[name] = await kept(join(folder, name), marks?.[name]);
  for (const name of LOG_FILES) {
    if (states[name].bytes > 0) await truncate(join(folder, name), states[name].bytes);
    else await rm(join(folder, name), { force: true });
  }
  return {
    async append(event) {
      const name = event.kind === 'sample' ? RUN_FILES.answers : RUN_FILES.events;
      await append(join(folder, name), states[name], `${JSON.stringify(event)}\n`);
    },
    async marks() {
      for (const name of LOG_FILES) if (states[name].bytes > 0) await sync(join(folder, name));
      await syncFolder(folder);
      const markOf = ({ bytes, hash }: State): LogMark => ({ bytes, sha256: hash.copy().digest('hex') });
      return Object.fromEntries(LOG_FILES.map((name) => [name, markOf(states[name])])) as LogMarks;
    },
  };
}

/** @throws HumanError when the log does not begin with what the mark stands for */
async function kept(file: string, mark: LogMark | undefined): Promise<State> {
  const state: State = { bytes: 0, hash: createHash('sha256') };
  if (mark === undefined || mark.bytes === 0) return state;
  try {
    for await (const piece of createReadStream(file, { end: mark.bytes - 1 })) {
      state.hash.update(piece as Buffer);
      state.bytes += (piece as Buffer).length;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (state.bytes === mark.bytes && state.hash.copy().digest('hex') === mark.sha256) return state;
  throw new HumanError(
    'this file is not what it was when the checkpoint was written, and the checkpoint depends on it.',
    {
      place: file,
      remedy: 'Put the file back as it was, or start the run over.',
      code: 'restart',
    },
  );
}

async function append(file: string, state: State, line: string): Promise<void> {
  const data = Buffer.from(line);
  const { O_WRONLY, O_APPEND, O_CREAT } = constants;
  const flags = O_WRONLY | O_APPEND | (state.bytes === 0 ? O_CREAT : 0);
  const handle = await opened(file, flags).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? foreign(file, 'disappeared', error) : error;
  });
  try {
    const { size } = await handle.stat();
    if (size !== state.bytes) throw foreign(file, 'was changed by another program');
    try {
      await handle.writeFile(data);
    } catch (error) {
      // half a line at most: readers leave it out, and a resumed run cuts it off
      await handle.truncate(state.bytes).catch(() => undefined);
      throw withPath(error, file);
    }
  } finally {
    await handle.close();
  }
  state.bytes += data.length;
  state.hash.update(data);
}

/** Patiently on Windows: who reads a log for a moment does not end the run. */
const opened = (file: string, flags: string | number): ReturnType<typeof open> =>
  whileHeld(() => open(file, flags), process.platform);

async function sync(file: string): Promise<void> {
  const handle = await opened(file, 'r+');
  try {
    await handle.sync().catch((error: unknown) => {
      throw withPath(error, file);
    });
  } finally {
    await handle.close();
  }
}

const foreign = (file: string, what: string, cause?: unknown): HumanError =>
  new HumanError(`the run's log ${what} during the run.`, {
    kind: 'failed',
    place: file,
    remedy: 'Leave the run folder alone until the run has ended, and start the run over.',
    cause,
  });
