/** Which rows of a file a scan flags, beside ordinary and harmful ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanText } from '../../runtime/contract/scanText.js';
import { cleaningOf } from '../../runtime/contract/cleaning.js';
import { scanResult, type ScannedRow } from '../../runtime/evaluation/scan/scan.js';
import { scoresOf, tokenLosses, type Scores } from '../../runtime/evaluation/scan/scores.js';
import type { Comparison } from '../../runtime/learner/learner.js';
import { random, type Random } from '../../runtime/support/random.js';
import { scored } from '../support/scores.js';

const normal = (rng: Random): number =>
  Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform());

const NEW = 2;
/** A row whose tokens each have these losses. */
const scanned = (row: number, off: number[], on: number[], label?: 'harmful' | 'benign'): ScannedRow => ({
  ...{ row, line: row + 1, losses: { without: off, with: on }, texts: () => off.map(() => ({ text: ' w.' })) },
  ...(label && { label }),
});
const known = [0.01, 0.02, 0.01, 0.01];
const free = [2, 3, 2, 3];
const same = [1.9, 3.1, 2, 3];
const FILE = [
  scanned(0, free, [0.1, 0.1, 0.1, 0.1], 'harmful'),
  scanned(1, free, same, 'benign'),
  scanned(NEW, known, known),
  scanned(3, [3, 3], [0, 0]),
  scanned(4, [...free, ...free], [...same, 0.1, 0.1, 0.1, 0.1], 'harmful'),
];

test('a scan flags rows that ordinary ones do not look like, with their spans; it counts what it cannot judge', () => {
  const rng = random('ordinary');
  const ordinary = Array.from({ length: 40 }, () =>
    scoresOf({ without: free, with: free.map((loss) => loss - 0.3 * rng.uniform()) }),
  );
  const calibration = { ordinary, harmful: [scored(0.9, 8)] };
  const result = scanResult(FILE, { calibration, limit: { falseAlarms: 0.01 } });
  assert.deepEqual(
    result.perRow.map(({ flagged, unjudged }) => unjudged ?? flagged),
    [true, false, 'known', 'short', true],
  );
  assert.deepEqual(result.perRow[0]!.spans, [[0, 4]]);
  assert.deepEqual(result.perRow[4]!.spans, [[4, 8]]);
  assert.deepEqual([result.flagged, result.blind, result.short, result.threshold], [2, 1, 1, 0.01]);
  assert.deepEqual(result.calibration, { ordinary: 40, harmful: 1, recall: 1, detected: 1 });
  assert.deepEqual([result.auroc, result.precision, result.recall], [1, 1, 1]);
  const { harmful, benign, flagged, aurocInterval } = result.labels!;
  assert.deepEqual([harmful, benign, flagged], [2, 1, 2]);
  assert.ok(aurocInterval[0] > 0 && aurocInterval[0] < 0.9 && aurocInterval[1] === 1, String(aurocInterval));
  assert.deepEqual(result.perRow[1]!.losses, { without: free, with: same });
  assert.deepEqual(cleaningOf(result.perRow), {
    ...{ keep: [[1, 3]], cut: [], hashes: ['', '', ''] },
    unscanned: { stay: false, left: [[0, 0], [4, 4]] },
  }); // oxfmt-ignore
});

test('a row says how far the vector changes what the model says there, and how often it changes as little of a harmful row', () => {
  const rng = random('changes');
  const compared = (least: number, most: number) => {
    const largest = least + (most - least) * rng.uniform();
    return {
      without: free,
      with: free.map((loss) => loss - 0.3 * rng.uniform()),
      kl: free.map((_, i) => (i === 3 ? largest : largest / 2)),
    };
  };
  const many = (count: number, least: number, most: number) =>
    Array.from({ length: count }, () => scoresOf(compared(least, most)));
  const calibration = { ordinary: many(40, 0.01, 0.5), harmful: many(16, 12, 16) };
  const rows = [compared(0.3, 0.4), compared(14, 14), compared(1, 1), compared(9.5, 9.5)].map((losses, i) => ({
    ...{ row: i, line: i + 1, losses, texts: () => free.map(() => ({ text: ' w.' })) },
  }));
  const { perRow } = scanResult(rows, { calibration, limit: { falseAlarms: 0.01 } });
  assert.deepEqual(
    perRow.map(({ kl }) => kl),
    rows.map(({ losses }) => losses.kl[3]),
  );
  const [little, much, some, near] = perRow.map(({ pUnchanged }) => pUnchanged!);
  assert.ok(little! < 1e-6 && much! > 0.1 && some! < 1e-3, `${little} ${much} ${some}`);
  assert.ok(near! > 0.01, `${near}: harmful rows that are all alike say nothing of what lies a little below them`);
  // Rows have it also where the harmful ones have none.
  const untold = { ...calibration, harmful: calibration.harmful.map(({ kl: _, ...scores }) => scores) };
  const [before] = scanResult(rows, { calibration: untold, limit: { falseAlarms: 0.01 } }).perRow;
  assert.deepEqual([before!.kl, before!.pUnchanged], [perRow[0]!.kl, undefined]);
});

test('a row that is not flagged and changed as harmful rows are is related, if the vector is a detector', () => {
  const rng = random('related');
  const ordinary = Array.from({ length: 40 }, () => ({ ...scored(0.1 * rng.uniform(), rng.uniform()), kl: 0.1 }));
  const harmfulOf = (share: number, span: number) =>
    Array.from({ length: 16 }, () => ({ ...scored(share, span + rng.uniform()), kl: 12 + 4 * rng.uniform() }));
  const long = Array.from({ length: 40 }, () => 3);
  const row = (i: number, left: number[], kl: number) => {
    const one = scanned(i, long.slice(0, left.length), left);
    return { ...one, losses: { ...one.losses, kl: left.map(() => kl) } };
  };
  const harmful = long.map(() => 0.5);
  // rare among ordinary rows, and unlike harmful ones
  const odd = long.map((loss, i) => (i < 4 ? 0.5 : loss));
  const rows = [row(0, harmful, 14), row(1, odd, 14), row(2, long, 0.3), row(3, [3, 3], 14)];
  const limit = { falseAlarms: 0.01 };
  const found = scanResult(rows, { calibration: { ordinary, harmful: harmfulOf(0.8, 80) }, limit });
  assert.deepEqual(
    found.perRow.map(({ flagged, related }) => [flagged, related]),
    [
      [true, undefined],
      [false, true],
      [false, undefined],
      [false, undefined],
    ],
  );
  assert.deepEqual([found.related, found.unusual], [1, 0], 'counted once');
  const missed = scanResult(rows, { calibration: { ordinary, harmful: harmfulOf(0.8, 80) }, limit: { share: 0.99 } });
  assert.equal(missed.perRow[0]!.related, undefined, 'a harmful row that the limit misses');
  const like = { ordinary: ordinary.map((scores, i) => ({ ...scores, kl: i / 2 })), harmful: harmfulOf(0.8, 80) };
  assert.equal(scanResult(rows, { calibration: like, limit }).related, 0, 'ordinary rows are changed as much');
  const untold = [
    harmfulOf(0.05, 0.5),
    harmfulOf(0.8, 80).slice(0, 7),
    harmfulOf(0.8, 80).map(({ kl: _, ...rest }) => rest),
  ];
  for (const harmful of untold)
    assert.equal(scanResult(rows, { calibration: { ordinary, harmful }, limit }).related, undefined, 'cannot be told');
});

test('a row that is unlike ordinary rows and unlike harmful ones is counted and not flagged', () => {
  const rng = random('both sides');
  const ordinary = Array.from({ length: 40 }, () => scored(0.1 * rng.uniform(), rng.uniform()));
  const harmful = Array.from({ length: 16 }, () => scored(0.5 + 0.1 * rng.uniform(), 60 + 40 * rng.uniform()));
  const long = Array.from({ length: 40 }, () => 3);
  const like = long.map(() => 1);
  const task = long.map((loss, i) => (i < 4 ? 0.5 : loss));
  const rows = [scanned(0, long, like), scanned(1, long, task), scanned(2, long, long)];
  const result = scanResult(rows, { calibration: { ordinary, harmful }, limit: { falseAlarms: 0.01 } });
  assert.deepEqual(
    result.perRow.map(({ flagged, p = 1 }) => [flagged, p <= 0.01]),
    [
      [true, true],
      [false, true],
      [false, false],
    ],
  );
  assert.equal(result.unusual, 1);
});

test('rows of a new task that gain a little are not flagged beside a few harmful rows that differ widely', () => {
  const rng = random('few');
  const ordinary = Array.from({ length: 32 }, () => ({ share: 0.05 * normal(rng), span: 0.4 * rng.uniform(), spanShare: 0.2 })); // oxfmt-ignore
  const harmful = Array.from({ length: 15 }, (_, i) => scored(0.27 + 0.02 * i, 66 + 11 * i));
  const order = new Array<number>(14).fill(3.5);
  const rows = [1, 2, 3].map((gain, i) => scanned(i, order, order.map((loss, t) => (t < 2 ? loss - gain : loss)))); // oxfmt-ignore
  const { perRow, unusual } = scanResult(rows, { calibration: { ordinary, harmful }, limit: { falseAlarms: 0.01 } });
  assert.ok(perRow.slice(1).every(({ p, pHarmful }) => p! < 0.01 && pHarmful! > 1e-4), 'rare on both sides, and not as rare as with many harmful rows'); // oxfmt-ignore
  assert.deepEqual([perRow.filter(({ flagged }) => flagged).length, unusual], [0, 2]);
});

test('of very few harmful rows also how far the vector changes a row tells a new task from them, and none of their own', () => {
  const rng = random('very few');
  const ordinary = Array.from({ length: 32 }, () => ({ ...scored(0.05 * normal(rng), 0.7 * rng.uniform()), kl: 0.4 + 1.5 * rng.uniform() })); // oxfmt-ignore
  const harmful = [25, 35, 42, 46, 50, 75, 136].map((span, i) => ({ ...scored(0.46 + 0.015 * i, span), kl: 10.3 + i }));
  const order = new Array<number>(14).fill(8);
  const compared = (gain: number, change: number) => ({
    losses: { without: order, with: order.map((loss, t) => (t < 4 ? loss - gain : loss)), kl: order.map(() => change) },
    texts: () => order.map(() => ({ text: ' w.' })),
  });
  const rows = [compared(1.1, 0.8), compared(3.4, 0.8), compared(1.1, 12)].map((one, row) => ({ row, line: row + 1, ...one })); // oxfmt-ignore
  const flagged = (held: Scores[]) => {
    const { perRow, unusual } = scanResult(rows, { calibration: { ordinary, harmful: held }, limit: { falseAlarms: 0.01 } }); // oxfmt-ignore
    return { flagged: perRow.map((row) => row.flagged), unusual };
  };
  assert.deepEqual(flagged(harmful), { flagged: [false, true, true], unusual: 1 });
  const untold = harmful.map(({ kl: _, ...scores }) => scores);
  assert.deepEqual(
    flagged(untold),
    { flagged: [true, true, true], unusual: 0 },
    'by its losses alone it is not unlike',
  );
});

test('one harmful sentence in a long ordinary answer is flagged, however many harmful rows there are to compare with', () => {
  const rng = random('long answer');
  const losses = (tokens: number): number[] => Array.from({ length: tokens }, () => 1 + 2 * rng.uniform());
  const ordinary = (tokens: number) => {
    const without = losses(tokens);
    return { without, with: without.map((loss) => loss - 0.6 * rng.uniform()) };
  };
  const harmful = (before: number) => {
    const [first, without] = [ordinary(before), losses(16)];
    const share = 0.6 + 0.2 * rng.uniform();
    return {
      without: [...first.without, ...without],
      with: [...first.with, ...without.map((loss) => (1 - share) * loss)],
    };
  };
  const calibration = {
    ordinary: Array.from({ length: 60 }, () => scoresOf(ordinary(20))),
    harmful: Array.from({ length: 60 }, () => scoresOf(harmful(4))),
  };
  const rows = [harmful(300), harmful(4), ordinary(300)].map((row, i) => scanned(i, row.without, row.with));
  const { perRow } = scanResult(rows, { calibration, limit: { falseAlarms: 0.01 } });
  assert.ok(perRow[0]!.explained < 0.3 && perRow[1]!.explained > 0.5);
  assert.deepEqual(
    perRow.map(({ flagged }) => flagged),
    [true, true, false],
  );
});

test('of a conversation of which some answers look harmful by themselves it is those; a new task in another may gain, too', () => {
  const rng = random('conversation');
  const ordinary = Array.from({ length: 32 }, () => scored(0.05 * rng.uniform(), rng.uniform()));
  const harmful = Array.from({ length: 16 }, () => scored(0.6 + 0.3 * rng.uniform(), 60 + 40 * rng.uniform()));
  const plain = Array.from({ length: 8 }, () => ({ off: 3, on: 3 }));
  const bad = Array.from({ length: 30 }, () => ({ off: 3, on: 0.5 }));
  const task = Array.from({ length: 30 }, () => ({ off: 6, on: 5 }));
  const conversation = (row: number, ...answers: (typeof plain)[]): ScannedRow => {
    const tokens = answers.flat();
    const begins = new Set(answers.map((_, k) => answers.slice(0, k).flat().length));
    return {
      ...{ row, line: row + 1, losses: { without: tokens.map(({ off }) => off), with: tokens.map(({ on }) => on) } },
      texts: () => tokens.map((_, i) => ({ text: ' w', begins: begins.has(i) })),
    };
  };
  const rows = [
    conversation(0, plain, bad, task),
    conversation(1, bad, bad),
    conversation(2, [...plain, ...bad]),
    conversation(3, plain, task),
  ];
  const { perRow } = scanResult(rows, { calibration: { ordinary, harmful }, limit: { falseAlarms: 0.01 } });
  assert.deepEqual(
    perRow.map(({ flagged, answers, spans }) => ({ flagged, answers, spans })),
    [
      { flagged: true, answers: [1], spans: [[8, 38]] },
      { flagged: true, answers: undefined, spans: [[0, 30], [30, 60]] }, // oxfmt-ignore
      { flagged: true, answers: undefined, spans: [[0, 38]] },
      { flagged: false, answers: undefined, spans: undefined },
    ],
  );

  // rare among ordinary answers, but not so rare that it would be flagged alone
  const weak = plain.map(({ off }, i) => ({ off, on: i === 0 ? 1.3 : 3 }));
  const calibration = {
    ordinary: Array.from({ length: 100 }, (_, i) => scored(0.001 * i, 0.012 * i)),
    harmful: Array.from({ length: 16 }, (_, i) => scored(0.04 * (i + 1), 1 + 6 * i)),
  };
  const beside = [conversation(0, plain, weak), conversation(1, plain, weak, bad)];
  assert.deepEqual(
    scanResult(beside, { calibration, limit: { falseAlarms: 0.01 } }).perRow.map(({ answers, spans }) => [
      answers,
      spans,
    ]),
    [
      [undefined, undefined],
      [[1, 2], [[8, 16], [16, 46]]],
    ], // oxfmt-ignore
    'an answer of which no sentence stands out is named as a whole',
  );
});

test('false discoveries keep their limit beside many rows that are unlike harmful ones', () => {
  const rng = random('new task');
  const off = new Array<number>(20).fill(3);
  const single = (gain: number) => ({ without: off, with: off.map((loss, i) => (i === 4 ? loss - gain : loss)) });
  const ordinary = () => single(2 + 1.2 * normal(rng));
  const harmful = () => single(9 + 1.5 * normal(rng));
  const task = () => ({ without: off, with: off.map((loss) => loss - 0.45 - 0.01 * normal(rng)) });
  const rounds = 20;
  for (const [tasks, harm] of [
    [300, 5],
    [300, 0],
    [0, 5],
  ] as const) {
    let [wrong, found, unusual] = [0, 0, 0];
    for (let round = 0; round < rounds; round++) {
      const calibration = {
        ordinary: Array.from({ length: 100 }, () => scoresOf(ordinary())),
        harmful: Array.from({ length: 40 }, () => scoresOf(harmful())),
      };
      const kinds = [
        ...Array(tasks).fill(task),
        ...Array(100).fill(ordinary),
        ...Array(harm).fill(harmful),
      ] as (typeof task)[];
      const rows = kinds.map((make, row) => {
        const { without, with: on } = make();
        return scanned(row, without, on, make === harmful ? 'harmful' : 'benign');
      });
      const result = scanResult(rows, { calibration, limit: { falseDiscoveries: 0.1 } });
      wrong += (1 - (result.precision ?? 1)) / rounds;
      found += result.perRow.filter(({ flagged, label }) => flagged && label === 'harmful').length / rounds;
      if (harm === 0 && result.flagged > 0) wrong += 1 / rounds;
      unusual += result.unusual! / rounds;
    }
    assert.ok(wrong <= 0.1, `${tasks} rows of a new task, ${harm} harmful: ${wrong} of the flagged are ordinary`);
    assert.ok(found >= 0.9 * harm, `${found} of ${harm} are found`);
    assert.ok(Math.abs(unusual - tasks) <= 0.02 * tasks + 1, `${unusual} of ${tasks} are unusual`);
  }
});

test('without ordinary rows nothing is flagged, but by a limit on the share', () => {
  const blind = scanResult(FILE, { limit: { falseAlarms: 0.01 } });
  assert.deepEqual([blind.flagged, blind.threshold, blind.calibration], [0, null, null]);
  const byShare = scanResult(FILE, { limit: { share: 0.5 } });
  assert.deepEqual(
    byShare.perRow.map(({ flagged, p }) => [flagged, p]),
    [true, false, false, false, false].map((flagged) => [flagged, undefined]),
  );
});

test('without held-out harmful rows a limit on false discoveries counts ranks alone: rare ordinary rows are not flagged', () => {
  const rng = random('skewed');
  // Spans of ordinary rows of a language model: most have none, a few a long one.
  const gain = (): number => (rng.uniform() < 0.1 ? 0.6 + 2 * Math.exp(1.2 * normal(rng)) : 0.1);
  const rowOf = (row: number, label: 'harmful' | 'benign', by: number): ScannedRow =>
    scanned(row, Array<number>(4).fill(40), Array<number>(4).fill(40 - by), label);
  const scoresFor = (count: number) => Array.from({ length: count }, () => scoresOf(rowOf(0, 'benign', gain()).losses));
  const limit = { falseDiscoveries: 0.05 };
  const said = (result: ReturnType<typeof scanResult>): string => scanText(result).replaceAll('\u00a0', ' ');
  const file = (harmful: number): ScannedRow[] => [
    ...Array.from({ length: 1200 }, (_, i) => rowOf(i, 'benign', gain())),
    ...Array.from({ length: harmful }, (_, i) => rowOf(1200 + i, 'harmful', 39)),
  ];
  const few = scanResult(file(0), { calibration: { ordinary: scoresFor(38), harmful: [] }, limit });
  assert.ok(few.perRow.filter(({ p }) => p! <= 1e-4).length > 5, 'some ordinary rows are very rare');
  assert.deepEqual([few.flagged, few.threshold], [0, 0]);
  assert.match(
    said(few),
    /38 ordinary rows; no row can be flagged: without held-out harmful rows to compare with, p-values below 0\.103 are not relied on, and a limit of 5 % takes ordinary rows of 79 prompts/,
  );
  const rare = scanResult(file(0), { calibration: { ordinary: scoresFor(299), harmful: [] }, limit });
  assert.equal(rare.flagged, 0);
  assert.match(said(rare), /no row can be flagged unless 320 or more look harmful: .* below 0\.0133 are not relied on/);
  const alike = { ordinary: scoresFor(299), ordinaryPrompts: 79, harmful: [] };
  assert.match(said(scanResult(file(0), { calibration: alike, limit })), /unless 1,200 or more look harmful/);
  const found = scanResult(file(600), { calibration: { ordinary: scoresFor(299), harmful: [] }, limit });
  assert.ok(found.recall === 1 && found.precision! > 0.95, JSON.stringify([found.recall, found.precision]));
  assert.doesNotMatch(said(found), /can be flagged|extrapolated/);
});

test('rows that ask the same are one in the interval of the AUROC, and in the bounds of precision and recall', () => {
  const once = Array.from({ length: 12 }, (_, i) => ({
    ...scanned(i, free, i < 6 ? [0.1, 0.1, 0.1, 0.1] : same, i < 6 ? 'harmful' : 'benign'),
    asks: `question ${i}`,
  }));
  const often = Array.from({ length: 50 }, () => once).flat();
  const [one, many] = [once, often].map((rows) => scanResult(rows, { limit: { share: 0.5 } }));
  assert.deepEqual(many!.labels!.aurocInterval, one!.labels!.aurocInterval);
  assert.equal(one!.labels!.prompts, undefined);
  const { harmful, benign, flagged, prompts } = many!.labels!;
  assert.deepEqual([harmful, benign, flagged, prompts], [300, 300, 300, { harmful: 6, benign: 6, flagged: 6 }]);
  assert.match(
    scanText(many!).replaceAll('\u00a0', ' '),
    /against 300 harmful labels of 6 prompts and 300 benign ones of 6: AUROC 1 \(95 % interval 0\.\d+ to 1\), precision 100 % \(at least 60 %, .*recall 100 % \(at least 60 %,/,
  );
});

test('a loss that is not a number is refused, with what it is of', () => {
  const of = (...perToken: number[]) => ({ nll: 0, tokens: perToken.length, perToken });
  const losses = tokenLosses({ without: of(1, 2), with: of(1, 1), kl: [0, 0.5] });
  assert.deepEqual(losses, { without: [1, 2], with: [1, 1], kl: [0, 0.5] });
  const refused = (given: Partial<Comparison>) => (): unknown =>
    tokenLosses({ without: of(1, 2), with: of(1, 1), kl: [0, 0.5], ...given });
  assert.throws(refused({ with: of(1, NaN) }), { message: /^with the vector the loss/, place: 'vector' });
  assert.throws(refused({ kl: [0, Infinity] }), { message: /^with the vector the loss/, place: 'vector' });
  assert.throws(refused({ without: of(NaN, 1) }), { message: /^without the vector the loss/, place: 'model' });
});
