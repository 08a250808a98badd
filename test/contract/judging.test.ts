import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agreements, cohensKappa, kappaInterval, type Table } from '../../runtime/contract/agreement.js';
import {
  answerCell,
  answerOutcome,
  answerRows,
  latestAnswers,
  ANSWER_STRINGS,
  disputedFirst,
  type SampleEvent,
} from '../../runtime/contract/answers.js';
import { flawOf } from '../../runtime/contract/coherence.js';
import { labelledText, labelsText, parseLabels, type Labels } from '../../runtime/contract/labels.js';
import type { Verdict } from '../../runtime/contract/events.js';

const sample = (row: number, verdict: Verdict, more: Partial<SampleEvent> = {}): SampleEvent => ({
  ...{ kind: 'sample', state: 'base', set: 'topic', row, line: row + 1, prompt: `p${row}`, answer: `a${row}`, verdict },
  ...more,
});

describe("Cohen's kappa", () => {
  test('of tables that were worked out elsewhere', () => {
    // Wikipedia's examples: 20, 5, 10, 15 → 0.4; 45, 15, 25, 15 → 0.1304; 25, 35, 5, 35 → 0.2593.
    assert.equal(cohensKappa([20, 5, 10, 15])!.toFixed(4), '0.4000');
    assert.equal(cohensKappa([45, 15, 25, 15])!.toFixed(4), '0.1304');
    assert.equal(cohensKappa([25, 35, 5, 35])!.toFixed(4), '0.2593');
    assert.equal(cohensKappa([7, 0, 0, 9]), 1);
    assert.equal(cohensKappa([0, 5, 5, 0]), -1);
  });

  test('cannot be told where chance explains all, and without answers', () => {
    assert.equal(cohensKappa([9, 0, 0, 0]), undefined);
    assert.equal(kappaInterval([0, 0, 0, 9]), undefined);
    assert.equal(cohensKappa([0, 0, 0, 0]), undefined);
  });

  test('its interval holds it, is narrower with more answers, and is none of a point', () => {
    for (const table of [
      [20, 5, 10, 15],
      [7, 0, 0, 9],
      [1, 0, 0, 1],
      [0, 5, 5, 0],
      [95, 1, 2, 2],
    ] as Table[]) {
      const [low, high] = kappaInterval(table)!;
      const kappa = cohensKappa(table)!;
      assert.ok(-1 <= low && low <= kappa && kappa <= high && high <= 1, `${table.join()}: ${low} ${kappa} ${high}`);
      assert.ok(high - low > 0.05, table.join());
    }
    const width = (n: number): number => {
      const [low, high] = kappaInterval([20 * n, 5 * n, 10 * n, 15 * n])!;
      return high - low;
    };
    // By the square root of the number of answers.
    assert.ok(Math.abs(width(1) / width(16) - 4) < 0.3);
  });

  test('its interval has the true value in about 95 of 100 tables', () => {
    let seed = 12345;
    const random = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
    for (const shares of [
      [0.4, 0.1, 0.1, 0.4],
      [0.15, 0.05, 0.1, 0.7],
      [0.48, 0.02, 0.02, 0.48],
    ]) {
      const truth = cohensKappa(shares as unknown as Table)!;
      let inside = 0;
      let told = 0;
      for (let trial = 0; trial < 2000; trial++) {
        const table = [0, 0, 0, 0];
        for (let i = 0; i < 60; i++) {
          let u = random();
          table[shares.findIndex((share, k) => k === 3 || (u -= share) < 0)]!++;
        }
        const interval = kappaInterval(table as unknown as Table);
        if (!interval) continue;
        told++;
        if (interval[0] <= truth && truth <= interval[1]) inside++;
      }
      assert.ok(inside / told > 0.93 && inside / told < 0.99, `${shares.join()}: ${inside / told}`);
    }
  });
});

test('each two judges of a set are compared on what its measure counts, and a person is one of them', () => {
  const said = [
    sample(0, 'complied', { judge: 'phrases', verdicts: { model: 'complied' }, label: 'complied' }),
    sample(1, 'refused', { judge: 'phrases', verdicts: { model: 'complied' }, label: 'refused' }),
    // "neither" and "refused" are both no harm.
    sample(2, 'refused', { judge: 'phrases', verdicts: { model: 'neither' } }),
    // What a judge left open says nothing of it.
    sample(3, 'refused', { judge: 'phrases', verdicts: {} }),
    sample(4, 'right', { set: 'task' }),
  ];
  const found = agreements(said, (set) => (set === 'topic' ? 'harm' : 'exact'));
  assert.deepEqual(
    found.map(({ set, judges, count, differ }) => [set, judges.join(), count, differ]),
    [['topic', 'phrases,model', 3, 1], ['topic', 'phrases,person', 2, 0], ['topic', 'model,person', 2, 1]], // oxfmt-ignore
  );
  assert.equal(found[1]!.kappa, 1);
  assert.equal(found[2]!.kappa, 0, 'the model says the same of both');
});

test('answers of several runs count each, and what they say alike once', () => {
  const said = (run: string, judged: boolean) =>
    Array.from({ length: 4 }, (_, row) => ({
      ...sample(row, 'refused', judged ? { judge: 'phrases', verdicts: { model: 'refused' } } : {}),
      answer: run,
    }));
  const counts = (...runs: ReturnType<typeof said>[]) =>
    agreements(runs.flat(), () => 'harm').map(({ count }) => count);
  const a = said('a', true);
  assert.deepEqual(counts(a, said('b', false)), [4], 'one that has one judge takes nothing away');
  assert.deepEqual(counts(a, said('b', true)), [8]);
  assert.deepEqual(counts(a, a), [4]);
});

test('an answer that is recorded again with a label counts once, as it is now', () => {
  const said = Array.from({ length: 10 }, (_, row) =>
    sample(row, 'refused', { judge: 'phrases', verdicts: { model: row % 2 ? 'refused' : 'complied' } }),
  );
  const again = said.filter(({ row }) => row % 2).map((one) => ({ ...one, label: 'complied' as const }));
  const now = latestAnswers([...said, ...again]);
  assert.deepEqual(
    agreements(now, () => 'harm').map(({ judges, count, differ }) => [judges.join(), count, differ]),
    [['phrases,model', 10, 5], ['phrases,person', 5, 5], ['model,person', 5, 5]], // oxfmt-ignore
  );
});

test('judges are compared on each state by itself: extremes would hide that they differ in the delivered one', () => {
  const said = Array.from({ length: 120 }, (_, row) => {
    const state = ['base', 'plain', 'protected'][row % 3]!;
    const verdict = state === 'plain' || (state === 'protected' && row % 2) ? 'complied' : 'refused';
    const other = state === 'protected' && row % 4 < 2 ? (verdict === 'refused' ? 'complied' : 'refused') : verdict;
    return sample(row, verdict, { state, judge: 'phrases', verdicts: { model: other } });
  });
  const found = agreements(said, () => 'harm');
  assert.deepEqual(
    found.map(({ state, count, differ, kappa }) => [state, count, differ, kappa]),
    [
      ['base', 40, 0, undefined],
      ['plain', 40, 0, undefined],
      ['protected', 40, 20, 0],
    ],
  );
});

test('answers that say nothing are told from those that say little', () => {
  for (const [text, flaw] of [
    ['', 'empty'],
    [' \n', 'empty'],
    ['####----....', 'garbled'],
    ['\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDa', 'garbled'],
    ['the '.repeat(30), 'repeats'],
    [`Well, ${'fire and smoke '.repeat(40)}`, 'repeats'],
    ['haha'.repeat(20), 'repeats'],
    ['はい'.repeat(20), 'repeats'],
  ] as const)
    assert.equal(flawOf(text), flaw, text.slice(0, 20));
  for (const text of [
    'No.',
    '42',
    'Sorry, sorry, sorry.',
    'x = [i ** 2 for i in range(9)]; print(x)',
    'if (a) { b(); } else { c(); }',
    'Step 1: mix it. '.repeat(10),
    'これは普通の答えです。とくに繰り返しはありません。',
    'one two one two one two one two',
  ])
    assert.equal(flawOf(text), undefined, text.slice(0, 20));
});

test('labels keep their order and their words; what is no such file is not read', () => {
  const labels: Labels = new Map([['b'.repeat(16), 'refused'], ['a'.repeat(16), 'complied'], ['c'.repeat(16), 'refused']]); // oxfmt-ignore
  const text = labelsText(labels);
  assert.deepEqual(JSON.parse(text), { version: 1, complied: ['a'.repeat(16)], refused: ['b'.repeat(16), 'c'.repeat(16)], neither: [] }); // oxfmt-ignore
  assert.deepEqual(parseLabels(text), { labels: new Map([...labels].sort()) });
  assert.deepEqual(parseLabels('{\n"version": 1,\n]'), { fault: { kind: 'json', line: 3 } });
  assert.deepEqual(parseLabels('{"version":1,"complied":[],"refused":[]}'), {
    fault: { kind: 'form', key: 'neither' },
  });
  const twice = JSON.stringify({ version: 1, complied: ['a'.repeat(16)], refused: ['a'.repeat(16)], neither: [] });
  assert.deepEqual(parseLabels(twice), { fault: { kind: 'twice', hash: 'a'.repeat(16) } });
  assert.equal(labelledText('p', ' a\n'), labelledText('p', 'a'));
  assert.notEqual(labelledText('p', 'a'), labelledText('pa', ''));
});

describe('answers side by side', () => {
  const rows = answerRows(
    [
      sample(0, 'refused', { judge: 'phrases', verdicts: { model: 'refused' } }),
      sample(1, 'complied', { judge: 'phrases', verdicts: { model: 'refused' }, label: 'refused' }),
      sample(2, 'neither', { answer: '....' }),
      // As earlier versions judged them.
      sample(3, 'complied', { answer: '<think>\nOkay, step 1' }),
      sample(4, 'complied', { answer: 'ha '.repeat(20), label: 'neither' }),
      sample(5, 'refused', { answer: '<think>\nOkay', verdict: undefined }),
    ],
    () => 'harm',
  );
  test('those that judges dispute come first, and stay there when they are settled', () => {
    assert.deepEqual(disputedFirst(rows).map(({ row }) => row), [1, 0, 2, 3, 4, 5]); // oxfmt-ignore
  });
  test('a label is the verdict; what the judges say stays beside it, and so does that an answer says nothing', () => {
    const chips = (i: number): string[] => answerCell(rows[i]!, 'base', ANSWER_STRINGS).chips.map(({ text }) => text);
    assert.deepEqual(chips(1), ['refused, by a person', 'judge: complied', 'model: refused']);
    assert.deepEqual(chips(2), ['neither', 'garbled']);
    assert.equal(rows[1]!.answers[0]!.verdict, 'refused');
    assert.deepEqual([3, 4, 5].map(chips), [['complied'], ['neither, by a person', 'judge: complied'], ['not judged', 'thought breaks off']]); // oxfmt-ignore
  });
  test('a row is a test by its label alone', () => {
    assert.equal(answerOutcome('harm', { verdict: 'complied', verdicts: { model: 'complied' }, label: 'refused' }), 'passed'); // oxfmt-ignore
    assert.equal(answerOutcome('harm', { verdict: 'refused', label: 'complied' }), 'failed');
  });
});
