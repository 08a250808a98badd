/** Rows that a vector is not trained on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExampleList } from '../../runtime/data/exampleList.js';
import type { Example } from '../../runtime/data/examples.js';
import { promptName, questionOf } from '../../runtime/data/askedBy.js';
import { promptsInData } from '../../runtime/recipes/fineTune/fineTuneSets.js';
import { harmfulLoss, harmfulLossByVector, harmfulRows } from '../../runtime/recipes/protection/harmfulLoss.js';
import { holdOut, holdOutOfBoth } from '../../runtime/recipes/training/heldOut.js';
import { example } from '../support/example.js';

const examples = (count: number, promptOf: (row: number) => string): Example[] =>
  Array.from({ length: count }, (_, row) => example(row, promptOf(row)));
const held = (rows: Example[], share = 0.2, seed = '1'): number[] =>
  [...holdOut(rows, share, seed).held].map(({ row }) => row);

test('a fifth is held out, at least 16 where that leaves three quarters, at most 512, and none of a few', () => {
  for (const [count, wanted] of [
    [1, 0],
    [10, 0],
    [16, 4],
    [40, 10],
    [64, 16],
    [300, 60],
    [10_000, 512],
  ] as const) {
    const rows = examples(count, (row) => `prompt ${row}`);
    const split = holdOut(rows, 0.2, '1');
    assert.equal(split.held.length, wanted, `${count} rows`);
    const all = [...split.trained, ...split.held].map(({ row }) => row);
    assert.deepEqual(
      all.sort((a, b) => a - b),
      rows.map(({ row }) => row),
    );
  }
  assert.deepEqual(held(examples(300, String), 0), []);
});

test('of a few prompts with many answers each all rows of a prompt are left out of training, and at most 512 are measured', () => {
  const rows = examples(20_000, (row) => `prompt ${row % 20}`);
  const split = holdOut(rows, 0.2, '1');
  assert.equal(split.held.length, 512);
  const prompts = new Set([...split.held].map(({ promptText }) => promptText));
  assert.equal(prompts.size, 5);
  assert.equal(split.trained.length, 15_000);
  for (const { promptText } of split.trained) assert.ok(!prompts.has(promptText), promptText);
});

test('which rows are held out follows from the seed', () => {
  const rows = examples(100, String);
  assert.deepEqual(held(rows), held(rows));
  assert.notDeepEqual(held(rows), held(rows, 0.2, '2'));
});

test('rows with the same prompt are on one side; so are texts without one that say the same', () => {
  const rows = examples(100, (row) => `prompt ${row % 20}`);
  const { trained, held: unseen } = holdOut(rows, 0.2, '1');
  assert.equal(unseen.length, 25);
  const prompts = new Set([...unseen].map(({ promptText }) => promptText));
  assert.equal(prompts.size, 5);
  for (const { promptText } of trained) assert.ok(!prompts.has(promptText), promptText);
  assert.deepEqual(held(examples(100, () => 'the same')), [], 'one prompt cannot be divided');
  const texts = Array.from({ length: 100 }, (_, row) => example(row, '', [row % 50, 7]));
  const twice = held(texts);
  assert.equal(twice.length, 24);
  for (const row of twice) assert.ok(twice.includes((row + 50) % 100), `the other copy of ${row}`);
});

test('what was trained on before is never held out, and nothing is where too little else is there', () => {
  const rows = examples(100, (row) => `prompt ${row}`);
  const seen = (count: number) => new Set(rows.slice(0, count).map(questionOf));
  const unseen = [...holdOut(rows, 0.2, '1', seen(70)).held].map(({ row }) => row);
  assert.equal(unseen.length, 20);
  assert.ok(unseen.every((row) => row >= 70));
  assert.equal(holdOut(rows, 0.2, '1', seen(95)).held.length, 5);
  assert.deepEqual(holdOut(rows, 0.2, '1', seen(97)), { trained: rows, held: [], untrained: [] });
});

const answered = (prompt: string) => ({ name: promptName(prompt), answer: 'so.' });

test('conversations that begin alike are on one side, as every answer is trained on', () => {
  /** `deep` answers: the first question is that of the row with one answer. */
  const conversation = (row: number, topic: number, deep: number): Example => {
    const prompts = Array.from({ length: deep }, (_, i) => `topic ${topic}, question ${i}`);
    return { ...example(row, prompts.at(-1)!), ...(deep > 1 && { earlier: prompts.slice(0, -1).map(answered) }) };
  };
  const rows = Array.from({ length: 100 }, (_, row) => conversation(row, Math.floor(row / 2), 1 + (row % 2)));
  const kept = held(rows);
  assert.equal(kept.length, 24);
  for (const row of kept) assert.ok(kept.includes(row ^ 1), `the other turn of ${row}`);
  // One question of a conversation is enough.
  const seen = new Set(rows.filter((_, row) => row % 2 === 1 && row < 80).map(questionOf));
  for (const { row } of holdOut(rows, 0.2, '1', seen).held) assert.ok(row >= 80, `${row}`);
});

test('the same question behind several system messages is on one side; files of an earlier version name whole prompts', () => {
  const rows = Array.from({ length: 100 }, (_, row) => ({
    ...example(row, `system ${row % 5}, question ${Math.floor(row / 5)}`),
    question: promptName(`question ${Math.floor(row / 5)}`),
  }));
  const kept = held(rows);
  assert.equal(kept.length, 25);
  for (const row of kept) assert.ok(kept.includes(5 * Math.floor(row / 5)), `${row}`);
  const seen = new Set(rows.filter((_, row) => row % 5 === 0 && row < 75).map(questionOf));
  for (const { row } of holdOut(rows, 0.2, '1', seen).held) assert.ok(row >= 75, `${row}`);
});

/** As many are held out of each of two files as of it alone, and no prompt is on both sides. */
function assertApart(lists: readonly [Example[], Example[]]): void {
  const splits = holdOutOfBoth(lists, 0.2, '1');
  const names = (rows: ExampleList): Set<string> => new Set(Array.from(rows, ({ promptText }) => promptText));
  const trained = splits.map((one) => names(one.trained));
  splits.forEach((one, i) => {
    assert.equal(one.held.length, held(lists[i]!).length);
    assert.equal(one.held.length + one.trained.length, lists[i]!.length);
    for (const prompt of names(one.held)) assert.ok(!trained.some((other) => other.has(prompt)), prompt);
  });
}

test('a prompt of both files is on the same side in both; files without common prompts are divided as if they were alone', () => {
  const asked = (count: number, each = 1, from = 0): Example[] =>
    examples(count * each, (row) => `prompt ${from + Math.floor(row / each)}`);
  for (const other of [asked(100), asked(101), asked(120), asked(300), asked(100, 3), asked(60, 2, 70)]) {
    assertApart([asked(100), other]);
    assertApart([other, asked(100)]);
  }
  const [first, second] = [asked(100), asked(150, 2, 100)];
  assert.deepEqual(
    holdOutOfBoth([first, second], 0.2, '1').map((split) => [...split.held].map(({ row }) => row)),
    [held(first), held(second)],
  );
});

test('the other file holds out all rows of the prompts of both, so that as many prompts are measured in both', () => {
  const [rows, answers] = [examples(1000, (row) => `prompt ${row}`), examples(10_000, (row) => `prompt ${row % 1000}`)];
  for (const [split, measured, left] of [
    [holdOutOfBoth([rows, answers], 0.2, '1')[0], 200, 800],
    [holdOutOfBoth([rows, answers], 0.2, '1')[1], 512, 8000],
  ] as const) {
    assert.equal(split.held.length, measured);
    assert.equal(new Set(Array.from(split.held, questionOf)).size, 200);
    assert.equal(split.trained.length, left, 'a share of the rows, though more than are measured');
  }
});

test('a prompt that most rows of the other file ask is trained on in both', () => {
  const rows = examples(100, (row) => `prompt ${row}`);
  const asked = held(rows).map((row) => `prompt ${row}`);
  const often = examples(400, (row) => (row < 300 ? asked[0]! : `other ${row}`));
  const [split, other] = holdOutOfBoth([rows, often], 0.2, '1');
  assert.equal(split.held.length, 19);
  assert.ok(![...split.held].some(({ promptText }) => promptText === asked[0]));
  assert.equal([...other.trained].filter(({ promptText }) => promptText === asked[0]).length, 300);
});

test('harmful rows that one vector held out and another was trained on show nothing that is unseen', async () => {
  const asked = (from: number, count: number): Example[] =>
    Array.from({ length: count }, (_, i) => example(i, `question ${from + i}`, [from + i]));
  const job = { recipe: { protection: true, batch: { rows: 8 }, probes: {} } } as Parameters<typeof harmfulRows>[0];
  const of = async (...vectors: { trained: Example[]; unseen: Example[]; benign?: Example[] }[]) => {
    const trainedOn = new Set(vectors.flatMap(({ trained }) => trained).map(questionOf));
    const names = vectors.map(({ trained, benign = [] }) => new Set([...trained, ...benign].map(questionOf)));
    const rows = vectors.map((one) => ({ ...one, held: [], ordinary: [] }));
    const { judged, probes } = await harmfulRows(job, rows, names);
    const prompts = [...judged.examples, ...probes.examples].filter((row) => trainedOn.has(questionOf(row)));
    return [judged.parts!.map(({ rows: kind, places }) => [kind, places.length]), prompts.length];
  };
  const first = { trained: asked(0, 30), unseen: asked(30, 10) };
  assert.deepEqual(await of(first), [[['heldOut', 10]], 0]);
  assert.deepEqual(await of(first, { trained: asked(36, 30), unseen: asked(90, 5) }), [[['heldOut', 6], ['heldOut', 5]], 0]); // oxfmt-ignore
  const [parts] = await of(first, { trained: asked(33, 30), unseen: asked(90, 5) });
  assert.deepEqual(parts, [['anchored', 30], ['heldOut', 5]], 'three are too few'); // oxfmt-ignore
  // A refusal that a vector was trained on does not teach it the harmful answer that it held out; what another one has
  // seen is not known.
  const refusing = { ...first, benign: asked(30, 8) };
  assert.deepEqual(await of(refusing), [[['heldOut', 10]], 0]);
  const other = { trained: asked(60, 30), unseen: asked(90, 5), benign: asked(30, 4) };
  assert.deepEqual((await of(refusing, other))[0], [['heldOut', 6], ['heldOut', 5]]); // oxfmt-ignore
});

test('a harmful row that several vectors held out, or were trained on, counts once, and shows what each of them does', async () => {
  const asked = (from: number, count: number): Example[] =>
    Array.from({ length: count }, (_, i) => example(i, `question ${from + i}`, [from + i]));
  const job = { recipe: { protection: true, batch: { rows: 8 }, probes: {} } } as Parameters<typeof harmfulRows>[0];
  const of = async (...vectors: { trained: Example[]; unseen: Example[] }[]) => {
    const names = vectors.map(({ trained }) => new Set(trained.map(questionOf)));
    const { judged, probes } = await harmfulRows(job, vectors.map((one) => ({ ...one, held: [], ordinary: [] })), names); // oxfmt-ignore
    const drawn = probes.examples.slice(0, 8).map(questionOf);
    assert.equal(new Set(drawn).size, drawn.length, 'no row is drawn twice');
    const losses = judged.examples.map(({ ids }) => ({ nll: ids[0], tokens: 1 }));
    const now = losses.map(({ nll }) => ({ nll: 2 * nll, tokens: 1 }));
    const each = harmfulLossByVector(judged, losses, now).map((loss) => [loss!.rows, loss!.of, loss!.base]);
    return [harmfulLoss(judged, losses, now)!.of, each];
  };
  const first = { trained: asked(0, 30), unseen: asked(30, 11) };
  assert.deepEqual(await of(first, first), [11, [['heldOut', 11, 35], ['heldOut', 11, 35]]]); // oxfmt-ignore
  const second = { trained: asked(0, 30), unseen: [...asked(36, 5), ...asked(90, 5)] };
  assert.deepEqual(await of(first, second), [16, [['heldOut', 11, 35], ['heldOut', 10, 65]]]); // oxfmt-ignore
  const known = { trained: asked(0, 31), unseen: [] };
  assert.deepEqual(await of(known, known), [31, [['anchored', 31, 15], ['anchored', 31, 15]]]); // oxfmt-ignore
});

test('what training has seen does not count held-out rows that are too many to be measured', () => {
  const [prompts, answers] = [40, 250];
  const rows = examples(prompts * answers, (row) => `prompt ${Math.floor(row / answers)}`).map((row) => ({
    ...row,
    answer: "I'm sorry",
  }));
  const split = holdOut(rows, 0.2, '1');
  assert.equal(split.trained.length + split.untrained.length, rows.length);
  assert.ok(split.held.length < split.untrained.length);
  const set = { name: 'harm', measure: 'harm', file: 'x' } as const;
  const asked = Array.from({ length: prompts }, (_, p) => rows[p * answers]!);
  const inData = promptsInData([{ set, examples: asked }] as never, []);
  for (const row of rows) inData.note(row);
  inData.leaveOut(split.untrained);
  const taught = asked.filter((one) => inData.teaches(set as never, one)).length;
  assert.deepEqual([taught, new Set(Array.from(split.trained, questionOf)).size], [30, 30]);
});
