/** Rows that a vector is not trained on, and the file that keeps their scores. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readAdapter, scalesHash } from '../../runtime/adapters/files.js';
import type { Precision } from '../../runtime/contract/recipeWords.js';
import type { ExampleList } from '../../runtime/data/exampleList.js';
import type { Example } from '../../runtime/data/examples.js';
import { calibrationOf } from '../../runtime/recipes/calibration.js';
import { readCalibration, writeCalibration } from '../../runtime/recipes/calibrationFile.js';
import { promptName, questionOf } from '../../runtime/data/askedBy.js';
import { harmfulRows } from '../../runtime/recipes/harmfulLoss.js';
import { holdOut, holdOutOfBoth } from '../../runtime/recipes/heldOut.js';
import { readTrained, writeTrained } from '../../runtime/recipes/trainedFile.js';
import { sha256File } from '../../runtime/support/files.js';
import { REFERENCES } from '../support/reference.js';
import { scored } from '../support/scores.js';

const example = (row: number, promptText: string, ids = [1]): Example => ({
  ...{ row, line: row + 1, ids, labels: ids, promptIds: [], promptText, answer: 'a' },
});
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
  assert.deepEqual(holdOut(rows, 0.2, '1', seen(97)), { trained: rows, held: [] });
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

test('what a vector was trained on is kept, every question of it', async () => {
  const run = join(folder, 'trained');
  await mkdir(run, { recursive: true });
  const row = { ...example(0, 'last'), earlier: [answered('first')] };
  await writeTrained(run, [[row]], new Set(['before']));
  assert.deepEqual(await readTrained(run), new Set(['before', promptName('first'), promptName('last')]));
  await writeFile(join(run, 'trained.json'), '{"version":3,"trained":["x"]}');
  await assert.rejects(readTrained(run), { message: /does not say what a vector was trained on/ });
});

let folder: string;
let vector: string;
const CALIBRATION = {
  ordinary: [0, 1, 2, 3].map((value) => ({ ...scored(value / 10, value), kl: value, choice: value / 2 })),
  ordinaryPrompts: 4,
  ordinaryNames: [],
  harmful: [{ share: 0.9, span: 12, spanShare: 0.95, kl: 13.5, choice: 9 }],
};
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'calibration-'));
  vector = join(folder, 'v');
  await cp(join(REFERENCES, 'llama/adapters/security'), join(vector, 'adapter'), { recursive: true });
  const adapter = await sha256File(join(vector, 'adapter/adapter_model.safetensors'));
  await writeCalibration(vector, CALIBRATION, { adapter, scales: scalesHash(await readAdapter(vector)), precision });
});
after(() => rm(folder, { recursive: true }));
const warn = (message: string) => assert.fail(message);
const none = () => Promise.resolve([]);
const precision: Precision = 'float32';

test('a calibration is read as it was written, and belongs to its vector alone', async () => {
  const { ordinaryNames: _, ...found } = CALIBRATION;
  assert.deepEqual(
    await calibrationOf([{ path: vector, scale: 1 }], { score: none, warn, precision, scanned: [] }),
    found,
  );
  const adapter = { path: join(vector, 'adapter'), scale: 1 };
  assert.deepEqual(
    await calibrationOf([adapter], { score: none, warn, precision, scanned: [] }),
    found,
    'named by adapter/ in its run',
  );
  assert.equal(
    await calibrationOf([{ path: vector, scale: 0.5 }], { score: none, warn, precision, scanned: [] }),
    undefined,
  );
  const two = [1, 1].map((scale) => ({ path: vector, scale }));
  assert.equal(await calibrationOf(two, { score: none, warn, precision, scanned: [] }), undefined);
  assert.equal(await readCalibration(folder), undefined);
});

test('ordinary rows of one prompt count as one', async () => {
  const kept = join(folder, 'kept');
  await cp(vector, kept, { recursive: true });
  const { adapter, scales } = (await readCalibration(vector))!;
  await writeCalibration(kept, { ...CALIBRATION, ordinaryPrompts: 2 }, { adapter, scales, precision });
  const prompts = async (path: string, ordinary?: ExampleList) =>
    (
      await calibrationOf([{ path, scale: 1 }], {
        ordinary,
        score: (rows) => Promise.resolve(Array.from(rows, () => scored(0, 0))),
        ...{ warn, precision, scanned: [] },
      })
    )?.ordinaryPrompts;
  const further = [example(0, 'p'), example(1, 'p'), example(2, 'q')];
  assert.deepEqual([await prompts(kept), await prompts(kept, further)], [2, 4]);
});

test('a calibration belongs to the scale that the config gives the weights', async () => {
  const scaled = join(folder, 'scaled');
  await cp(vector, scaled, { recursive: true });
  const [config, place] = [join(scaled, 'adapter/adapter_config.json'), join(scaled, 'calibration.json')];
  const settings = JSON.parse(await readFile(config, 'utf8')) as { lora_alpha: number };
  await writeFile(config, JSON.stringify({ ...settings, lora_alpha: -2 * settings.lora_alpha }));
  const read = () => calibrationOf([{ path: scaled, scale: 1 }], { score: none, warn, precision, scanned: [] });
  await assert.rejects(read(), { name: 'HumanError', place, message: /these weights at another scale/ });
  const { scales } = JSON.parse(await readFile(place, 'utf8')) as { scales: string };
  assert.match(scales, /^[0-9a-f]{64}$/);
});

test('a calibration of weights that were held otherwise says so, and further ordinary rows are compared with alone', async () => {
  const run = join(folder, 'in4bits');
  const put = (name: string, change: object) =>
    writeFile(join(run, name), JSON.stringify({ ...(JSON.parse(kept) as object), ...change }));
  await cp(vector, run, { recursive: true });
  const kept = await readFile(join(run, 'calibration.json'), 'utf8');
  const of = async (precision: Precision, ordinary?: Example[]) => {
    const warnings: string[] = [];
    const found = await calibrationOf([{ path: join(run, 'adapter'), scale: 1 }], {
      ...{ ordinary, precision, scanned: [] },
      score: (rows) => Promise.resolve(Array.from(rows, () => scored(0, 0))),
      warn: (...words) => warnings.push(words.join(' ')),
    });
    return [found?.ordinary.length, found?.harmful.length, warnings.length, ...warnings];
  };
  const rows = Array.from({ length: 5 }, (_, i) => example(i, `p ${i}`));
  await put('calibration.json', { precision: 'int4' });
  assert.deepEqual(await of('int4'), [4, 1, 0]);
  assert.deepEqual(await of('int4', rows), [9, 1, 0]);
  const [ordinary, harmful, count, warning] = await of('float32');
  assert.deepEqual([ordinary, harmful, count], [4, 1, 1]);
  assert.match(
    String(warning),
    /"in4bits" was calibrated with weights in int4.* in float32: .* .*in4bits.adapter Name ordinary rows \(--ordinary.*--precision int4/,
  );
  const named = await of('float32', rows);
  assert.deepEqual(named.slice(0, 3), [5, 1, 1]);
  assert.match(
    String(named[3]),
    /the named ordinary ones alone, and other harmful rows may be found\. .*Hold the weights in int4/,
  );
});

test('further ordinary rows count, too; too few of them do not', async () => {
  const ordinary = [example(0, 'p')];
  const more = (count: number) => ({
    ordinary,
    score: () => Promise.resolve(Array.from({ length: count }, () => scored(0, 0))),
    ...{ warn, precision, scanned: [] },
  });
  const both = await calibrationOf([{ path: vector, scale: 1 }], more(1));
  assert.deepEqual([both?.ordinary.length, both?.harmful.length], [5, 1]);
  const scaled = [{ path: vector, scale: 2 }];
  assert.equal((await calibrationOf(scaled, more(4)))?.ordinary.length, 4);
  assert.equal(await calibrationOf(scaled, more(3)), undefined);
});

test('a calibration of other weights, or a damaged one, is an error with its place', async () => {
  const other = join(folder, 'other');
  await mkdir(join(other, 'adapter'), { recursive: true });
  await writeFile(join(other, 'adapter/adapter_model.safetensors'), 'others');
  await writeCalibration(other, CALIBRATION, { adapter: 'f00', scales: 'f00', precision });
  const place = join(other, 'calibration.json');
  const read = () => calibrationOf([{ path: other, scale: 1 }], { score: none, warn, precision, scanned: [] });
  await assert.rejects(read(), { name: 'HumanError', place, message: /other weights/ });
  for (const damaged of [
    '{"version":1}',
    '{"version":1,"adapter":"f00","scales":"f00","ordinary":[[1]],"harmful":[]}',
  ]) {
    await writeFile(place, damaged);
    await assert.rejects(read(), { place, message: /not a vector's calibration/ });
  }
  await writeFile(place, '{"version":1,"adapter":');
  await assert.rejects(read(), (error: { place?: string }) => error.place?.startsWith(place) === true);
});

test('harmful rows that one vector held out and another was trained on show nothing that is unseen', async () => {
  const asked = (from: number, count: number): Example[] =>
    Array.from({ length: count }, (_, i) => example(i, `question ${from + i}`));
  const job = { recipe: { protection: true, batch: { rows: 8 }, probes: {} } } as Parameters<typeof harmfulRows>[0];
  const of = async (...vectors: { trained: Example[]; unseen: Example[]; benign?: Example[] }[]) => {
    const trainedOn = new Set(vectors.flatMap(({ trained }) => trained).map(questionOf));
    const names = vectors.map(({ trained, benign = [] }) => new Set([...trained, ...benign].map(questionOf)));
    const rows = vectors.map((one) => ({ ...one, held: [], ordinary: [] }));
    const { judged, probes } = await harmfulRows(job, rows, names);
    const prompts = [...judged.examples, ...probes.examples].filter((row) => trainedOn.has(questionOf(row)));
    return [judged.parts!.map(({ rows: kind, count }) => [kind, count]), prompts.length];
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

test('ordinary rows that the vector was trained on are not compared with, and those that it held out count once', async () => {
  const run = join(folder, 'seen');
  await cp(vector, run, { recursive: true });
  const { adapter, scales } = (await readCalibration(vector))!;
  const kept = [example(0, 'held 0'), example(1, 'held 1')];
  const ordinaryNames = kept.map(questionOf);
  await writeCalibration(run, { ...CALIBRATION, ordinaryPrompts: 2, ordinaryNames }, { adapter, scales, precision });
  await writeTrained(run, [[example(0, 'trained 0'), example(1, 'trained 1')]], new Set());
  const warnings: string[] = [];
  const ordinary = [
    ...kept,
    ...['trained 0', 'trained 1', 'trained 1', 'other 0', 'other 1'].map((p, i) => example(i, p)),
  ];
  const of = async (scale: number) => {
    const asked: string[] = [];
    const found = await calibrationOf([{ path: run, scale }], {
      ordinary,
      score: async (rows) => Array.from(rows, ({ promptText }) => (asked.push(promptText), scored(0, 0))),
      warn: (message) => warnings.push(message),
      precision,
      scanned: [],
    });
    return [found?.ordinary.length, found?.ordinaryPrompts, asked];
  };
  assert.deepEqual(await of(1), [6, 4, ['other 0', 'other 1']]);
  // At another scale what it held out is compared with as these rows alone.
  assert.deepEqual(await of(2), [4, 4, ['held 0', 'held 1', 'other 0', 'other 1']]);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0]!, /^3 of the 7 ordinary rows have prompts that "seen" was trained on/);
});

test('rows that are labelled as harmful are no ordinary rows', async () => {
  const warnings: string[] = [];
  const ordinary = [0, 1, 2, 3, 4, 5].map((i) => ({
    ...example(i, `p ${i}`),
    ...(i % 3 === 0 ? { label: 'harmful' as const } : i % 3 === 1 ? { label: 'benign' as const } : {}),
  }));
  const found = await calibrationOf([{ path: vector, scale: 2 }], {
    ordinary,
    score: async (rows) => Array.from(rows, () => scored(0, 0)),
    warn: (message) => warnings.push(message),
    precision,
    scanned: [],
  });
  assert.equal(found?.ordinary.length, 4);
  assert.deepEqual(warnings, ['2 of the 6 ordinary rows have the label "harmful": such rows are not compared with.']);
});

test('a file that is compared with most of its own rows is warned of', async () => {
  const warnings: string[] = [];
  const rows = Array.from({ length: 8 }, (_, i) => example(i, `p ${i}`, [i]));
  const of = async (count: number) => {
    warnings.length = 0;
    const found = await calibrationOf([{ path: vector, scale: 2 }], {
      ordinary: rows.slice(0, count),
      score: async (some) => Array.from(some, () => scored(0, 0)),
      warn: (message) => warnings.push(message),
      ...{ precision, scanned: rows },
    });
    return [found?.ordinary.length, ...warnings];
  };
  assert.deepEqual(await of(4), [4], 'rows that were found fine');
  const same = '5 of the 8 rows that are scanned are among the ordinary rows: they are compared with themselves, and do not look harmful.'; // oxfmt-ignore
  assert.deepEqual(await of(5), [5, same]);
});

test('ordinary rows among which some are harmful hide the harmful ones, which is said', async () => {
  const harmful = Array.from({ length: 8 }, (_, i) => ({
    ...scored(0.9, 12 + i),
    spanShare: 0.95,
    kl: 13.5,
    choice: 9,
  }));
  const run = join(folder, 'hidden');
  await cp(vector, run, { recursive: true });
  const { adapter, scales } = (await readCalibration(vector))!;
  const ordinary = Array.from({ length: 30 }, (_, i) => ({ ...scored(i / 300, i / 100), kl: 0.1, choice: 0 }));
  await writeCalibration(
    run,
    { ...CALIBRATION, ordinary, ordinaryPrompts: 30, harmful },
    { adapter, scales, precision },
  );
  const warned = async (score: (row: number) => ReturnType<typeof scored>): Promise<string[][]> => {
    const all: string[][] = [];
    await calibrationOf([{ path: run, scale: 1 }], {
      ordinary: Array.from({ length: 12 }, (_, i) => example(i, `named ${i}`)),
      score: async (rows) => Array.from(rows, (_, i) => score(i)),
      warn: (...of) => all.push(of.map(String)),
      precision,
      scanned: [],
    });
    return all;
  };
  assert.deepEqual(await warned(() => scored(0, 0)), []);
  const [[message, place, remedy], ...others] = (await warned((i) => (i < 6 ? scored(0, 0) : scored(0.9, 15)))) as [
    string[],
  ];
  assert.deepEqual(others, []);
  assert.match(message!, /^compared with these ordinary rows, "hidden" finds 0\s% of the 8 harmful rows .*, and 100\s% compared with those alone that it held out:/); // oxfmt-ignore
  assert.equal(place, 'ordinary');
  assert.match(remedy!, /^Look for harmful rows among the named ordinary ones/);
});
