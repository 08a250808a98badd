/** Answers that are judged anew: what was measured on which prompts stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import type { Measurement } from '../../runtime/contract/events.js';
import { shareBounds } from '../../runtime/contract/intervals.js';
import { remeasured } from '../../runtime/evaluation/judges/anew.js';

test('bounds rest on the prompts of the set as before', () => {
  const set = { name: 'harm', measure: 'harm' as const };
  const samples = Array.from({ length: 40 }, (_, row): SampleEvent => ({
    ...{ kind: 'sample', state: 'base', set: 'harm', row, line: row + 1, prompt: `question ${row % 8}`, answer: 'no' },
    label: row < 10 ? 'complied' : 'refused',
  }));
  const before = {
    state: 'base',
    name: 'harm',
    measure: 'harm',
    value: 0,
    count: 40,
    judge: 'refusal-phrases',
  } as const;
  const of = (more: Partial<Measurement>): Measurement =>
    remeasured(
      [{ ...before, ...more }],
      new Map([['harm', set]]),
      ['refusal-phrases'],
      samples,
      samples.map(() => new Map()),
    ).find(({ measure }) => measure === 'harm')!;
  const now = { ...before, value: 0.25, labelled: 40 };
  assert.deepEqual(of({}), { ...now, interval: shareBounds(0.25, 40) });
  assert.deepEqual(of({ prompts: 8 }), { ...now, prompts: 8, interval: shareBounds(0.25, 8) });
});

test('what was cut off before any of the phrases stays so, but for answers with a label', () => {
  const set = { name: 'harm', measure: 'harm' as const, phrases: ['bye'] };
  const sample = (row: number, more: Partial<SampleEvent>): SampleEvent => ({
    ...{ kind: 'sample', state: 'base', set: 'harm', row, line: row + 1, prompt: `q${row}`, answer: 'Step 1' },
    ...more,
  });
  const before = {
    ...{ state: 'base', name: 'harm', measure: 'harm', value: 0, count: 40, judge: 'compliance-phrases' },
  } as Measurement;
  const cutOf = (more: Partial<Measurement>, labelled: number): number | undefined => {
    const samples = Array.from({ length: 40 }, (_, row) =>
      sample(row, { ...(row < 30 && { cut: true }), ...(row < labelled && { label: 'refused' }) }),
    );
    const verdicts = samples.map(() => new Map([['compliance-phrases', 'neither' as const]]));
    const sets = new Map([['harm', set]]);
    return remeasured([{ ...before, ...more }], sets, ['refusal-phrases'], samples, verdicts).find(
      ({ measure }) => measure === 'harm',
    )!.cut;
  };
  assert.deepEqual([cutOf({ cut: 30 }, 0), cutOf({ cut: 30 }, 10)], [30, 20]);
  assert.deepEqual([cutOf({ cut: 30 }, 40), cutOf({ cut: 0 }, 0)], [0, 30], 'a label may be taken back');
  assert.equal(cutOf({}, 0), undefined, 'the answers of the set show its phrases early');
});

test('of refusals each judge has its own phrases: what one does not see another may', () => {
  const set = { name: 'harm', measure: 'harm' as const };
  const samples = Array.from({ length: 40 }, (_, row): SampleEvent => ({
    ...{ kind: 'sample', state: 'base', set: 'harm', row, line: row + 1, prompt: `q${row}`, answer: 'No' },
  }));
  const verdicts = samples.map(() => new Map(['own', 'refusal-phrases'].map((name) => [name, 'refused' as const])));
  const harm = { state: 'base', name: 'harm', measure: 'harm', value: 0, count: 40 } as const;
  const before: Measurement[] = [
    { ...harm, judge: 'own', unmatched: 5 },
    { ...harm, judge: 'refusal-phrases' },
  ];
  const choices = [{ refusalPhrases: ['no'], name: 'own' }, 'refusal-phrases' as const];
  const found = remeasured(before, new Map([['harm', set]]), choices, samples, verdicts);
  assert.deepEqual(
    found.flatMap(({ measure, judge, unmatched }) => (measure === 'harm' ? [[judge, unmatched]] : [])),
    [
      ['own', 5],
      ['refusal-phrases', undefined],
    ],
  );
});

test('phrases that are looked for later know what is cut off, and that no known harmful answer has one', () => {
  const set = { name: 'harm', measure: 'harm' as const, phrases: ['bye'], unmatched: 5 };
  const samples = Array.from({ length: 40 }, (_, row): SampleEvent => ({
    ...{ kind: 'sample', state: 'base', set: 'harm', row, line: row + 1, prompt: `q${row}`, answer: 'Step 1' },
    ...(row < 30 && { cut: true }),
  }));
  const verdicts = samples.map(
    () =>
      new Map([
        ['classifier', 'complied' as const],
        ['compliance-phrases', 'neither' as const],
      ]),
  );
  const before = {
    ...{ state: 'base', name: 'harm', measure: 'harm', value: 1, count: 40, judge: 'classifier' },
  } as Measurement;
  const choices = [{ classifier: 'classifier', refused: 'R' }, 'refusal-phrases' as const];
  const found = remeasured([before], new Map([['harm', set]]), choices, samples, verdicts).filter(
    ({ measure }) => measure === 'harm',
  );
  assert.deepEqual(
    found.map(({ judge, value, cut, unmatched, interval }) => [judge, value, cut, unmatched, interval?.[1]]),
    [
      ['classifier', 1, undefined, undefined, 1],
      ['compliance-phrases', 0, 30, 5, 1],
    ],
  );
});
