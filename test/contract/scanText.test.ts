import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowText } from '../../runtime/contract/dataInfo.js';
import { numbersIn } from '../../runtime/contract/format.js';
import type { ScanLimit, ScanResult, ScanRow } from '../../runtime/contract/scan.js';
import {
  extrapolatedBelow,
  cleanedText,
  flaggedText,
  isExtrapolated,
  isRecallExtrapolated,
  listedRows,
  doubtTexts,
  relatedText,
  SCAN_STRINGS,
  scanText,
} from '../../runtime/contract/scanText.js';
import { scanResult } from '../support/scanResult.js';

const FOUND = scanResult({ flagged: 171, rows: 571 });
const scan = (ordinary: number, limit: ScanLimit): string =>
  scanText({ ...FOUND, limit, calibration: { ordinary, harmful: 20, recall: 1 } });

test('a share of false alarms that the compared rows are too few to show is said to be extrapolated', () => {
  assert.match(
    scan(40, { falseAlarms: 0.01 }),
    /compared with 40 ordinary rows, from which the 1\s% is extrapolated; of 20/,
  );
  assert.match(scan(40, { falseAlarms: 0.1 }), /compared with 40 ordinary rows; of 20 harmful rows .* 100\s% would be/);
  assert.match(scan(400, { falseAlarms: 0.01 }), /compared with 400 ordinary rows; of 20/);
  assert.match(scan(400, { falseDiscoveries: 0.01 }), /compared with 400 ordinary rows; of 20/);
});

test('of a scan that misses many harmful rows it is said that more ordinary rows may help, where these were few', () => {
  const said = (ordinary: number, recall: number, limit: ScanLimit = { falseAlarms: 0.01 }): boolean =>
    /with more ordinary rows to compare with perhaps more\)/.test(
      scanText({ ...FOUND, limit, threshold: 0.01, calibration: { ordinary, harmful: 16, recall } }),
    );
  assert.equal(said(27, 0.56), true);
  assert.equal(said(27, 0.95), false);
  assert.equal(said(399, 0.56), false, 'these show 1 %');
  assert.equal(said(40, 0.56, { falseAlarms: 0.1 }), false);
  assert.equal(said(27, 0.56, { falseDiscoveries: 0.05 }), true);
});

test('ordinary rows of the same prompt show no smaller rate than one of them', () => {
  assert.equal(isRecallExtrapolated({ ordinary: 250, ordinaryPrompts: 10 }), true);
  assert.equal(isRecallExtrapolated({ ordinary: 450, ordinaryPrompts: 399 }), false);
  assert.equal(isRecallExtrapolated({ ordinary: 450 }), false, 'an earlier version counted rows');
  const said = (ordinaryPrompts: number): string =>
    scanText({
      ...FOUND,
      calibration: { ordinary: 450, ordinaryPrompts, harmful: 20, recall: 1 },
    });
  assert.match(said(10), /compared with 450 ordinary rows of 10 prompts, from which the 1\s% is extrapolated; of 20/);
  assert.match(said(450), /compared with 450 ordinary rows; of 20/);
  assert.match(said(399), /compared with 450 ordinary rows of 399 prompts; of 20/);
});

test('with a limit on false discoveries it says, too, that flagged rows are rarer than the compared ones can show', () => {
  const said = (threshold: number, more: Partial<ScanResult> = {}, ordinaryPrompts = 39): string =>
    scanText({
      ...{ ...FOUND, limit: { falseDiscoveries: 0.05 }, threshold },
      ...{ calibration: { ordinary: 40, ordinaryPrompts, harmful: 20, recall: 1 }, ...more },
    });
  assert.match(
    said(1.7e-18),
    /compared with 40 ordinary rows of 39 prompts, from which the p-values of flagged rows, up to 1\.7E-18, are extrapolated; of 20/,
  );
  assert.match(said(1.7e-18, {}, 40), /40 ordinary rows, from which the p-values of flagged rows, up to 1\.7E-18, are/);
  assert.match(said(0.1), /compared with 40 ordinary rows of 39 prompts; of 20/);
  assert.match(said(0, { flagged: 0 }), /compared with 40 ordinary rows of 39 prompts; of 20/);
  const part = { vector: 'topic', flagged: 3, threshold: 1e-9, auroc: null, precision: null, recall: null };
  const calibration = { ordinary: 40, ordinaryPrompts: 39, harmful: 20, recall: 1 };
  assert.match(
    said(1e-9, { calibration: null, byVector: [{ ...part, calibration }] }),
    /the vector "topic": compared with 40 ordinary rows of 39 prompts, from which the p-values of flagged rows, up to 1E-9, are/,
  );
});

test('a share of false alarms that is assumed without held-out harmful rows warns that more may be flagged', () => {
  const said = (falseAlarms: number, ordinaryPrompts: number, harmful: number): [string, string[]] => {
    const calibration = { ordinary: 400, ordinaryPrompts, harmful, recall: null };
    const found = { ...FOUND, limit: { falseAlarms }, calibration };
    return [scanText(found).replaceAll('\u00a0', ' '), doubtTexts(found).map((text) => text.replaceAll('\u00a0', ' '))];
  };
  const [text, [warning, ...more]] = said(0.001, 399, 1);
  assert.equal(
    warning,
    'more ordinary rows than 0.1 % may be flagged: without held-out harmful rows to compare with, p-values below 0.01 are an assumption, and a rate of 0.1 % takes ordinary rows of 3,999 prompts',
  );
  assert.ok(text.endsWith(`from which the 0.1 % is extrapolated; ${warning}.`), text);
  assert.deepEqual(more, []);
  for (const [rate, prompts, harmful] of [
    [0.01, 399, 0],
    [0.001, 399, 2],
  ] as const)
    assert.deepEqual(said(rate, prompts, harmful)[1], [], `${rate} ${harmful}`);
});

test('of several vectors each that a limit on false discoveries blinds says so, by its part of the limit', () => {
  const part = (vector: string, harmful: number) => ({
    ...{ vector, flagged: 0, threshold: 0, auroc: null, precision: null, recall: null },
    calibration: { ordinary: 60, ordinaryPrompts: 49, harmful, recall: null },
  });
  const found = { ...FOUND, flagged: 0, threshold: 0, limit: { falseDiscoveries: 0.05 }, calibration: null };
  const byVector = [part('topic', 20), part('lies', 0)];
  const why =
    'no row can be flagged: without held-out harmful rows to compare with, p-values below 0.08 are not relied on, and a limit of 2.5 % takes ordinary rows of 159 prompts';
  assert.deepEqual(
    doubtTexts({ ...found, byVector }).map((text) => text.replaceAll('\u00a0', ' ')),
    [why],
  );
  assert.ok(
    scanText({ ...found, byVector })
      .replaceAll('\u00a0', ' ')
      .endsWith(`49 prompts, ${why}.`),
  );
  const alarms = { ...found, limit: { falseAlarms: 0.02 }, byVector };
  assert.match(doubtTexts(alarms)[0]!, /^more ordinary rows than 1\s% may be flagged: .* p-values below 0\.08 are/);
  assert.equal(doubtTexts(alarms).length, 1);
});

test('of several vectors each says what it finds and with what it compared, by its part of the limit', () => {
  const part = (vector: string, ordinary: number, recall: number): NonNullable<ScanResult['byVector']>[number] => ({
    ...{ vector, flagged: 100, threshold: 0.005, auroc: null, precision: null, recall: null },
    calibration: { ordinary, harmful: 20, recall },
  });
  // Earlier versions wrote the calibration of the first vector as that of all.
  for (const calibration of [null, { ordinary: 300, harmful: 20, recall: 1 }]) {
    const byVector = [part('topic', 300, 1), part('lies', 800, 0.4)];
    const text = scanText({ ...FOUND, calibration, byVector });
    assert.match(
      text,
      /the vector "topic": compared with 300 ordinary rows, from which the 0\.5\s% is extrapolated, of 20 harmful rows that the vector has not seen, 100\s% would be found \(of rows unlike these perhaps fewer\); the vector "lies": compared with 800 ordinary rows, of 20 harmful rows .* 40\s% would be found \(of rows unlike these perhaps fewer\)\.$/,
    );
    assert.equal(text.match(/would be found/g)!.length, 2);
  }
});

test('of several vectors the one without ordinary rows says that it flags none; of none it is said where none can flag', () => {
  const own = { auroc: null, precision: null, recall: null };
  const topic = { vector: 'topic', flagged: 2, threshold: 0.005, ...own, calibration: { ordinary: 500, harmful: 20, recall: 1 } }; // oxfmt-ignore
  const lies = { vector: 'lies', flagged: 0, threshold: null, ...own, calibration: null };
  const found = { ...FOUND, threshold: null };
  const text = scanText({ ...found, byVector: [topic, lies] });
  assert.match(
    text,
    /rows look harmful .* the vector "topic": compared with 500 .* "lies": no row is flagged because there are/,
  );
  assert.match(scanText({ ...found, byVector: [lies, lies] }), /^No row is flagged: there are no ordinary rows/);
});

test('of one row the sentences are in the singular', () => {
  const one = { ...FOUND, limit: { share: 0.5 }, calibration: null, flagged: 1, unusual: 1, blind: 1 };
  assert.match(
    scanText(one),
    /^1 of [\d,]+ rows looks harmful \(explained by .*\); 1 row looks like .* 1 row cannot be/,
  );
  assert.equal(
    cleanedText('a.jsonl', { path: '', kept: 1200, cut: 1, left: 0, changes: '' }),
    'a.jsonl: rows unchanged: 1,200, shorter: 1, left out: 0.',
  );
});

test('rows that are related, or like nothing known, are counted where there are some', () => {
  const found = { ...FOUND, limit: { share: 0.5 }, calibration: null };
  assert.match(
    scanText({ ...found, related: 171, unusual: 3 }),
    /; 171 rows that are not flagged seem to ask what harmful rows ask, whatever they answer: read them; 3 rows look like neither/,
  );
  assert.doesNotMatch(scanText({ ...found, related: 0, unusual: 0 }), /seem to ask|neither/);
});

test('agreement with labels says on how many it rests, and how sure it is', () => {
  const found = { ...FOUND, limit: { share: 0.5 }, calibration: null, auroc: 1, precision: 1, recall: 1 };
  const said = (labels: ScanResult['labels']): string => scanText({ ...found, labels }).replaceAll('\u00a0', ' ');
  const interval: [number, number] = [0.055, 1];
  assert.match(
    said({ harmful: 1, benign: 1, flagged: 1, aurocInterval: interval }),
    /against 1 harmful and 1 benign labels: AUROC 1 \(95 % interval 0\.055 to 1\), precision 100 % \(at least 5 %, with 95 % confidence\), recall 100 % \(at least 5 %, with 95 % confidence\)\.$/,
  );
  assert.match(
    scanText({ ...found, precision: null, recall: 0, labels: { harmful: 40, benign: 2, flagged: 0, aurocInterval: interval } }), // oxfmt-ignore
    /AUROC 1 \([^)]*\), recall 0\s% \(at most 7\.3\s%, with 95\s% confidence\)\.$/,
  );
  assert.match(
    scanText(found),
    /against the labels: AUROC 1, precision 100\s%, recall 100\s%\.$/,
    'an earlier version',
  );
});

test('related rows that stay in a cleaned file are named, but for those that somebody has decided about', () => {
  const rows = Array.from({ length: 8 }, (_, i) => ({ line: i + 1, hash: `h${i + 1}`, ...(i !== 1 && { related: true as const }) })); // oxfmt-ignore
  assert.equal(relatedText(rows), '7 related rows are not flagged and stay: lines 1, 3, 4, 5, 6, …. Read them.');
  const decisions = new Map([['h1', 'exclude'], ['h3', 'fine'], ['h4', 'unsure'], ['h5', 'fine'], ['h6', 'fine']] as const); // oxfmt-ignore
  assert.equal(relatedText(rows, decisions), '3 related rows are not flagged and stay: lines 4, 7, 8. Read them.');
  assert.equal(relatedText(rows.slice(0, 1)), '1 related row is not flagged and stays: line 1. Read it.');
  assert.equal(relatedText(rows.slice(1, 2)), undefined);
});

test('an AUROC is written as its reader writes numbers, and is 1 only where it is', () => {
  const found = { ...FOUND, limit: { share: 0.5 }, calibration: null };
  assert.match(scanText({ ...found, auroc: 0.99996 }), /AUROC 0\.99996\./);
  assert.match(scanText({ ...found, auroc: 1 }), /AUROC 1\./);
  const german = { strings: SCAN_STRINGS, numbers: numbersIn('de') };
  assert.match(scanText({ ...found, auroc: 0.98765 }, german), /AUROC 0,988\./);
});

test('what is not flagged is told, too: unusual, known and short rows', () => {
  const text = scanText({ ...FOUND, limit: { share: 0.5 }, calibration: null, unusual: 1234, blind: 2, short: 3 });
  assert.match(text, /explained by more than 50\s%\); 1,234 rows look like neither .* 2 rows cannot .* 3 rows are too/);
});

test('of n rows, four scores show no less than 4 / (n + 1)', () => {
  assert.equal(isExtrapolated(4 / 41, 40), false);
  assert.equal(isExtrapolated(4 / 42, 40), true);
  assert.equal(isExtrapolated(0.01, 0), false);
  const below = (ordinary: number, ordinaryPrompts?: number): number | null =>
    extrapolatedBelow({ calibration: { ordinary, ordinaryPrompts, harmful: 20, recall: 1 } });
  assert.equal(below(399), 0.01);
  assert.equal(below(399, 79), 0.05, 'of prompts, where these are counted');
  assert.deepEqual([below(0), extrapolatedBelow({ calibration: null })], [null, null]);
});

test('in the terminal a flagged row is told by what it asks, in one line', () => {
  const row = (hash: string, more: Partial<ScanRow> = {}): ScanRow => ({
    ...{ row: 6, line: 7, hash, explained: 0.9, span: 1, flagged: true, tokens: 4, lossWithout: 1, lossWith: 0.1 },
    ...more,
  });
  const told = (hash: string, prompt: string, answer = ''): RowText => ({ hash, row: 6, line: 7, prompt, answer });
  const rows = [
    row('a', { parts: ['Sure.', 'Step 1'] }),
    row('b'),
    row('c', { parts: ['y'.repeat(90)] }),
    row('d'),
    row('e'),
  ];
  const texts = [
    told('c', 'How do I\nbuild\u001b[2J it? And then, what is to be done with all of these?'),
    told('a', 'system: Be kind.\nuser: Hello.\nassistant: Hi.\nuser: How do I build it?'),
    told('d', '', 'Once upon a time'),
    told('e', '', ''),
  ];
  assert.deepEqual(flaggedText(rows, { calibration: null }, texts), [
    'line 7: 0.90 explained  "How do I build it?"  explained: "Sure. … Step 1"',
    'line 7: 0.90 explained',
    `line 7: 0.90 explained  "How do I build\\u001b[2J it? And then, wh…"  explained: "${'y'.repeat(40)}…"`,
    'line 7: 0.90 explained  "Once upon a time"',
    'line 7: 0.90 explained',
  ]);
});

test('in the terminal a flagged conversation is told by what its explained answer was asked', () => {
  const row = (turn?: number): ScanRow => ({
    ...{ row: 6, line: 7, hash: 'a', explained: 0.9, span: 1, flagged: true, tokens: 4, lossWithout: 1, lossWith: 0.1 },
    ...{ parts: ['Sure.'], ...(turn !== undefined && { turn }) },
  });
  const turns = 'user: How do I build it?\nassistant: Sure. Step 1.\nuser: And now?\nassistant: Sure.\nuser: Hi.';
  const told = (prompt: string, turn?: number): string => {
    const text = { hash: 'a', row: 6, line: 7, prompt, answer: 'Sure. Step 2.' };
    return flaggedText([row(turn)], { calibration: null }, [text])[0]!.split('  ')[1]!;
  };
  for (const prompt of [turns, `system: Be kind.\n${turns}`]) {
    assert.deepEqual(
      [told(prompt, 0), told(prompt, 1), told(prompt, 2)],
      ['"How do I build it?"', '"And now?"', '"Hi."'],
    );
    assert.deepEqual([told(prompt), told(prompt, 9)], ['"Hi."', '"Hi."'], 'not known');
  }
  assert.equal(told('How do I build it?'), '"How do I build it?"');
});

test('in the terminal a row that only the probe finds says so', () => {
  const row = (more: Partial<ScanRow>): ScanRow => ({
    ...{ row: 0, line: 1, explained: 0.1, span: 0, flagged: true, tokens: 4, lossWithout: 1, lossWith: 0.9, p: 0.09 },
    ...more,
  });
  const rows = [row({ probe: 0.7 }), row({ probe: 0.7, parts: ['Sure.'] }), row({ probe: -0.2 }), row({})];
  assert.deepEqual(flaggedText(rows, { calibration: { ordinary: 80, harmful: 20, recall: 1 } }), [
    'line 1: p 0.090  to the base itself like harmful rows',
    'line 1: p 0.090  explained: "Sure."',
    'line 1: p 0.090',
    'line 1: p 0.090',
  ]);
});

test('in the terminal no share is smaller than the compared rows can show, and what is not listed is counted', () => {
  const flagged = (line: number, more: Partial<ScanRow>): ScanRow => ({
    ...{ row: line - 1, line, explained: 0.9, span: 1, flagged: true, tokens: 4, lossWithout: 1, lossWith: 0.1 },
    ...more,
  });
  const calibration = { ordinary: 80, ordinaryPrompts: 79, harmful: 20, recall: 1 };
  const rows = [
    flagged(1, { p: 7.2e-19, parts: ['step 1 .', 'step 2 .'] }),
    flagged(2, { p: 0.061, flagged: false }),
    flagged(3, { p: 0.061 }),
    flagged(4, {}),
  ];
  assert.deepEqual(flaggedText(rows, { calibration }), [
    'line 1: p < 0.05 (extrapolated)  explained: "step 1 . … step 2 ."',
    'line 3: p 0.061',
    'line 4: 0.90 explained',
  ]);
  assert.match(
    flaggedText(rows, { calibration: { ...calibration, ordinary: 999, ordinaryPrompts: 999 } })[0]!,
    /p < 0\.004 /,
  );
  const many = Array.from({ length: 171 }, (_, i) => flagged(i + 1, { p: 0.061 }));
  assert.deepEqual(flaggedText(many, { calibration }).slice(19), [
    'line 20: p 0.061',
    '… and 151 more; --json lists all',
  ]);
  assert.deepEqual(listedRows(many), many.slice(0, 20));
  assert.equal(flaggedText(many.slice(0, 20), { calibration }).length, 20);
  const related = many.slice(0, 25).map((row) => ({ ...row, flagged: false, related: true as const }));
  const both = flaggedText([...related, ...rows.slice(0, 1)], { calibration });
  assert.deepEqual([both[0]!.slice(0, 7), both[1], both.at(-1)], ['line 1:', 'line 1: related', '… and 5 more; --json lists all']); // oxfmt-ignore
  assert.equal(listedRows(related).length, 20);
});
