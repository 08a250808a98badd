/** Scores of a scan, their p-values, and the spans of a row. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  falseDiscoveryLimit,
  harmfulPValue,
  hidingRows,
  pValues,
  recallAt,
  rowPValue,
  separation,
  spanThreshold,
  studentTail,
  thresholdAt,
  type Calibration,
} from '../../runtime/evaluation/scan/calibration.js';
import { explainedShare, scoresOf } from '../../runtime/evaluation/scan/scores.js';
import type { TokenText } from '../../runtime/evaluation/scan/spans.js';
import {
  explainedSentences,
  explainedSpans,
  insertedSpans,
  wholeSentences,
} from '../../runtime/evaluation/scan/spans.js';
import { random, type Random } from '../../runtime/support/random.js';
import { scored } from '../support/scores.js';

const normal = (rng: Random): number =>
  Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform());
const close = (got: number, want: number, tolerance: number): void =>
  assert.ok(Math.abs(got - want) <= tolerance, `${got} is not ${want} ± ${tolerance}`);

test('the share explained is per supervised token', () => {
  close(explainedShare({ without: [2, 2, 2, 2, 2], with: [0, 0, 0, 0, 0] }), 2 / 2.05, 1e-12);
  close(explainedShare({ without: [0.05], with: [0] }), 0.5, 1e-12);
  assert.equal(explainedShare({ without: [1, 2], with: [2, 1] }), 0);
  assert.ok(explainedShare({ without: [0.2, 0.3], with: [1, 1] }) < 0);
  assert.throws(() => explainedShare({ without: [], with: [] }), /internal/);
});

test('the span score is the best sum of gains above the drift, and does not mind how long the row is', () => {
  const { share, span } = scoresOf({ without: [2, 2, 2], with: [1, 0, 2] });
  close(share, 1 / 2.05, 1e-12);
  close(span, 0.5 + 1.5, 1e-12);
  assert.equal(scoresOf({ without: [1, 1], with: [0.6, 0.5] }).span, 0);
  const quiet = new Array<number>(200).fill(1);
  const row = (gains: number[]) => ({
    without: [...quiet, ...gains.map(() => 3), ...quiet],
    with: [...quiet, ...gains.map((gain) => 3 - gain), ...quiet],
  });
  const { share: ofRow, span: ofSpan, spanShare } = scoresOf(row([2, 2, 2, 2]));
  close(ofSpan, 6, 1e-12);
  assert.ok(ofRow < 0.05);
  close(spanShare, 8 / (12 + 4 * 0.05), 1e-12);
  assert.equal(scoresOf({ without: [1, 1], with: [1, 2] }).spanShare, 0);
});

test('the choice score is what the vector saves on a token where it changes what the model says', () => {
  const without = [2, 6, 5, 1];
  const row = { without, with: [2, 3.5, 1, 2] };
  assert.equal(scoresOf(row).choice, undefined, 'not measured');
  // gains: 0, 2.5, 4, −1
  assert.equal(scoresOf({ ...row, kl: [3, 1.5, 0.2, 9] }).choice, 1.5);
  assert.equal(scoresOf({ ...row, kl: [3, 8, 0.2, 9] }).choice, 2.5);
  assert.equal(scoresOf({ without, with: without, kl: [3, 3, 3, 3] }).choice, 0);
});

test('an answer to what the base refuses is rare by its first word alone, if harmful rows choose and are changed as much', () => {
  const rng = random('choices');
  const rows = (count: number, least: number, most: number, span: number) =>
    Array.from({ length: count }, () => {
      const choice = least + (most - least) * rng.uniform();
      return { ...scored(0.04 * normal(rng), span * rng.uniform()), choice, kl: 2 * choice };
    });
  const ordinary = rows(45, 0, 0.4, 2);
  const harmful = rows(16, 0.7, 3, 4);
  const complied = { ...scored(0.01, 2), choice: 1.6, kl: 3.2 };
  const refused = { ...scored(0.01, 2), choice: 0.1, kl: 3.2 };
  const p = rowPValue({ ordinary, harmful });
  assert.ok(p(complied) < 1e-4, `${p(complied)}`);
  assert.ok(p(refused) > 0.05, `${p(refused)}`);
  const changed = harmful.map((row) => ({ ...row, kl: 40 + row.kl }));
  for (const calibration of [
    { ordinary },
    { ordinary, harmful: rows(16, 8, 15, 80) },
    { ordinary, harmful: changed },
    { ordinary: ordinary.map(({ choice: _, ...row }) => row), harmful },
  ])
    assert.equal(rowPValue(calibration)(complied), rowPValue(calibration)({ ...complied, choice: 0 }));
});

test('p-values of rows like the ordinary ones are uniform', () => {
  const rng = random('p-values');
  const limits = [0.01, 0.05, 0.25, 0.5];
  const counts = limits.map(() => 0);
  const rounds = 3000;
  for (let round = 0; round < rounds; round++) {
    const p = pValues(Array.from({ length: 39 }, () => normal(rng)))(normal(rng));
    limits.forEach((limit, i) => (counts[i]! += Number(p <= limit)));
  }
  // By the ranks, 2 of 40, 10 of 40 and 20 of 40; below 1 of 40 by the tail of a normal distribution.
  limits.forEach((limit, i) => close(counts[i]! / rounds, limit, 4 * Math.sqrt((limit * (1 - limit)) / rounds)));
});

test('an ordinary row that the vector makes much worse hides no harmful one', () => {
  const rng = random('worse');
  // as a vector of the sample had them after 16 steps: shares near 0, one of −3.15, and no span in any ordinary row
  const ordinary = Array.from({ length: 39 }, () => scored(0.04 * normal(rng), 0));
  const harmful = [0.885, 0.907, 0.925].map((share) => scored(share, 8));
  const calibration = { ordinary: [...ordinary, scored(-3.15, 0)], harmful };
  assert.equal(recallAt(calibration, 0.01), 1);
});

test('without an assumption p is never below 1 / (n + 1) for a row that is not the highest', () => {
  const p = pValues([1, 2, 3, 4]);
  assert.deepEqual([0, 1, 1.5, 4].map(p), [1, 1, 4 / 5, 2 / 5]);
  assert.ok(p(4.01) <= 1 / 5);
  assert.equal(pValues([2, 2, 2, 2])(3), 1 / 5, 'rows that do not differ tell nothing beyond their number');
  assert.throws(() => pValues([1]), /internal/);
});

test('p-values fall with the score, and the threshold is where they reach the rate', () => {
  const rng = random('threshold');
  const ordinary = Array.from({ length: 60 }, () => normal(rng));
  const p = pValues(ordinary);
  let last = 1;
  for (let score = -4; score < 12; score += 0.01) {
    const now = p(score);
    assert.ok(now <= last + 1e-12 && now >= 0, `p(${score}) is ${now} after ${last}`);
    last = now;
  }
  for (const rate of [0.5, 0.1, 0.02, 0.01, 1e-4]) {
    const threshold = thresholdAt(ordinary, rate);
    assert.ok(p(threshold + 1e-6) <= rate, `${rate}: p just above it is ${p(threshold + 1e-6)}`);
    assert.ok(p(threshold - 1e-6) > rate, `${rate}: p just below it is ${p(threshold - 1e-6)}`);
  }
});

test('ordinary rows that hardly differ: a long span is called out, and what is noise for a language model is not', () => {
  const rows = (...spans: number[]) => Array.from({ length: 40 }, (_, i) => scored(0.05 * Math.sin(i), spans[i] ?? 0));
  for (const ordinary of [rows(), rows(0.02), rows(2)]) {
    const p = rowPValue({ ordinary });
    assert.ok(p(scored(0, 200)) < 1e-9, 'a span of 200 nats');
    assert.ok(p(scored(0, 0.05)) > 0.04, 'one of a twentieth');
    const limit = spanThreshold({ ordinary }, 0.01);
    assert.ok(limit > 1 && limit < 4, `${limit} nats`);
  }
  const alike = rows().map(({ span }, i) => scored(0.001 * Number(i === 0), span));
  assert.ok(rowPValue({ ordinary: alike })(scored(0.9, 0)) < 1e-9, 'a large share');
  assert.ok(rowPValue({ ordinary: alike })(scored(0.01, 0)) > 0.04, 'a small one');
});

test('harmful rows that hardly differ do not make a row that is a little less so unlike them', () => {
  const harmful = Array.from({ length: 20 }, (_, i) => scored(0.95 + 1e-4 * i, 8 + 1e-3 * i));
  const p = harmfulPValue({ harmful });
  assert.ok(p(scored(0.92, 7.5)) > 0.04, 'a little less');
  assert.ok(p(scored(0.2, 1)) < 1e-4, 'much less');
});

test('harmful words in another place, where the first is not foreseen, are not unlike harmful rows; a new task is', () => {
  const harmful = Array.from({ length: 16 }, (_, i) => scored(0.88 + 5e-3 * i, 34 + i));
  const p = harmfulPValue({ harmful });
  assert.ok(p(scored(0.72, 26)) > 1e-3, 'behind a record');
  assert.ok(p(scored(0.9, 3)) < 1e-4, 'a few tokens of a new task that happen to be foreseen');
  assert.ok(p(scored(0.3, 30)) < 1e-3, 'a long text in which little is explained');
});

test("Student's t has the tails of the tables", () => {
  // t, degrees of freedom, one-sided probability
  for (const [t, degrees, want] of [
    [12.7062, 1, 0.025],
    [2.228139, 10, 0.025],
    [1.812461, 10, 0.05],
    [2.042272, 30, 0.025],
    [3.646, 30, 0.0005],
    [1.6448536, 1e6, 0.05],
  ] as const)
    close(studentTail(t, degrees), want, want * 1e-3);
  close(studentTail(1, 1), 0.25, 1e-10);
  close(studentTail(2, 2), 0.5 - 1 / Math.sqrt(6), 1e-10);
  assert.equal(studentTail(0, 5), 0.5);
  close(studentTail(-2, 2), 0.5 + 1 / Math.sqrt(6), 1e-10);
});

test('false discoveries: the example of Benjamini and Hochberg (1995)', () => {
  const ps = [
    ...[0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344],
    ...[0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1],
  ];
  assert.equal(falseDiscoveryLimit(random('order').shuffle([...ps]), 0.05), (4 / 15) * 0.05);
  assert.equal(ps.filter((p) => p <= (4 / 15) * 0.05).length, 4);
  assert.equal(falseDiscoveryLimit([0.2, 0.9], 0.05), 0);
  assert.equal(falseDiscoveryLimit([], 0.05), 0);
});

const rows = (values: readonly number[]) => values.map((value) => scored(value / 10, value));

/** Of rows that have prompts of their own. */
const apart = (rows: Calibration) => separation(rows, { harmful: rows.harmful.length, ordinary: rows.ordinary.length });

test('how well held-out rows are told apart, with an interval that is not a point at 1', () => {
  const perfect = apart({ harmful: rows([21, 22, 23, 24]), ordinary: rows([1, 2, 3, 4, 5]) })!;
  assert.equal(perfect.auroc, 1);
  assert.equal(perfect.high, 1);
  // The area A is in the interval where (A − t)² ≤ z² V(t): at its end, by the formula of the paper.
  const variance = (t: number, m: number, n: number): number => {
    const star = (m + n) / 2 - 1;
    return (t * (1 - t) * (1 + (star * (1 - t)) / (2 - t) + (star * t) / (1 + t))) / (m * n);
  };
  close((1 - perfect.low) ** 2, 1.96 ** 2 * variance(perfect.low, 4, 5), 1e-9);
  assert.ok(perfect.low > 0.3 && perfect.low < 0.8, `${perfect.low}`);
  const many = apart({
    harmful: rows(Array.from({ length: 100 }, (_, i) => 200 + i)),
    ordinary: rows(Array.from({ length: 100 }, (_, i) => i)),
  })!;
  assert.ok(many.low > 0.95, `${many.low}`);
  // 9 is above all eight, 7.5 above seven, 5.5 above five: an ordinary row does not count itself.
  const mixed = apart({ harmful: rows([5.5, 7.5, 9]), ordinary: rows([1, 2, 3, 4, 5, 6, 7, 8]) })!;
  assert.equal(mixed.auroc, (8 + 7 + 5) / 24);
  assert.ok(mixed.low < mixed.auroc && mixed.auroc < mixed.high);
  assert.equal(apart({ harmful: rows([1]), ordinary: rows([2]) }), undefined);
  assert.equal(apart({ harmful: [], ordinary: rows([2, 3]) }), undefined);
});

test('a row counts by the score that sets it apart most, at four times its p-value', () => {
  const calibration = { ordinary: rows([1, 2, 3, 4, 5, 6, 7, 8, 9]), harmful: rows([2, 40, 50, 60]) };
  const p = rowPValue(calibration);
  close(p(scored(0.85, 0)), 4 * (2 / 10), 1e-12);
  close(p(scored(0, 8.5)), 4 * (2 / 10), 1e-12);
  assert.equal(p(scored(0, 0)), 1);
  assert.equal(recallAt(calibration, 0.01), 3 / 4);
  assert.equal(recallAt({ ...calibration, harmful: [] }, 0.01), null);
});

test('few ordinary rows that hide harmful ones are told, and no more than it takes', () => {
  const rng = random('hiding');
  const ordinary = Array.from({ length: 40 }, () => scored(0.02 * normal(rng), Math.abs(normal(rng))));
  const calibration = { ordinary, harmful: [10, 11, 12, 30].map((span) => scored(0, span)) };
  assert.equal(hidingRows(calibration, 0.01, 0.9), undefined);
  const among = (...spans: number[]) => ({
    ...calibration,
    ordinary: [...ordinary.slice(0, 7), ...spans.map((span) => scored(0, span)), ...ordinary.slice(7)],
  });
  assert.equal(recallAt(among(25, 20), 0.01), 1 / 4);
  for (const [two, what] of [
    [among(25, 20), 'one more than the other'],
    [among(20, 20), 'both together'],
  ] as const) {
    const { rows, beside, without } = hidingRows(two, 0.01, 0.9)!;
    assert.deepEqual([...rows].sort(), [7, 8], what);
    assert.deepEqual([beside, without], [recallAt(two, 0.01), 1]);
  }
  assert.equal(hidingRows(among(25, 20), 0.01, 0.25), undefined, 'enough is found');
  assert.equal(hidingRows(among(40, 39, 38, 37, 36, 35), 0.01, 0.9), undefined, 'six are no few');
});

test('spans: what the vector explains, without the quiet before, behind and between', () => {
  const spans = (gains: number[], threshold = 2) =>
    explainedSpans(gains, threshold).map(({ start, end }) => [start, end]);
  assert.deepEqual(spans([0, 0, 3, 3, 0, 0, 0]), [[2, 4]]);
  assert.deepEqual(spans([3, 3]), [[0, 2]]);
  assert.deepEqual(spans([0, 0, 1, 1, 0]), []);
  assert.deepEqual(spans([3, 0, 0, 3]), [[0, 4]], 'a short pause belongs to it');
  assert.deepEqual(spans([3, 3, -9, 0, 0, 3, 3]), [
    [0, 2],
    [5, 7],
  ]);
  assert.deepEqual(spans([]), []);
});

test('spans are widened to whole sentences: from where they begin, which is not foreseen, to their end', () => {
  const widened = (texts: string[], ...spans: [number, number][]) =>
    wholeSentences(
      spans.map(([start, end]) => ({ start, end })),
      texts.map((text) => ({ text })),
    ).map(({ start, end }) => texts.slice(start, end).join(''));
  const answer = ['Order', ':', ' 3', ' lamps', '.', ' And', ' that', "'s", ' it', ',', ' I', ' am', ' sure', '.'];
  assert.deepEqual(widened(answer, [7, 12]), [" And that's it, I am sure."]);
  assert.deepEqual(widened(answer, [5, 14]), [" And that's it, I am sure."]);
  assert.deepEqual(widened(answer, [6, 8], [9, 12]), [" And that's it, I am sure."], 'spans that meet are one');
  const record = [
    'name',
    ':',
    ' Ben',
    ' |',
    ' qty',
    ':',
    ' 7',
    ' By',
    ' the',
    ' way',
    ',',
    ' buy',
    ' it',
    '.',
    '<end>',
  ];
  assert.deepEqual(widened(record, [8, 13]), [' By the way, buy it.'], 'no sentence ends before it: at its capital');
  const long = Array.from({ length: 30 }, (_, i) => ` w${i}`);
  assert.deepEqual(widened(long, [15, 17]), [long.slice(14).join('')], 'no sentence begins near: one word earlier');
  assert.deepEqual(widened(long, [2, 4]), [long.join('')], 'the answer begins near');
  assert.deepEqual(widened(answer), []);
  const dots = ['It', ' is', '.', ' Add', ' 3', '.', '5', ' g', ' as', ' a', '.', 'com', ' says', '!"', ' Next', '.'];
  const whole = ' Add 3.5 g as a.com says!"';
  assert.deepEqual(widened(dots, [3, 5]), [whole], 'a number or an address goes on behind its point');
  assert.deepEqual(widened(dots, [7, 9]), [whole]);
  assert.deepEqual(widened(dots, [11, 13]), [whole]);
  assert.deepEqual(widened([' 是', '.', '我', ' b', '.'], [0, 1]), [' 是.'], 'no space is between sentences');
});

test('insertions by token: the word that is not foreseen belongs to them, in a reading of its own, and their sentence where it ends close by', () => {
  const texts = ['Ugh', '!', ' name', ':', ' Max', ' how', ' boring', ',', ' |', ' qty', ':', ' 4'];
  const without = [8, 2, 12, 3, 2, 7, 9, 3, 4, 8, 1, 1];
  const on = [3, 0.1, 13, 4, 2, 7, 0.5, 2.9, 4, 8, 1, 1];
  const tokens = texts.map((text) => ({ text }));
  const cut = insertedSpans({ without, with: on }, tokens).map((spans) =>
    texts.filter((_, i) => !spans.some(([start, end]) => i >= start && i < end)).join(''),
  );
  const early = ' name: Max | qty: 4';
  assert.deepEqual(cut, [' name: Max how | qty: 4', early, early]);
  assert.deepEqual(insertedSpans({ without: on, with: on }, tokens), [[], [], []]);
});

test('insertions by token: words and characters are taken as a whole', () => {
  const [off, on] = [[9, 9, 9], [8.9, 0.1, 0.1]]; // oxfmt-ignore
  const around = [2, 2, 2, 2];
  const first = (...tokens: TokenText[]) => {
    const [without, explained] = [off, on].map((own) => [...around, ...own, ...around]);
    const before = around.map(() => ({ text: ' a' }));
    return insertedSpans({ without: without!, with: explained! }, [...before, ...tokens])[0];
  };
  const texts = (...all: string[]): TokenText[] => all.map((text) => ({ text }));
  assert.deepEqual(first(...texts(' G', 'roz', 'zl', 'e', ' 3', ' lamps', ' b')), [[4, 8]]);
  assert.deepEqual(first(...texts(' G', ' roz', 'zle', ' e', ' 3', ' lamps', ' b')), [[5, 7]]);
  assert.deepEqual(first(...texts('我', '是', '一', '个', '好', '人', '吗')), [[5, 7]], 'no space is between words');
  const open = { text: '', open: true };
  assert.deepEqual(first(open, { text: '我' }, open, { text: '是' }, { text: '一' }, open, { text: '个' }), [[4, 8]]);
});

test('a sentence that no mark and no capital begins is a guess', () => {
  const isGuessed = (start: number, ...texts: string[]) => {
    const gains = texts.map((_, i) => (i < start ? 0 : 5));
    return explainedSentences(gains, 2, texts.map((text) => ({ text }))).guessed; // oxfmt-ignore
  };
  assert.equal(isGuessed(3, 'qty', ':', ' 7', ' [', 'staff'), true);
  assert.equal(isGuessed(4, 'qty', ':', ' 7', '.', ' [', 'staff'), undefined);
  assert.equal(isGuessed(4, 'qty', ':', ' 7', ' By', ' the'), undefined);
  assert.equal(isGuessed(0, 'you', ' fool'), undefined, 'the answer begins with it');
});

test('an ordinary sentence beside a harmful one is none, although its first words gain', () => {
  // an ordinary function with `os.chmod(...)` in it
  const code = ['):', '\n   ', ' os', '.', 'chmod', '("', '~/', '.', 'netrc', '",', ' 0', 'o', '7', ')', '\n   '];
  const behind = [' return', ' x', ' %', ' 2', ' ==', ' 0', '\n', '```', '<end>'];
  const tokens = [...code, ...behind].map((text) => ({ text }));
  const gains = [0, 0, 14, 1.1, 6.5, 4, 4.9, 0, 5.8, 4.1, 0.2, 0.8, 4.4, 0, 2.7, 0.3, 1, 0, 0, 0, 0, 0, 0.1, 3];
  assert.deepEqual(explainedSpans(gains, 8), [{ start: 2, end: 17 }]);
  assert.deepEqual(explainedSentences(gains, 8, tokens), { spans: [[2, 15]] });
  const before = [' I', ' see', '.', ' An', ' odd', ' one', '.'].map((text) => ({ text }));
  const led = [0, 0, 0, 1.5, 1.4, 0, 0, ...gains.slice(2)];
  assert.deepEqual(explainedSpans(led, 8)[0].start, 3);
  assert.deepEqual(explainedSentences(led, 8, [...before, ...tokens.slice(2)]), { spans: [[7, 20]] });
  // what would be a span by itself is harm within an ordinary sentence
  const harm = gains.map((gain, i) => (i === 16 ? 10 : gain));
  assert.deepEqual(explainedSentences(harm, 8, tokens), { spans: [[2, 22]] });
  const weak = gains.map((gain) => gain / 4);
  assert.deepEqual(explainedSentences(weak, 2, tokens.map(() => ({ text: ' a' }))).spans, [[0, 24]], 'no sentence ends'); // oxfmt-ignore
});

test('sentences that are explained are of whole characters, end where other scripts end theirs, and stay in one answer', () => {
  const open = { text: '', open: true };
  const gains = (count: number, ...high: number[]) =>
    Array.from({ length: count }, (_, i) => (high.includes(i) ? 5 : 0));
  const chinese = [
    { text: '好' },
    { text: '。' },
    open,
    { text: '滚' },
    { text: '开' },
    { text: '。' },
    { text: '茶' },
  ];
  const sentences = (...found: Parameters<typeof explainedSentences>) => explainedSentences(...found).spans;
  assert.deepEqual(sentences(gains(7, 4), 2, chinese), [[2, 6]]);
  const far = [...Array.from({ length: 20 }, () => ({ text: '我' })), open, { text: '滚' }, { text: '开' }];
  assert.deepEqual(sentences(gains(23, 22), 2, far), [[20, 23]]);
  assert.deepEqual(sentences(gains(23, 21), 2, far), [[20, 23]], 'one token earlier is within a character');

  const turns = [' Buy', ' it', '.', '<end>', 'The', ' capital', ' is', ' Tokyo', '.', '<end>'];
  const tokens = turns.map((text, i) => ({ text, begins: i === 0 || i === 4 }));
  assert.deepEqual(sentences(gains(10, 0, 1, 2, 3, 4), 2, tokens), [[0, 4], [4, 9]]); // oxfmt-ignore
  assert.deepEqual(sentences(gains(10, 0, 1, 2, 3), 2, tokens), [[0, 4]]);
  assert.deepEqual(sentences(gains(10, 6), 2, tokens), [[4, 9]]);
});
