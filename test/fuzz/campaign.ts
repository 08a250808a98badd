/**
 * Fuzzing steered by coverage: an input that reaches code, or runs it more often, than any before joins the corpus, and
 * mutations begin from the corpus. What happens depends on the seed, the corpus file and the number of inputs alone.
 *
 * Environment, set by run.mjs: FUZZ_CAMPAIGN (the seed), FUZZ_SECONDS and FUZZ_ROUNDS (whichever ends first),
 * FUZZ_RESULTS (file for the counts, written now and then), FUZZ_INPUT (file for the input that is being loaded, for
 * one that ends the process).
 */
import { writeFileSync } from 'node:fs';
import { random } from '../../runtime/support/random.js';
import type { Random } from '../../runtime/support/random.js';
import { Coverage } from './coverage.js';
import { encode, readCorpus, writeCorpus, writeFinding } from './inputs.js';
import { start, type Kind } from './judge.js';
import { minimised } from './minimise.js';
import { splice } from './splice.js';

/** Of one kind in the repository, compressed. */
const MOST_BYTES = 10_000;
/** Slower inputs teach nothing that a faster one would not, and would be mutated over and over. */
const SLOW_MS = 25;
const MOST_FINDINGS = 20;

export interface Results {
  kind: string;
  executions: number;
  seconds: number;
  branches: number;
  corpus: number;
  valid: number;
  refused: number;
  slowestMs: number;
  peakMb: number;
  findings: string[];
}

export async function campaign<T>(file: string, kind: Kind<T>, folder: string): Promise<void> {
  const { FUZZ_CAMPAIGN: seed, FUZZ_SECONDS, FUZZ_ROUNDS, FUZZ_RESULTS, FUZZ_INPUT } = process.env;
  const coverage = new Coverage();
  const { sources, judge } = await start(kind, folder);
  const longest = 2 * Math.max(...sources.map((source) => encode(source).length)) + 4096;
  const faults = new Set<string>();
  const results: Results = {
    ...{ kind: file, executions: 0, seconds: 0, branches: 0, corpus: 0 },
    ...{ valid: 0, refused: 0, slowestMs: 0, peakMb: 0, findings: [] },
  };
  const began = performance.now();
  let written = began;
  const write = (): void => {
    written = performance.now();
    results.seconds = (written - began) / 1000;
    results.branches = coverage.branches;
    results.corpus = kept.length;
    results.slowestMs = judge.slowestMs;
    results.peakMb = judge.riseMb;
    if (FUZZ_RESULTS) writeFileSync(FUZZ_RESULTS, JSON.stringify(results));
  };

  const pool: Pool<T> = { all: [], valid: [] };
  /** For the repository: what reaches code that nothing before it reaches. */
  const kept: T[] = [];
  const look = async (input: T, text: string): Promise<void> => {
    if (FUZZ_INPUT) writeFileSync(FUZZ_INPUT, text);
    const { end, ms, fault } = await judge.judge(input);
    const { branches, counts } = coverage.fresh();
    results.executions++;
    if (end !== 'fault') results[end]++;
    if (fault && !faults.has(fault.key) && faults.size < MOST_FINDINGS) {
      faults.add(fault.key);
      const small = await minimised(input, async (smaller) => (await judge.judge(smaller)).fault?.key === fault.key);
      coverage.fresh();
      const found = writeFinding(file, { what: fault.text.split('\n', 1)[0]!, must: 'refused', input: small });
      results.findings.push(`${found}: ${fault.text}`);
    }
    if (fault || ms > SLOW_MS || text.length > longest || counts === 0) return;
    pool.all.push(input);
    if (end === 'valid') pool.valid.push(input);
    if (branches > 0) kept.push(input);
  };

  /** The smallest inputs first; what adds nothing to them is left out. */
  const distilled = async (): Promise<T[]> => {
    coverage.forget();
    const least: T[] = [];
    const sized = kept.map((input) => ({ input, size: encode(input).length })).sort((a, b) => a.size - b.size);
    for (const input of [...sources, ...sized.map(({ input }) => input)]) {
      await judge.judge(input);
      if (coverage.fresh().branches > 0 && !sources.includes(input)) least.push(input);
    }
    return least;
  };

  for (const source of sources) {
    await look(source, encode(source));
    if (!pool.valid.includes(source)) pool.valid.push(source);
  }
  kept.length = 0; // the good inputs are here in any case
  for (const input of readCorpus<T>(file)) await look(input, encode(input));
  const end = began + Number(FUZZ_SECONDS ?? Infinity) * 1000;
  for (let round = 0; round < Number(FUZZ_ROUNDS ?? Infinity) && performance.now() < end; round++) {
    const input = mutated(kind, pool, random(`${kind.name}/${seed}/${round}`));
    await look(input, encode(input));
    judge.tidy();
    if (performance.now() - written > 1000) write();
  }
  write();
  writeCorpus(file, await distilled(), MOST_BYTES);
}

/** What is mutated: inputs that reached something new. */
interface Pool<T> {
  all: T[];
  /** Those of them that load, and all good inputs: what is refused at its first byte leads nowhere. */
  valid: T[];
}

/** Half of the time what came last is changed, of which little was made yet. */
function mutated<T>(kind: Kind<T>, { all, valid }: Pool<T>, rng: Random): T {
  const pool = rng.int(3) === 0 && all.length > 0 ? all : valid;
  let input = rng.int(2) ? rng.pick(pool) : pool[pool.length - 1 - rng.int(Math.min(32, pool.length))]!;
  for (let n = rng.int(4) ? 1 : 2 + rng.int(3); n > 0; n--)
    input = rng.int(6) ? kind.damage(input, rng) : (splice(input, rng.pick(rng.int(2) ? pool : valid), rng) as T);
  return input;
}
