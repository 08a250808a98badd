/**
 * How an input ends: in a load that holds what the loader promises, in a refusal for people, or in a fault.
 *
 * Time: a case may take less than a second of this process's CPU time; the wall clock says nothing on a busy machine.
 *
 * Memory: the high-water mark of the resident memory may not rise by more than 256 MB above what it was after all good
 * inputs were loaded. The mark never falls, so it bounds what any case had at any moment, even what was freed before
 * the case ended; garbage that waits for its collector is counted too, so the bound is on the safe side.
 */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HostError } from '../../extension/host/errors.js';
import { errorData } from '../../runtime/support/errors.js';
import type { Random } from '../../runtime/support/random.js';

const WARM_UPS = 5;
const MOST_MS = 1000;
const MOST_MB = 256;
/** Garbage is collected before it hides what a case takes. */
const GARBAGE_MB = 96;

export interface Kind<T> {
  name: string;
  /** Damaged inputs in `npm test`: a second or two. */
  rounds: number;
  /** Good inputs. Each must load. */
  sources: (folder: string) => readonly T[] | Promise<readonly T[]>;
  /** A damaged copy, of a good input or of one that is damaged already. */
  damage: (source: T, rng: Random) => T;
  /** Loads and checks what it got: an assertion that fails is a fault, an error for people or false a refusal. */
  load: (input: T, folder: string) => unknown;
}

export interface Ending {
  end: 'valid' | 'refused' | 'fault';
  ms: number;
  /** `key` is the same for faults of the same cause. */
  fault?: { key: string; text: string };
}

class Judge<T> {
  private readonly startMb: number;
  /** How far the mark has risen. */
  riseMb = 0;
  slowestMs = 0;

  constructor(
    private readonly kind: Kind<T>,
    private readonly folder: string,
  ) {
    this.startMb = peakMb();
  }

  async judge(input: T): Promise<Ending> {
    const first = await this.once(input);
    if (first.fault?.key !== 'time') return this.counted(first);
    // The collector's or the compiler's time would not come twice.
    const second = await this.once(input);
    return this.counted(second.ms < first.ms ? second : first);
  }

  /** Frees what earlier cases left behind. */
  tidy(): void {
    if (process.memoryUsage.rss() / 2 ** 20 - this.startMb > GARBAGE_MB) collect();
  }

  private counted(ending: Ending): Ending {
    this.slowestMs = Math.max(this.slowestMs, ending.ms);
    return ending;
  }

  private async once(input: T): Promise<Ending> {
    const began = process.cpuUsage();
    const { end, fault } = await this.load(input);
    const { user, system } = process.cpuUsage(began);
    const ms = (user + system) / 1000;
    const rise = peakMb() - this.startMb;
    const grown = rise - this.riseMb;
    this.riseMb = Math.max(this.riseMb, rise);
    if (fault) return { end, ms, fault };
    if (ms >= MOST_MS) return { end: 'fault', ms, fault: { key: 'time', text: `${Math.round(ms)} ms` } };
    if (rise > MOST_MB && grown > 0) {
      const text = `the memory rose by ${Math.round(grown)} MB to ${Math.round(rise)} MB above the start`;
      return { end: 'fault', ms, fault: { key: 'memory', text } };
    }
    return { end, ms };
  }

  private async load(input: T): Promise<Omit<Ending, 'ms'>> {
    try {
      return { end: (await this.kind.load(input, this.folder)) === false ? 'refused' : 'valid' };
    } catch (error) {
      const message = messageOf(error);
      if (message === undefined) {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        return { end: 'fault', fault: { key: whereOf(error), text } };
      }
      if (message.length <= 2000) return { end: 'refused' };
      // The message is shown to people: it must stay a sentence, whatever the input was.
      const text = `the message has ${message.length} characters: ${message.slice(0, 80)}`;
      return { end: 'fault', fault: { key: 'long message', text } };
    }
  }
}

/** The good inputs, and who judges others: after the loaders are warm. */
export async function start<T>(kind: Kind<T>, folder: string): Promise<{ sources: readonly T[]; judge: Judge<T> }> {
  const sources = await kind.sources(folder);
  for (let i = 0; i < WARM_UPS; i++)
    for (const source of sources) assert.notEqual(await kind.load(source, folder), false, 'a good input loads');
  return { sources, judge: new Judge(kind, folder) };
}

/** What people are told of the error; undefined when it is a bug. */
function messageOf(error: unknown): string | undefined {
  const { kind, message } = error instanceof HostError ? error.data : errorData(error);
  return kind === 'internal' ? undefined : message;
}

const peakMb = (): number => process.resourceUsage().maxRSS / 1024;

/** Where an error was made, so that a fault is reported once. */
function whereOf(error: unknown): string {
  return error instanceof Error ? (/\n\s+at .*/.exec(error.stack ?? '')?.[0] ?? error.message) : String(error);
}

let gc: (() => void) | undefined;
function collect(): void {
  if (!gc) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as () => void;
  }
  gc();
}
