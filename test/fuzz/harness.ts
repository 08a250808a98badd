/**
 * Fuzzing: inputs of one kind are damaged by seeded changes and loaded. Every case must end in a load that holds what
 * the loader promises, or in an error for people; anything else is a fault (judge.ts).
 *
 * As a test: the good inputs, those that were once a fault (findings/), those that reach rare code (corpus/), and some
 * damaged ones. In a campaign (run.mjs, campaign.ts): mutations steered by coverage.
 *
 * Files lie in memory (/dev/shm) where the system has that, so that the disk does not decide the time.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { random } from '../../runtime/support/random.js';
import { campaign } from './campaign.js';
import { readCorpus, readFindings } from './inputs.js';
import { start, type Kind } from './judge.js';

const MOST_FAULTS = 20;

/**
 * Share of the damaged inputs that must load, and that must be refused: fuzzing that does only one of them looks at
 * nothing.
 */
const LEAST_SHARE = 0.005;

/** The name of the file that runs, which names the kind's corpus and findings. */
const FILE = basename(process.argv[1] ?? '').replace(/\.test\.[jt]s$/, '');

export function fuzz<T>(kind: Kind<T>): void {
  if (process.env.FUZZ_CAMPAIGN) void inFolder((folder) => campaign(FILE, kind, folder));
  else
    test(`${kind.name}: ${kind.rounds} damaged inputs end in a valid load or an error for people, in bounded time and memory`, () =>
      inFolder((folder) => check(kind, folder)));
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const inMemory = process.platform === 'linux' && existsSync('/dev/shm');
  const folder = realpathSync(mkdtempSync(join(inMemory ? '/dev/shm' : tmpdir(), 'fuzz-')));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function check<T>(kind: Kind<T>, folder: string): Promise<void> {
  const { sources, judge } = await start(kind, folder);
  const faults = new Map<string, string>();
  const counts = { valid: 0, refused: 0, fault: 0 };
  const look = async (input: T, name: string): Promise<keyof typeof counts> => {
    const { end, fault } = await judge.judge(input);
    if (fault && faults.size < MOST_FAULTS && !faults.has(fault.key)) faults.set(fault.key, `${name}: ${fault.text}`);
    return end;
  };
  for (const { name, must, input } of readFindings<T>(FILE)) {
    const end = await look(input, name);
    if (end !== must) faults.set(name, `${name} must be ${must}, it is ${end}`);
  }
  for (const [i, input] of readCorpus<T>(FILE).entries()) await look(input, `input ${i} of the corpus`);
  for (let round = 0; round < kind.rounds; round++) {
    const rng = random(`${kind.name}/${round}`);
    counts[await look(kind.damage(rng.pick(sources), rng), `round ${round}`)]++;
  }
  assert.deepEqual([...faults.values()], []);
  const least = Math.min(counts.valid, counts.refused);
  assert(least >= kind.rounds * LEAST_SHARE, `${counts.valid} valid, ${counts.refused} refused`);
}
