/** The file that keeps the scores of rows that a vector held out, and what rows are compared with. */
import { without } from '../../runtime/support/without.js';
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readAdapter, scalesHash } from '../../runtime/adapters/files.js';
import type { Precision } from '../../runtime/contract/recipeWords.js';
import type { ExampleList } from '../../runtime/data/exampleList.js';
import type { Example } from '../../runtime/data/examples.js';
import { calibrationOf } from '../../runtime/recipes/protection/calibration.js';
import { readCalibration, writeCalibration } from '../../runtime/recipes/vectorFiles/calibrationFile.js';
import { promptName, questionOf } from '../../runtime/data/askedBy.js';
import { readTrained, writeTrained } from '../../runtime/recipes/vectorFiles/trainedFile.js';
import { sha256File } from '../../runtime/support/files.js';
import { example } from '../support/example.js';
import { REFERENCES } from '../support/reference.js';
import { scored } from '../support/scores.js';

let folder: string;
let vector: string;
const CALIBRATION = {
  ordinary: [0, 1, 2, 3].map((value) => ({
    ...scored(value / 10, value),
    kl: value,
    choice: value / 2,
    probe: value / 4 - 1,
  })),
  ordinaryPrompts: 4,
  ordinaryNames: [],
  harmful: [{ share: 0.9, span: 12, spanShare: 0.95, kl: 13.5, choice: 9, probe: 0.75 }],
  probe: { weights: Float32Array.of(0.5, -0.25), bias: 0.125 },
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

test('what a vector was trained on is kept, every question of it', async () => {
  const run = join(folder, 'trained');
  await mkdir(run, { recursive: true });
  const row = { ...example(0, 'last'), earlier: [{ name: promptName('first'), answer: 'so.' }] };
  await writeTrained(run, [[row]], new Set(['before']));
  assert.deepEqual(await readTrained(run), new Set(['before', promptName('first'), promptName('last')]));
  await writeFile(join(run, 'trained.json'), '{"version":3,"trained":["x"]}');
  await assert.rejects(readTrained(run), { message: /does not say what a vector was trained on/ });
});

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
  const whole = JSON.parse(await readFile(place, 'utf8')) as { probe: object };
  for (const damaged of [
    JSON.stringify({ ...whole, probe: { ...whole.probe, ordinary: [1] } }),
    '{"version":1}',
    '{"version":1,"adapter":"f00","scales":"f00","ordinary":[[1]],"harmful":[]}',
  ]) {
    await writeFile(place, damaged);
    await assert.rejects(read(), { place, message: /not a vector's calibration/ });
  }
  await writeFile(place, '{"version":1,"adapter":');
  await assert.rejects(read(), (error: { place?: string }) => error.place?.startsWith(place) === true);
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
    { ...without(CALIBRATION, 'probe'), ordinary, ordinaryPrompts: 30, harmful },
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
  const [[message, place, remedy], ...others] = (await warned((i) => (i < 7 ? scored(0, 0) : scored(0.9, 15)))) as [
    string[],
  ];
  assert.deepEqual(others, []);
  assert.match(message!, /^compared with these ordinary rows, "hidden" finds 0\s% of the 8 harmful rows .*, and 100\s% compared with those alone that it held out:/); // oxfmt-ignore
  assert.equal(place, 'ordinary');
  assert.equal(remedy, 'Look for harmful rows among the named ordinary ones, lines 8, 9, 10 first, and take them out.');
  const [[, , ofOne]] = (await warned((i) => (i === 4 ? scored(0.9, 25) : scored(0, 0)))) as [string[]];
  assert.equal(ofOne, 'Look for harmful rows among the named ordinary ones, line 5 first, and take them out.');
});
