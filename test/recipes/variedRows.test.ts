/**
 * What is kept of a large file, and measured of it, is a sample of all of it: files often have one kind of rows after
 * the other.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promptCount, variedRows } from '../../runtime/data/byPrompt.js';
import type { Example } from '../../runtime/data/examples.js';
import { holdOut } from '../../runtime/recipes/training/heldOut.js';
import { heldOutMeasure } from '../../runtime/recipes/securityVector/heldOutMeasure.js';
import {
  readPrompts,
  writePrompts,
  type KeptPrompt,
  type OrdinaryPrompt,
  type VectorPrompt,
} from '../../runtime/recipes/protection/prompts.js';
import { trialRows } from '../../runtime/recipes/securityVector/trial.js';

/** So many rows of as many kinds, one kind after the other, with so many answers to each prompt. */
const file = (count: number, kinds: number, each = 1): Example[] =>
  Array.from({ length: count }, (_, row) => {
    const answer = `kind ${Math.floor((row * kinds) / count)}`;
    const promptText = `${answer}, question ${Math.floor(row / each)}`;
    return { ...{ row, line: row + 1, ids: [1, row], labels: [-100, row] }, promptIds: [1], promptText, answer };
  });
/** How many rows of each kind. */
const kindsOf = (rows: Iterable<{ answer: string }>): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { answer } of rows) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
};
const assertEven = (rows: Iterable<{ answer: string }>, kinds: number, what: string): void => {
  const counts = Object.values(kindsOf(rows));
  assert.equal(counts.length, kinds, `${what}: ${counts}`);
  assert.ok(Math.max(...counts) <= 2 * Math.min(...counts), `${what}: ${counts}`);
};

let folder: string;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'varied-'))));
after(() => rm(folder, { recursive: true }));

async function kept(
  rows: Example[],
  others: Example[] = [],
): Promise<Record<'trained' | 'held', VectorPrompt[]> & { ordinary: OrdinaryPrompt[] }> {
  const place = join(folder, 'prompts.jsonl');
  const base = {
    async *answers(prompts: unknown[]) {
      for (const index of prompts.keys()) yield { index, answer: { ids: [] } };
    },
  };
  const shares: number[] = [];
  const told = (message: string, share = 0): void => {
    assert.equal(message, "the base answers the vector's prompts");
    shares.push(share);
  };
  const hooks = { signal: new AbortController().signal, progress: told };
  const split = { ...holdOut(rows, 0.2, '1'), ordinary: others };
  await writePrompts(place, split, base as never, { decode: () => 'no' } as never, hooks);
  assert.ok(shares[0]! > 0 && shares.at(-1) === 1, shares.join());
  const lines = (await readFile(place, 'utf8')).trim().split('\n');
  const written = lines.map((line) => JSON.parse(line) as KeptPrompt);
  assert.deepEqual(await readPrompts(place), written);
  const ordinary = written.flatMap((one) => (one.ordinary ? one : []));
  const prompts = written.flatMap((one) => (one.ordinary ? [] : one));
  const [trained, held] = [prompts.filter((one) => !one.heldOut), prompts.filter((one) => one.heldOut)];
  return { trained, held, ordinary };
}

test('a row that begins with its answer asks nothing, and is not kept as a prompt', async () => {
  const asked = file(8, 1).map((row, i) => ({ ...row, prompt: [{ role: 'user' as const, content: `${i}?` }] }));
  const greeting: Example = { ...file(1, 1)[0]!, prompt: [] };
  const { trained, held } = await kept([greeting, ...asked, greeting]);
  assert.equal(trained.length + held.length, 8);
  assert.ok((await readPrompts(join(folder, 'prompts.jsonl')))!.every(({ messages }) => messages?.length === 1));
});

test('of ordinary rows some prompts of all kinds are kept, with the base’s answers alone', async () => {
  const { trained, held, ordinary } = await kept(file(8, 1), file(400, 2));
  assert.deepEqual([trained.length + held.length, ordinary.length], [8, 32]);
  assert.ok(ordinary.every((one) => one.base === 'no' && !('harmful' in one)));
  assertEven(ordinary.map(({ prompt }) => ({ answer: prompt!.split(',')[0]! })), 2, 'ordinary'); // oxfmt-ignore
});

for (const [rows, kinds] of [
  [400, 2],
  [1000, 5],
] as const)
  test(`of ${rows} rows of ${kinds} kinds a vector keeps, tries and watches all kinds`, async () => {
    const { trained, held } = await kept(file(rows, kinds));
    assert.deepEqual([trained.length, held.length], [64, 64]);
    for (const [what, some] of Object.entries({ trained, held }))
      assertEven(some.map(({ harmful }) => ({ answer: harmful })), kinds, what); // oxfmt-ignore
    const split = holdOut(file(rows, kinds), 0.2, '1');
    const tried = trialRows(split.held)!;
    assertEven(tried.trained, kinds, 'trial, trained');
    assertEven(tried.measured, kinds, 'trial, measured');
    assertEven(holdOut(file(10 * rows, kinds), 0.2, '1').held, kinds, 'held out');

    const measured: Example[] = [];
    const learner = {
      losses: async (of: { example: Example; scales: { v: number } }[]) => {
        measured.push(...of.flatMap(({ example, scales }) => (scales.v === 1 ? [example] : [])));
        // a loss of the row's own, so that rows must meet themselves
        return of.map(({ example, scales }) => ({ nll: example.row - scales.v, tokens: 1, perToken: [example.row] }));
      },
    };
    const both = { harmful: split.held, ordinary: split.held };
    const { quality } = await heldOutMeasure(learner as never, both, { off: { v: 0 }, on: { v: 1 } })({}, 48);
    assert.equal(quality.harmful, 48);
    assertEven(measured, kinds, 'watched');
    assert.ok(
      Math.abs(quality.lossWithout! - quality.lossWith! - 1) < 1e-9,
      'the same rows with the vector and without',
    );
  });

test('what is kept has as many prompts as it can', async () => {
  const { trained, held } = await kept(file(2000, 5, 10));
  assert.deepEqual([new Set(trained.map(({ prompt }) => prompt)).size, trained.length], [64, 64]);
  assert.equal(held.length, 64);
  assert.equal(new Set(held.map(({ prompt }) => prompt)).size, 40, 'all that are held out');
});

test('a sample is in the order of its list, and follows from the list alone; a list that is short enough stays as it is', () => {
  const rows = file(300, 1, 3);
  const chosen = variedRows(rows, 128);
  assert.deepEqual(
    chosen,
    chosen.toSorted((a, b) => a.row - b.row),
  );
  assert.deepEqual(variedRows(rows, 128), chosen);
  assert.deepEqual([chosen.length, promptCount(chosen)], [128, 100]);
  assert.deepEqual(variedRows(rows, 300), rows);
});
