/** A further judge of a sweep judges all of its points, and the table follows; so it does when one point is judged. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { isLeftOpen } from '../../runtime/contract/measures.js';
import type { JudgeChoice } from '../../runtime/contract/recipeJudges.js';
import type { SweepFile, SweepPoint } from '../../runtime/contract/sweep.js';
import { claim } from '../../runtime/runs/owner.js';
import { Cancelled } from '../../runtime/support/errors.js';
import { judgeServer, type JudgeServer } from '../support/judgeServer.js';
import { manifestOf, samplesOf, writeKeptRun } from '../support/keptRun.js';
import { silent } from '../support/silent.js';

const ROWS = 24;
const OF = 2 * ROWS;

let root: string;
let sweep: string;
let server: JudgeServer;
let made = 0;
const point = (seed: number): string => join(sweep, 'points', `seed-${seed}`);
const table = async (): Promise<SweepFile> =>
  JSON.parse(await readFile(join(sweep, 'sweep.json'), 'utf8')) as SweepFile;
const pointEvents = async (): Promise<SweepPoint[]> =>
  (await readFile(join(sweep, 'events.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent)
    .flatMap((event) => (event.kind === 'point' && event.judged ? [event] : []));
const harm = ({ measurements }: Pick<SweepPoint, 'measurements'>): [string, string, number][] =>
  measurements
    .filter((m) => m.measure === 'harm' && !isLeftOpen(m))
    .map(({ state, judge, value }) => [state, judge, value]);
const local = (): JudgeChoice => ({ endpoint: server.address, model: 'local', concurrency: 2, timeoutSeconds: 60 });

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'judge-sweep-'));
  server = await judgeServer(() => 'COMPLIED');
});
after(async () => {
  await server.close();
  await rm(root, { recursive: true });
});
beforeEach(async () => {
  sweep = join(root, String(made++));
  server.asked.length = 0;
  // The base's answers are the same in all points, those of what is delivered are not.
  server.says = ({ answer }) => (answer.includes('base') ? 'REFUSED' : 'COMPLIED');
  const points: SweepPoint[] = [];
  for (const seed of [1, 2]) {
    await writeKeptRun(point(seed), ROWS, {
      recipe: { kind: 'finetune', data: { file: 'd.jsonl' }, heldOut: 0, steps: 1 },
      manifest: { point: { values: { seed }, depends: String(seed) } },
      states: ['base', 'plain'],
      answers: (state, row) => `Sorry, I cannot: ${state}${state === 'base' ? '' : seed} ${row}.`,
    });
    const { done } = await manifestOf(point(seed));
    points.push({ values: { seed }, folder: `points/seed-${seed}`, verdict: 'unprotected', headline: 'h', measurements: done!.measurements, seconds: 7 }); // oxfmt-ignore
  }
  const error = { kind: 'input', message: 'no such file.' } as const;
  points.push({ values: { seed: 3 }, folder: 'points/seed-3', verdict: 'failed', headline: 'no', measurements: [], seconds: 1, error }); // oxfmt-ignore
  const file: SweepFile = { version: 1, over: { seed: [1, 2, 3, 4] }, of: 4, points };
  await writeFile(join(sweep, 'sweep.json'), JSON.stringify(file));
  await writeFile(join(sweep, 'events.jsonl'), '{"kind":"state","state":"preparing","message":"é"}\n{"kind":"sta');
  const manifest = { version: 1, kind: 'sweep', name: 's', outcome: 'stopped', started: '2026-01-01T00:00:00Z', device: 'cpu', model: { path: 'm', architecture: 'a', sha256: 'x' }, data: [], vectors: [] }; // oxfmt-ignore
  await writeFile(join(sweep, 'manifest.json'), JSON.stringify(manifest));
});

describe('the folder of a sweep', () => {
  test('has all points judged that are done, and its table and report written anew', async () => {
    const messages: string[] = [];
    const onEvent = (event: RunEvent): void => void (event.kind === 'state' && messages.push(event.message));
    const result = await calls.judge({ run: sweep, judges: [local()] }, { ...silent, onEvent });
    const wanted = [['base', 'refusal-phrases', 0], ['plain', 'refusal-phrases', 0], ['base', 'local', 0], ['plain', 'local', 1]]; // oxfmt-ignore
    const { points, of } = await table();
    assert.equal(of, 4);
    for (const seed of [1, 2]) {
      const { folder, seconds, measurements, headline } = points[seed - 1]!;
      assert.deepEqual([folder, seconds], [`points/seed-${seed}`, 1]);
      assert.notEqual(headline, 'h');
      assert.deepEqual(harm({ measurements }), wanted);
      assert.ok((await samplesOf(point(seed))).every(({ verdicts }) => verdicts?.local !== undefined));
    }
    assert.equal(points[2]!.verdict, 'failed');
    assert.match(await readFile(join(sweep, 'report.html'), 'utf8'), /local/);
    assert.deepEqual(
      (await pointEvents()).map(({ values, folder }) => [values, folder]),
      [1, 2].map((seed) => [{ seed }, point(seed)]),
    );
    assert.deepEqual(result.points!.map(harm), [wanted, wanted]);
    assert.ok(messages.some((message) => message.startsWith('point 2 of 2 (seed 2): local: plain, topic')), messages[0]); // oxfmt-ignore
    // What the base said is asked about once.
    assert.equal(server.asked.length, ROWS + 2 * ROWS);
    assert.equal(result.judges[0]!.usage!.requests, 3 * ROWS);
    assert.equal((await manifestOf(point(2))).judges![0]!.usage!.requests, ROWS);

    await calls.judge({ run: sweep, judges: [local()] }, silent);
    assert.equal(server.asked.length, 3 * ROWS, 'all of it is known');
  });

  test('has no line any more of a point whose run was deleted, as it is not done', async () => {
    await rm(point(1), { recursive: true });
    const result = await calls.judge({ run: sweep, judges: [local()] }, silent);
    assert.deepEqual(result.points!.map(({ values }) => values), [{ seed: 2 }]); // oxfmt-ignore
    assert.deepEqual((await table()).points.map(({ folder }) => folder), ['points/seed-2', 'points/seed-3']); // oxfmt-ignore
    assert.match(await readFile(join(sweep, 'report.html'), 'utf8'), /1 of 4 points are done, and 1 failed/);

    await rm(point(2), { recursive: true });
    await assert.rejects(calls.judge({ run: sweep }, silent), /no point of this sweep is done/);
  });

  test('has what a killed process left of its own files, and of those of its points, removed', async () => {
    const left = [sweep, point(1)].map((folder) => join(folder, 'report.html.00000001.part'));
    for (const file of left) await writeFile(file, 'half');
    await calls.judge({ run: sweep }, silent);
    assert.deepEqual(
      left.filter((file) => existsSync(file)),
      [],
    );
  });

  test('stopped, keeps what was judged, in the table, too', async () => {
    const stop = new AbortController();
    server.says = (_, n) => (n === OF + 10 && stop.abort(), 'COMPLIED');
    await assert.rejects(calls.judge({ run: sweep, judges: [local()] }, { ...silent, signal: stop.signal }), Cancelled);
    const { points } = await table();
    assert.equal(harm(points[0]!).length, 4);
    // The base of the second point is known from the first one, and ten more answers.
    const said = (await samplesOf(point(2))).filter(({ verdicts }) => verdicts?.local !== undefined).length;
    assert.ok(said > ROWS && said <= ROWS + 10, String(said));
    server.asked.length = 0;
    await calls.judge({ run: sweep, judges: [local()] }, silent);
    assert.equal(server.asked.length, OF - said);
    assert.equal(harm((await table()).points[1]!).length, 4);
  });

  test('says once of a judge that stopped how many answers of all points stay open, and why', async () => {
    server.says = (_, n) => (n <= ROWS ? 'REFUSED' : { status: 401 });
    const warnings: string[] = [];
    const onEvent = (event: RunEvent): void => void (event.kind === 'warning' && warnings.push(event.message));
    await calls.judge({ run: sweep, judges: [local()] }, { ...silent, onEvent });
    // The base's answers were judged, once for both points.
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      new RegExp(`^local has left ${2 * ROWS} of ${2 * OF} answers of this sweep open: .*401`),
    );
    const { points } = await table();
    assert.deepEqual([0, 1].map((i) => harm(points[i]!).map(([state, judge]) => [state, judge]).at(-1)), [1, 2].map(() => ['base', 'local'])); // oxfmt-ignore
  });

  test('tells the editor how many answers all points have', async () => {
    const told = new Set<number>();
    const askEditor = async ({ most }: { most: number }) => {
      told.add(most);
      return { text: 'REFUSED', model: 'stub/one', inputTokens: 1, outputTokens: 1 };
    };
    await calls.judge({ run: sweep, judges: [{ vscode: true }] }, { ...silent, askEditor });
    assert.deepEqual([...told], [2 * OF]);
  });

  test('is refused where no point can be judged, or an answer is to be labelled', async () => {
    const labels = [{ state: 'plain', set: 'topic', row: 0, prompt: 'How?', answer: 'No.', label: 'refused' as const }];
    await assert.rejects(calls.judge({ run: sweep, labels }, silent), /labelled in its point/);
    const out = join(root, 'labelled.jsonl');
    await assert.rejects(calls.judge({ run: sweep, judges: [local()], export: out }, silent), /has a label/);
    assert.equal(server.asked.length, 0, 'before a judge is asked');
    for (const seed of [1, 2]) await rm(join(point(seed), 'answers.jsonl'));
    await assert.rejects(calls.judge({ run: sweep, judges: [local()] }, silent), /no answers of this run were kept/);
    await rm(join(sweep, 'points'), { recursive: true });
    await assert.rejects(calls.judge({ run: sweep, judges: [local()] }, silent), /no point of this sweep is done/);
  });
});

describe('a table that names folders elsewhere', () => {
  let foreign: string;
  const name = async (folder: string): Promise<void> => {
    const { points, ...others } = await table();
    const [first, ...rest] = points;
    await writeFile(join(sweep, 'sweep.json'), JSON.stringify({ ...others, points: [{ ...first, folder }, ...rest] }));
  };

  beforeEach(async () => {
    foreign = join(root, `foreign-${made}`);
    await writeKeptRun(foreign, ROWS, {
      recipe: { kind: 'finetune', data: { file: 'd.jsonl' }, heldOut: 0, steps: 1 },
      states: ['plain'],
    });
  });

  test('has nothing judged, there or in the sweep', async () => {
    const kept = await readFile(join(foreign, 'answers.jsonl'), 'utf8');
    const ways = [foreign, `../foreign-${made}`, `points/../../foreign-${made}`, 'points/..', 'points', '.', '', 7];
    for (const way of ways) {
      await name(way as string);
      await assert.rejects(calls.judge({ run: sweep, judges: [local()] }, silent), {
        message: `the table of the sweep names a folder that is none of its points: ${JSON.stringify(way)}.`,
        place: `${join(sweep, 'sweep.json')}: points.0.folder`,
        remedy: 'Resume the sweep: it writes its table anew.',
      });
    }
    assert.equal(server.asked.length, 0);
    assert.equal(await readFile(join(foreign, 'answers.jsonl'), 'utf8'), kept);
  });

  test('is told when one point alone was judged', async () => {
    await name(foreign);
    const warnings: string[] = [];
    const onEvent = (event: RunEvent): void => void (event.kind === 'warning' && warnings.push(event.message));
    await calls.judge({ run: point(2), judges: [local()] }, { ...silent, onEvent });
    assert.match(warnings.join('\n'), /the table of the sweep was not rewritten: .* none of its points/);
    assert.equal(harm((await manifestOf(point(2))).done!).length, 4);
  });
});

test('a damaged table is named, and what mends it', async () => {
  const { points, ...others } = await table();
  const [first, ...rest] = points;
  const [measurement] = first.measurements;
  const ways: [at: string, file: object][] = [
    ...[undefined, null, 7, 'points', {}].map((wrong): [string, object] => ['points', { ...others, points: wrong }]),
    ...[null, 7, []].map((wrong): [string, object] => ['points.2', { ...others, points: [first, rest[0], wrong] }]),
    ['points.0.values', { ...others, points: [{ ...first, values: null }] }],
    ['points.0.measurements', { ...others, points: [{ ...first, measurements: {} }] }],
    ['points.0.measurements.0.measure', { ...others, points: [{ ...first, measurements: [{ ...measurement, measure: 'length' }] }] }], // oxfmt-ignore
    ['over', { ...others, over: { seed: 7 }, points }],
    ['version', { ...others, version: 2, points }],
  ];
  for (const [at, file] of ways) {
    await writeFile(join(sweep, 'sweep.json'), JSON.stringify(file));
    await assert.rejects(calls.judge({ run: sweep, judges: [local()] }, silent), {
      name: 'HumanError',
      message: 'the table of the sweep is damaged, or of another version.',
      place: `${join(sweep, 'sweep.json')}: ${at}`,
      remedy: 'Resume the sweep: it writes its table anew.',
    });
  }
  assert.equal(server.asked.length, 0);
});

describe('one point of a sweep', () => {
  test('has its line of the table written anew, and no other', async () => {
    await calls.judge({ run: point(2), judges: [local()] }, silent);
    const { points } = await table();
    assert.deepEqual([points[0]!.headline, harm(points[0]!).length], ['h', 2]);
    assert.deepEqual(harm(points[1]!).at(-1), ['plain', 'local', 1]);
    assert.deepEqual((await pointEvents()).map(({ folder }) => folder), [point(2)]); // oxfmt-ignore
  });

  test('in a sweep that another process works in, is judged, and says what is not written', async () => {
    const release = await claim(sweep);
    const warnings: string[] = [];
    const onEvent = (event: RunEvent): void => void (event.kind === 'warning' && warnings.push(event.message));
    await calls.judge({ run: point(2), judges: [local()] }, { ...silent, onEvent });
    await release();
    assert.match(warnings.join('\n'), /the table of the sweep was not rewritten/);
    assert.equal(harm((await table()).points[1]!).length, 2);
    assert.equal(harm((await manifestOf(point(2))).done!).length, 4);
  });

  test('judged at once with another one, loses no line', async () => {
    await Promise.all([1, 2].map((seed) => calls.judge({ run: point(seed), judges: [local()] }, silent)));
    assert.deepEqual((await table()).points.map((one) => harm(one).length), [4, 4, 0]); // oxfmt-ignore
  });
});
