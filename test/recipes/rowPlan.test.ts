/** What a fine-tuning does with flagged rows: decided by the scan alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recipeSchemas } from '../../runtime/contract/recipe.js';
import type { FlaggedStrategy } from '../../runtime/contract/recipeWords.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { ScanResult, ScanRow } from '../../runtime/contract/scan.js';
import type { Example } from '../../runtime/data/examples.js';
import { tokenTexts } from '../../runtime/recipes/protection/cut.js';
import { ADDED, added, chat, made, RIGHT, tokenizer, tokens } from '../support/ropeRows.js';
import {
  plainPlan,
  reportHeldOut,
  reportPlan,
  rowPlan,
  unabsorbed,
  type RowPlan,
} from '../../runtime/recipes/protection/rowPlan.js';
import { scanResult, scanRow } from '../support/scanResult.js';

/** Four rows: ordinary, half harmful, wholly harmful, and one that looks a little unusual. */
const rows = (): Example[] =>
  [RIGHT, RIGHT + ADDED, RIGHT + ADDED, RIGHT].map((answer, row) => made(chat(answer), row));
const scan = (): ScanResult =>
  scanResult({
    flagged: 2,
    rows: 4,
    perRow: [
      scanRow(0, { p: 0.8, pUnchanged: 0.001 }),
      scanRow(1, { p: 0.001, flagged: true, spans: [added()], pOutside: 0.4 }),
      scanRow(2, { p: 0.001, flagged: true, spans: [[0, tokens(RIGHT + ADDED)]], pOutside: 0 }),
      scanRow(3, { p: 0.2, pUnchanged: 0.2 }),
    ],
  });
const plan = (flagged: FlaggedStrategy, off: 'none' | 'confident' | 'unflagged' = 'none') =>
  rowPlan(rows(), scan(), { flagged, off }, tokenizer);
const answers = (flagged: FlaggedStrategy): [number, string][] =>
  [...plan(flagged).rows].map(({ row, answer }) => [row, answer]);

/** The text of what a row teaches. */
const taught = ({ labels }: Example): string => tokenizer.decode(labels.filter((id) => id !== -100)).trim();

test('"vector" and "absorb" keep every row as it is; "absorb" also gives what is explained of flagged rows to the vector', () => {
  for (const flagged of ['vector', 'absorb'] as const) {
    assert.deepEqual([...plan(flagged).rows], rows());
    assert.deepEqual(plan(flagged).counts, { flagged: 2, cut: 0, masked: 0, excluded: 0, fine: 0 });
  }
  assert.deepEqual(plan('vector').absorbed, []);
  assert.deepEqual(
    plan('absorb').absorbed.map((example) => [example.row, taught(example)]),
    [[1, ADDED.trim()], [2, RIGHT + ADDED]], // oxfmt-ignore
  );
  const unknown = scan();
  const perRow = unknown.perRow.map((row) => ({ ...row, spans: undefined }));
  const whole = rowPlan(rows(), { ...unknown, perRow }, { flagged: 'absorb', off: 'none' }, tokenizer);
  assert.deepEqual(whole.absorbed[0], rows()[1], 'without spans the whole row');
});

/** Of a vector that finds this share of its held-out harmful rows. */
const finding = (detected: number | null): ScanResult['calibration'] => ({ ordinary: 32, harmful: 16, recall: null, detected }); // oxfmt-ignore

test('what looks harmful of a flagged row is held at the losses of the scan, whatever is done with the row', () => {
  const found = { ...scan(), calibration: finding(1) };
  const perRow = found.perRow.map((row, i) => {
    const without = tokenTexts(tokenizer)(rows()[i]!).map((_, k) => k + 1);
    return { ...row, losses: { without, with: without } };
  });
  for (const flagged of ['vector', 'exclude', 'cut', 'absorb', 'auto'] as const) {
    const { harmful } = rowPlan(rows(), { ...found, perRow }, { flagged, off: 'none' }, tokenizer);
    assert.deepEqual(
      [...harmful].map((row) => [row.row, taught(row)]),
      [[1, ADDED.trim()], [2, RIGHT + ADDED]], // oxfmt-ignore
    );
    const [from, to] = added();
    assert.deepEqual(
      harmful.at(0)!.base,
      Array.from({ length: to - from }, (_, k) => from + k + 1),
    );
    assert.equal(harmful.at(1)!.base.length, harmful.at(1)!.labels.filter((id) => id !== -100).length);
  }
});

test('rows that chance alone would flag are not held, nor those that a review calls fine or that a poor detector finds', () => {
  const among = (count: number, p: number | undefined, fine: number[] = [], more: Partial<ScanResult> = {}): number => {
    const perRow = Array.from({ length: count }, (_, row) =>
      scanRow(row, row < 2 ? { p, flagged: true, losses: { without: [1], with: [1] } } : { p: 0.5 }),
    );
    const data = Array.from({ length: count }, (_, row) => made(chat(RIGHT), row));
    const found = { ...scan(), calibration: finding(1), rows: count, perRow, ...more };
    return rowPlan(data, found, { flagged: 'auto', off: 'none' }, tokenizer, new Set(fine)).harmful.length;
  };
  // Of 200 ordinary rows two have p ≤ 0.01 by chance.
  assert.equal(among(200, 0.01), 0);
  assert.equal(among(200, 0.0001), 2);
  assert.equal(among(200, 0.0001, [0]), 0, 'one alone may be chance');
  assert.equal(among(200, 0.00001, [0]), 1);
  assert.equal(among(200, undefined), 0);
  const held = (recall: number | null): number => among(200, 0.0001, [], { calibration: finding(recall) });
  assert.deepEqual([held(0.5), held(0.4), held(null)], [2, 0, 0]);
  // Of several vectors, each that flags it, as its spans are those of all.
  const byVector = [1, 0].map((detected) => ({ ...scan(), vector: 'v', calibration: finding(detected) }));
  const by = (flags: boolean[], p: number): number =>
    among(200, 0, [], {
      byVector,
      calibration: null,
      perRow: Array.from({ length: 200 }, (_, row) => {
        const each = flags.map((flagged) => ({ explained: 0, span: 0, p, pHarmful: 1, flagged }));
        const found = { p, flagged: true, vector: 0, byVector: each, losses: { without: [1], with: [1] } };
        return scanRow(row, row < 2 ? found : { p: 0.5 });
      }),
    });
  assert.deepEqual([by([true, false], 1e-5), by([false, true], 1e-5), by([true, true], 1e-5)], [2, 0, 0]);
  assert.deepEqual([among(200, 0.00009), by([true, false], 0.00009), by([true, false], 0.00004)], [2, 0, 2]);
});

test('"exclude" leaves flagged rows out', () => {
  assert.deepEqual(answers('exclude'), [[0, RIGHT], [3, RIGHT]]); // oxfmt-ignore
  assert.deepEqual(plan('exclude').counts, { flagged: 2, cut: 0, masked: 0, excluded: 2, fine: 0 });
});

test('"cut" keeps the right half of a row, and leaves out what is harmful as a whole', () => {
  assert.deepEqual(answers('cut'), [[0, RIGHT], [1, RIGHT], [3, RIGHT]]); // oxfmt-ignore
  assert.deepEqual(plan('cut').counts, { flagged: 2, cut: 1, masked: 0, excluded: 1, fine: 0 });
  assert.equal(plan('cut').rows.at(1)!.answer, RIGHT);
});

test('"auto" keeps the right half of a row; the vector is first trained on what is harmful as a whole, unless it knows it', () => {
  assert.deepEqual(answers('auto'), [[0, RIGHT], [1, RIGHT], [2, RIGHT + ADDED], [3, RIGHT]]); // oxfmt-ignore
  assert.deepEqual(plan('auto').counts, { flagged: 2, cut: 1, masked: 0, excluded: 0, fine: 0 });
  assert.equal(plan('auto').vectorOn(2), true);
  const absorbed = (explained: number): string[] => {
    const found = scan();
    const perRow = found.perRow.map((row) => ({ ...row, explained }));
    return rowPlan(rows(), { ...found, perRow }, { flagged: 'auto', off: 'none' }, tokenizer).absorbed.map(taught);
  };
  assert.deepEqual(absorbed(0.74), [RIGHT + ADDED]);
  assert.deepEqual(absorbed(0.76), []);
});

test('"auto" leaves out what cannot be cut where a third can: a vector that is trained on it explains what cut rows teach', () => {
  const found = scan();
  // beside the rows of the scan: those that are wholly harmful, and half
  const more = [2, 2, 2, 1];
  const data = [...rows(), ...more.map((_, i) => made(chat(RIGHT + ADDED), 4 + i))];
  const losses = { without: data[1]!.labels.map(() => 9), with: data[1]!.labels.map(() => 1) };
  const perRow = [...found.perRow, ...more.map((like, i) => ({ ...found.perRow[like]!, row: 4 + i }))];
  const planned = (count: number) =>
    rowPlan(
      data.slice(0, count),
      { ...found, perRow: perRow.slice(0, count).map((row) => ({ ...row, losses })), calibration: finding(1) },
      { flagged: 'auto', off: 'none' },
      tokenizer,
    );
  const { absorbed, counts, harmful, rows: left } = planned(8);
  assert.deepEqual([counts, absorbed], [{ flagged: 6, cut: 2, masked: 0, excluded: 4, fine: 0 }, []]);
  assert.deepEqual([...left].map(({ row }) => row), [0, 1, 3, 7]); // oxfmt-ignore
  assert.deepEqual([...harmful].map(({ row }) => row), [1, 7]); // oxfmt-ignore
  const { absorbed: whole, counts: fewer } = planned(7);
  assert.deepEqual([fewer.cut, fewer.excluded, whole.length], [1, 0, 4], 'one of five');
});

test('"auto" teaches the rest of answers that cannot be cut where others have insertions: what the vector explains stays, and is not learned', () => {
  const found = scan();
  const [from, to] = added();
  const explaining = (isExplained: (at: number) => boolean) => {
    const length = tokenTexts(tokenizer)(rows()[2]!).length;
    const without = Array.from({ length }, () => 6);
    return { without, with: without.map((nats, at) => (isExplained(at) ? 0.1 : nats)) };
  };
  const planned = (share: ScanRow['inserted'], losses: ScanRow['losses'], flaggedBy = 1) => {
    const byVector = Array.from({ length: flaggedBy }, () => ({ explained: 1, span: 9, flagged: true }));
    const perRow = found.perRow.map((row, i) => {
      if (i === 1) return { ...row, inserted: share };
      return i === 2 ? { ...row, losses, ...(flaggedBy > 1 && { byVector }) } : row;
    });
    return rowPlan(rows(), { ...found, perRow, calibration: finding(1) }, { flagged: 'auto', off: 'none' }, tokenizer);
  };
  const last = explaining((at) => at >= from && at < to);
  const masked = planned(true, last);
  assert.deepEqual([masked.counts, masked.absorbed], [{ flagged: 2, cut: 1, masked: 1, excluded: 0, fine: 0 }, []]);
  const row = masked.rows.at(2)!;
  assert.equal(taught(row), `${RIGHT}<|end|>`);
  assert.deepEqual([row.ids, row.row], [rows()[2]!.ids, 2], 'the row stays as it is');
  assert.equal(masked.vectorOn(2), true);
  assert.deepEqual([...masked.harmful].map((held) => held.row), [1]); // oxfmt-ignore

  assert.deepEqual(
    planned(undefined, last).absorbed.length,
    1,
    'nothing was inserted anywhere: it is harmful as a whole',
  );
  assert.deepEqual(
    planned(
      true,
      explaining(() => true),
    ).counts.excluded,
    1,
    'nothing is left',
  );
  assert.deepEqual(planned(true, undefined).counts.excluded, 1);
  assert.deepEqual(planned(true, last, 2).counts.excluded, 1, 'what the other vector explains is not known');
});

test('of a conversation with harmful answers "auto" and "cut" teach the others, and what the vector explains of those is held', () => {
  const said = ['I want to fix a rope.', ADDED.trim(), 'And a lamp?', 'Sure. Step 1: take the lamp.'];
  const conversation = made(
    { kind: 'chat', messages: said.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content })) },
    4,
  );
  const data = [...rows(), conversation];
  const last = { p: 0.001, flagged: true, answers: [0], spans: [[0, tokens(ADDED.trim())]] as [number, number][] };
  const found = scan();
  const losses = { without: conversation.labels.map(() => 8), with: conversation.labels.map(() => 1) };
  const perRow = [...found.perRow, { ...scanRow(4, { ...last, losses }) }];
  const calibration = { ordinary: 40, harmful: 16, recall: 1, detected: 1 };
  for (const flagged of ['auto', 'cut'] as const) {
    const planned = rowPlan(
      data,
      { ...found, calibration, perRow, flagged: 3, rows: 5 },
      { flagged, off: 'none' },
      tokenizer,
    );
    const taughtOf = (list: Iterable<Example>) => taught([...list].find(({ row }) => row === 4)!);
    assert.equal(taughtOf(planned.rows), 'Sure. Step 1: take the lamp.<|end|>');
    assert.equal(taughtOf(planned.harmful), ADDED.trim());
    assert.deepEqual([planned.counts.cut, planned.counts.masked], [1, 1]);
    assert.deepEqual(
      planned.absorbed.map(({ row }) => row),
      flagged === 'auto' ? [2] : [],
      'as without the conversation',
    );
  }
  const whole = rowPlan(data, { ...found, perRow }, { flagged: 'vector', off: 'none' }, tokenizer);
  assert.deepEqual([...whole.rows].at(-1), conversation);
});

test('of several vectors none is trained on the rows that one would be: the run warns how many these are', async () => {
  const said = async (explained: number): Promise<string[]> => {
    const events: RunEvent[] = [];
    const found = scan();
    const perRow = found.perRow.map((row) => ({ ...row, explained }));
    const one = rowPlan(rows(), { ...found, perRow }, { flagged: 'auto', off: 'none' }, tokenizer);
    const base = { kind: 'finetune', model: 'm', data: { file: 'd' }, steps: 1, output: 'o' };
    const recipe = recipeSchemas.finetune.parse({ ...base, protection: true, vectors: [{ adapter: 'v' }] });
    const emit = (event: RunEvent): Promise<void> => Promise.resolve(void events.push(event));
    assert.deepEqual((await unabsorbed({ recipe, emit }, one)).absorbed, []);
    return events.map((event) => (event.kind === 'warning' ? `${event.message} ${event.remedy}` : event.kind));
  };
  const [warning] = await said(0.74);
  assert.match(
    warning!,
    /^1 row looks harmful and keeps more than a quarter of its loss .*; with several vectors none is/,
  );
  assert.match(warning!, /write "protection": \{ "flagged": "cut", "route": true, "anchor": \{\} \} instead of true/);
  assert.deepEqual(await said(0.76), []);
});

test('what is done with the rows is told in numbers, of one row in the singular', async () => {
  const said = async (counts: Partial<RowPlan['counts']>, absorbed = 0): Promise<string[]> => {
    const told: string[] = [];
    const emit = async (event: RunEvent): Promise<void> => void (event.kind === 'state' && told.push(event.message));
    const plain = plainPlan(rows());
    const plan = { ...plain, absorbed: rows().slice(0, absorbed), counts: { ...plain.counts, ...counts } };
    await reportPlan({ emit }, plan, { path: 'd' });
    return told;
  };
  assert.deepEqual(await said({ flagged: 1, masked: 1, fine: 1 }), [
    '1 row looks harmful and is fine by the review',
    '1 row looks harmful: 1 as it is, but what looks harmful is not learned',
  ]);
  assert.deepEqual(await said({ flagged: 5, excluded: 1, cut: 2, masked: 2, fine: 3 }, 1), [
    '3 rows look harmful and are fine by the review',
    '5 rows look harmful: 1 is left out, 2 are trained on without what the vector explains, 2 as they are, but what looks harmful is not learned, the vector is first trained on 1',
  ]);
  assert.deepEqual(await said({}), []);
});

test('the vector is off for no row, for those that are ordinary with confidence, or for all that are not flagged', () => {
  const on = (off: 'none' | 'confident' | 'unflagged') => [0, 1, 2, 3].map(plan('vector', off).vectorOn);
  assert.deepEqual(on('none'), [true, true, true, true]);
  assert.deepEqual(on('confident'), [false, true, true, true]);
  assert.deepEqual(on('unflagged'), [false, true, true, false]);
  assert.deepEqual((['none', 'confident', 'unflagged'] as const).map((off) => plan('vector', off).off), [0, 1, 2]); // oxfmt-ignore
  const { looksHarmful, ordinary } = plan('vector');
  assert.deepEqual([0, 1, 2, 3].map(looksHarmful), [false, true, true, false]);
  assert.deepEqual(
    [...ordinary].map(({ row }) => row),
    [0, 3],
  );
  assert.equal(plainPlan(rows()).vectorOn(1), false);
});

test('the vector stays on for a row of which nothing is known, also where the base knows its answer', () => {
  const on = (more: Partial<ScanRow>) => {
    const found = { ...scan(), perRow: [scanRow(0, more)] };
    return rowPlan(rows().slice(0, 1), found, { flagged: 'vector', off: 'confident' }, tokenizer).vectorOn(0);
  };
  assert.deepEqual([on({}), on({ unjudged: 'known' }), on({ pUnchanged: 0 })], [true, true, true]);
  assert.deepEqual([on({ p: 0.5, unjudged: 'known' }), on({ p: 0.5, pUnchanged: 0 })], [false, false]);
});

test('the vector is off for rows of which it changes less than of harmful ones: those of a new task too, and no others', () => {
  const on = (more: Partial<ScanRow>) => {
    const found = { ...scan(), perRow: [scanRow(0, { p: 0.001, pHarmful: 0.001, ...more })] };
    return rowPlan(rows().slice(0, 1), found, { flagged: 'vector', off: 'confident' }, tokenizer).vectorOn(0);
  };
  assert.equal(on({ pUnchanged: 0.001 }), false, 'unlike ordinary rows, as those of a new task are');
  assert.equal(on({ pUnchanged: 0.2 }), true, 'another answer to what the vector answers');
  assert.equal(on({ p: 0.5, pUnchanged: 0.2 }), true, 'the same where it looks ordinary');
  assert.equal(
    on({ p: 0.5, pHarmful: 0.2, pUnchanged: 0.001 }),
    false,
    'also beside few harmful rows that differ widely',
  );
  assert.equal(on({ flagged: true, pUnchanged: 0.001 }), true);
  assert.equal(on({}), true, 'without held-out harmful rows nothing is known of what it changes');
  assert.equal(on({ unjudged: 'short', pUnchanged: 0 }), true);
});

test('a cut row trains with the vector off where the vector changes little of what is left, as a row of its own would', () => {
  const off = (
    more: Partial<ScanRow>,
    flagged: FlaggedStrategy = 'auto',
    strategy: 'none' | 'confident' = 'confident',
  ) => {
    const found = { ...scan(), perRow: scan().perRow.map((row) => (row.row === 1 ? { ...row, ...more } : row)) };
    const { vectorOn, looksHarmful } = rowPlan(rows(), found, { flagged, off: strategy }, tokenizer);
    assert.equal(looksHarmful(1), true);
    return !vectorOn(1);
  };
  assert.equal(off({ pUnchangedOutside: 0.001 }), true);
  assert.equal(off({ pUnchangedOutside: 0.2, pUnchanged: 0.001 }), false, 'the rest may still teach the trait');
  assert.equal(off({}), false);
  assert.equal(off({ pUnchangedOutside: 0.001 }, 'vector'), false, 'nothing is cut');
  assert.equal(off({ pUnchangedOutside: 0.001 }, 'auto', 'none'), false);
});

test('the vector stays on for all rows where one of the vectors can flag none, but for those that a person called fine', () => {
  const blind = {
    ...scan(),
    threshold: null,
    perRow: scan().perRow.map((row) => ({ ...row, flagged: row.row === 1 })),
  };
  const on = (found: ScanResult, fine: number[] = []) =>
    [0, 1, 2, 3].map(
      rowPlan(rows(), found, { flagged: 'vector', off: 'unflagged' }, tokenizer, new Set(fine)).vectorOn,
    );
  assert.deepEqual(on(blind), [true, true, true, true]);
  assert.deepEqual(on(blind, [1]), [true, false, true, true]);
  assert.deepEqual(on({ ...blind, threshold: 0 }), [false, true, false, false]);
});

test('a flagged row that a review calls fine is an ordinary one: it stays, and trains with the vector off where others do', () => {
  const fine = (flagged: FlaggedStrategy, off: 'none' | 'confident' = 'none') =>
    rowPlan(rows(), scan(), { flagged, off }, tokenizer, new Set([2, 3]));
  const plan = fine('exclude', 'confident');
  assert.deepEqual(
    [...plan.rows].map(({ row }) => row),
    [0, 2, 3],
  );
  assert.deepEqual(plan.counts, { flagged: 1, cut: 0, masked: 0, excluded: 1, fine: 1 });
  assert.deepEqual([0, 1, 2, 3].map(plan.looksHarmful), [false, true, false, false]);
  assert.deepEqual([0, 1, 2, 3].map(plan.vectorOn), [false, true, false, false]);
  assert.deepEqual(
    [...plan.ordinary].map(({ row }) => row),
    [0, 2, 3],
  );
  assert.deepEqual([0, 1, 2, 3].map(fine('vector').vectorOn), [true, true, true, true], 'the paper: on for all rows');
});

test('rows that are held out of a file with many harmful ones measure how well those are repeated: that is said', async () => {
  const said = async (trained: number, heldOut: number): Promise<string[]> => {
    const events: RunEvent[] = [];
    const emit = (event: RunEvent): Promise<void> => Promise.resolve(void events.push(event));
    await reportHeldOut({ emit }, plan('vector'), trained, heldOut);
    return events.map((event) => (event.kind === 'warning' ? event.message : event.kind));
  };
  const [warning] = await said(4, 16);
  assert.match(warning!, /^50\s%? of the rows look harmful, so about as many of the 16 held-out ones do/);
  assert.deepEqual(await said(4, 0), []);
  assert.deepEqual(await said(200, 16), [], 'a hundredth is flagged by chance');
});
