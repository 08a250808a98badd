/**
 * Fuzzing: good inputs of one kind are damaged by seeded changes and loaded. Every case must end in a load that holds what
 * the loader promises, or in a `HumanError`; anything else is a fault.
 *
 * Time: a case may take less than a second of this process's CPU time; the wall clock says nothing on a busy machine.
 *
 * Memory: the high-water mark of the resident memory may not rise by more than 256 MB in the whole run above what it was
 * after all good inputs were loaded. The mark never falls, so it bounds what any case had at any moment, even what was freed
 * before the case ended; garbage that waits for its collector is counted too, so the bound is on the safe side.
 *
 * Files lie in memory (/dev/shm) where the system has that, so that the disk does not decide the time.
 *
 * Environment (see run.mjs): FUZZ_ROUNDS, FUZZ_FROM (first round; a round depends on its number alone), FUZZ_RESULTS (file
 * for the counts, written now and then so that a round that hangs is known).
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HumanError } from '../../runtime/errors.js';
import { random } from '../../runtime/random.js';
import type { Random } from '../../runtime/random.js';

const MOST_MS = 1000;
const MOST_MB = 256;
const MOST_FAULTS = 20;
const WARM_UPS = 5;

/** Share of the rounds that must load, and that must be refused: fuzzing that does only one of them looks at nothing. */
const LEAST_SHARE = 0.005;

export interface Kind<T> {
  name: string;
  /** Rounds in `npm test`: a second or two. */
  rounds: number;
  /** Rounds behind those that found a fault once; they run in `npm test` too. */
  known?: readonly number[];
  /** Good inputs. Each must load. */
  sources: (folder: string) => readonly T[] | Promise<readonly T[]>;
  /** A damaged copy. */
  damage: (source: T, rng: Random) => T;
  /** Loads and checks what it got: an assertion that fails is a fault, a HumanError or false a refusal. */
  load: (input: T, folder: string) => unknown;
}

interface Results {
  kind: string;
  rounds: number;
  /** Rounds that ended. */
  done: number;
  valid: number;
  refused: number;
  slowestMs: number;
  peakMb: number;
  faults: string[];
}

export function fuzz<T>(kind: Kind<T>): void {
  const rounds = Number(process.env.FUZZ_ROUNDS ?? kind.rounds);
  const first = Number(process.env.FUZZ_FROM ?? 0);
  test(`${kind.name}: ${rounds} damaged inputs end in a valid load or a HumanError, in bounded time and memory`, async () => {
    const folder = realpathSync(
      mkdtempSync(join(process.platform === 'linux' && existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'fuzz-')),
    );
    try {
      const results = await run(kind, first, rounds, folder);
      assert.deepEqual(results.faults, []);
      assert(
        Math.min(results.valid, results.refused) >= (rounds - first) * LEAST_SHARE,
        `${results.valid} valid, ${results.refused} refused`,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

async function run<T>(kind: Kind<T>, first: number, rounds: number, folder: string): Promise<Results> {
  const sources = await kind.sources(folder);
  for (let i = 0; i < WARM_UPS; i++) for (const source of sources) await kind.load(source, folder);
  const startMb = peakMb();
  const faults = new Map<string, string>();
  const results: Results = {
    ...{ kind: kind.name, rounds, done: 0, valid: 0, refused: 0 },
    ...{ slowestMs: 0, peakMb: 0, faults: [] },
  };
  let told = performance.now();
  const all = [
    ...Array.from({ length: rounds - first }, (_, i) => first + i),
    ...(process.env.FUZZ_ROUNDS ? [] : (kind.known ?? [])),
  ];
  for (const round of all) {
    const rng = random(`${kind.name}/${round}`);
    const input = kind.damage(rng.pick(sources), rng);
    const fault = (what: string, key = what): void => {
      if (faults.size < MOST_FAULTS && !faults.has(key)) faults.set(key, `round ${round}: ${what}`);
    };
    const began = process.cpuUsage();
    try {
      if ((await kind.load(input, folder)) === false) results.refused++;
      else results.valid++;
    } catch (error) {
      if (error instanceof HumanError) {
        results.refused++;
        // The message is shown to people: it must stay a sentence, whatever the input was.
        if (error.message.length > 2000)
          fault(`the message has ${error.message.length} characters: ${error.message.slice(0, 80)}`, 'long message');
      } else fault(error instanceof Error ? (error.stack ?? error.message) : String(error), whereOf(error));
    }
    const { user, system } = process.cpuUsage(began);
    const ms = (user + system) / 1000;
    results.slowestMs = Math.max(results.slowestMs, ms);
    if (ms >= MOST_MS) fault(`${Math.round(ms)} ms`, 'time');
    const rise = peakMb() - startMb;
    if (rise > MOST_MB)
      fault(
        `the memory rose by ${Math.round(rise - results.peakMb)} MB to ${Math.round(rise)} MB above the start`,
        'memory',
      );
    results.peakMb = Math.max(results.peakMb, rise);
    results.done++;
    if (performance.now() - told > 1000 || results.done === all.length) {
      told = performance.now();
      results.faults = [...faults.values()];
      tell(results);
    }
  }
  return results;
}

function tell(results: Results): void {
  if (process.env.FUZZ_RESULTS) writeFileSync(process.env.FUZZ_RESULTS, JSON.stringify(results));
}

const peakMb = (): number => process.resourceUsage().maxRSS / 1024;

/** Where an error was made, so that a fault is reported once. */
function whereOf(error: unknown): string {
  return error instanceof Error ? (/\n\s+at .*/.exec(error.stack ?? '')?.[0] ?? error.message) : String(error);
}
