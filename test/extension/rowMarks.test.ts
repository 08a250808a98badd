/** Marks follow their rows through edits, and a row whose text is not the one that was scanned says so. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markText } from '../../extension/codelens/titles.js';
import { looksOf, RowMarks, type Change, type Mark } from '../../extension/data/rowMarks.js';
import { rowKey, rowKeyOf } from '../../extension/data/rows.js';
import type { ScanRow } from '../../runtime/contract/scan.js';
import { change, FakeDocument } from './textDocument.js';

const rows = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `{"prompt":"row ${i}","completion":"x"}`);

/** A text of which the rows that `is` names are marked, all looked at. */
function marked(count: number, is: (row: number) => boolean) {
  const texts = rows(count);
  const marks: Mark[] = texts.flatMap((text, i) =>
    is(i) ? [{ line: i + 1, looks: { explained: 0.5 + i / 1e6 }, key: rowKey(text) }] : [],
  );
  const document = new FakeDocument('/w/train.jsonl', `${texts.join('\n')}\n`);
  const it = new RowMarks(marks, count + 1, document);
  const settle = (): void =>
    assert.equal(
      it.work(document, () => false),
      true,
    );
  settle();
  const edit = (...changes: Change[]): Change[] => {
    const undo = document.apply(changes);
    it.edit(changes, document);
    settle();
    return undo;
  };
  const shown = (): string[] => it.list().map(({ line, edited }) => `${line}${edited ? ' edited' : ''}`);
  return { it, document, edit, shown, marks };
}

const even = (row: number): boolean => row % 2 === 0;
const length = rows(10)[4]!.length;

test('one typed character changes one mark, and undo restores it', () => {
  const { it, edit, shown } = marked(10, even);
  assert.deepEqual(shown(), ['0', '2', '4', '6', '8']);
  const undo = edit(change([4, 5], [4, 5], 'x'));
  assert.deepEqual(shown(), ['0', '2', '4 edited', '6', '8']);
  assert.deepEqual(it.counts(), { edited: 1, gone: 0 });
  edit(...undo);
  assert.deepEqual(shown(), ['0', '2', '4', '6', '8']);
});

test('rows that are inserted or removed above move the marks below', () => {
  const { it, edit, shown } = marked(10, even);
  const undo = edit(change([1, 0], [1, 0], 'a\nb\nc\n'));
  assert.deepEqual(shown(), ['0', '5', '7', '9', '11']);
  edit(...undo);
  assert.deepEqual(shown(), ['0', '2', '4', '6', '8']);
  const removed = edit(change([1, 0], [3, 0], ''));
  assert.deepEqual(shown(), ['0', '2', '4', '6']);
  assert.deepEqual(it.counts(), { edited: 0, gone: 1 });
  edit(...removed);
  assert.deepEqual(shown(), ['0', '2', '4', '6', '8']);
});

test('a row that is removed from the end of the one above is gone, and the one above was not edited', () => {
  const { it, edit, shown } = marked(10, even);
  edit(change([3, length], [4, length], ''));
  assert.deepEqual(shown(), ['0', '2', '5', '7']);
  assert.deepEqual(it.counts(), { edited: 0, gone: 1 });
});

test('a line that is opened before or after a row leaves it as it is', () => {
  const { edit, shown } = marked(10, even);
  edit(change([4, 0], [4, 0], '\n'));
  edit(change([2, length], [2, length], '\nnew'));
  assert.deepEqual(shown(), ['0', '2', '6', '8', '10']);
});

test('a row that is split or joined is an edited one', () => {
  const { edit, shown } = marked(10, even);
  const undo = edit(change([4, 7], [4, 7], '\n'));
  assert.deepEqual(shown(), ['0', '2', '4 edited', '7', '9']);
  edit(...undo);
  edit(change([4, length], [5, 0], ''));
  assert.deepEqual(shown(), ['0', '2', '4 edited', '5', '7']);
});

test('a row that is moved or copied is marked where it is, and what stands in its place is not', () => {
  const { document, edit, shown } = marked(10, even);
  const [a, b] = [document.lineAt(4).text, document.lineAt(5).text];
  const undo = edit(change([4, 0], [5, length], `${b}\n${a}`));
  assert.deepEqual(shown(), ['0', '2', '5', '6', '8']);
  edit(...undo);
  edit(change([1, 0], [1, 0], `${a}\n`));
  assert.deepEqual(shown(), ['0', '1', '3', '5', '7', '9']);
});

test('several cursors change several rows', () => {
  const { edit, shown } = marked(10, even);
  const undo = edit(change([8, 3], [8, 3], 'z'), change([5, 2], [5, 2], '\n'), change([2, 3], [2, 4], ''));
  assert.deepEqual(shown(), ['0', '2 edited', '4', '7', '9 edited']);
  edit(...undo);
  assert.deepEqual(shown(), ['0', '2', '4', '6', '8']);
});

test('a file that was edited while nobody looked: rows in their places are edited, else they are counted', () => {
  const { marks } = marked(10, even);
  const texts = [...rows(10), ''];
  const of = (lines: string[]): RowMarks => {
    const document = new FakeDocument('/w/train.jsonl', lines.join('\n'));
    const it = new RowMarks(marks, 11, document);
    it.work(document, () => false);
    return it;
  };
  const inPlace = of(texts.with(4, '{"prompt":"another"}'));
  assert.deepEqual(inPlace.counts(), { edited: 1, gone: 0 });
  assert.equal(inPlace.list()[2]!.edited, true);
  const shorter = of(texts.toSpliced(4, 1).with(0, 'other'));
  assert.deepEqual(shorter.counts(), { edited: 0, gone: 2 });
  assert.deepEqual(
    shorter.list().map(({ line }) => line),
    [2, 5, 7],
  );
});

/** Numbers in [0, 1) that are the same each time. */
function random(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

test('after any edits the marked rows are those whose text was scanned, and undo restores every mark', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed);
    const int = (below: number): number => Math.floor(next() * below);
    const { it, document, edit, marks } = marked(30, (row) => row % 3 === 0 || row % 7 === 0);
    const keys = new Set(marks.map(({ key }) => key));
    const before = it.list().map((mark) => ({ ...mark }));
    const undos: Change[][] = [];
    for (let i = 0; i < 40; i++) {
      const line = int(document.lineCount);
      const end = Math.min(document.lineCount - 1, line + (next() < 0.5 ? 0 : int(4)));
      const at = int(document.lineAt(line).text.length + 1);
      const to =
        end === line ? at + int(document.lineAt(end).text.length - at + 1) : int(document.lineAt(end).text.length + 1);
      const whole = next() < 0.4;
      const pasted = Array.from({ length: int(3) }, () => `${document.lineAt(int(document.lineCount)).text}\n`).join(
        '',
      );
      const text = [pasted, 'x', '\n', ''][int(4)]!;
      undos.push(edit(whole ? change([line, 0], [end, 0], text) : change([line, at], [end, to], text)));
      const texts = Array.from({ length: document.lineCount }, (_, n) => document.lineAt(n).text);
      const expected = texts.flatMap((row, n) => (row && keys.has(rowKey(row)) ? [n] : []));
      const shown = it.list().filter(({ edited }) => !edited);
      assert.deepEqual(
        shown.map((mark) => mark.line),
        expected,
        `seed ${seed}, edit ${i}`,
      );
      const lines = it.list().map((mark) => mark.line);
      assert.deepEqual(
        lines,
        [...new Set(lines)].sort((a, b) => a - b),
        `seed ${seed}, edit ${i}: in order, once`,
      );
    }
    for (const undo of undos.reverse()) edit(...undo);
    assert.deepEqual(it.list(), before, `seed ${seed}`);
  }
});

/** A list as it is written to be read: each of its rows takes four lines, and all begin alike. */
function listed(count: number, is: (row: number) => boolean) {
  const blocks = Array.from({ length: count }, (_, i) => [
    '  {',
    `    "prompt": "${i}",`,
    '    "completion": "x"',
    '  },',
  ]);
  const marks = blocks.flatMap((texts, i) =>
    is(i) ? [{ line: 4 * i + 2, looks: { explained: i / 100, hash: `row ${i}` }, ...rowKeyOf(texts) }] : [],
  );
  const document = new FakeDocument('/w/train.json', ['[', ...blocks.flat(), ']'].join('\n'));
  const it = new RowMarks(marks, document.lineCount, document);
  const work = (): void => assert.ok(it.work(document, () => false));
  work();
  const edit = (...changes: Change[]): Change[] => {
    const undo = document.apply(changes);
    it.edit(changes, document);
    work();
    return undo;
  };
  const shown = (): string[] =>
    it.list().map(({ line, looks, edited }) => `${line} ${looks.hash}${edited ? ' edited' : ''}`);
  return { it, document, blocks, marks, edit, shown };
}

test('of rows over several lines, which all begin alike, only those are marked that were found, each as itself', () => {
  const { it, edit, shown } = listed(4, (row) => row % 2 === 1);
  assert.deepEqual(shown(), ['5 row 1', '13 row 3']);
  const undo = edit(change([7, 8], [7, 9], 'y'));
  assert.deepEqual(shown(), ['5 row 1 edited', '13 row 3']);
  edit(...undo);
  assert.deepEqual(shown(), ['5 row 1', '13 row 3']);
  // The first row is removed, then a line of the second one.
  edit(change([1, 0], [5, 0], ''));
  assert.deepEqual(shown(), ['1 row 1', '9 row 3']);
  edit(change([2, 0], [3, 0], ''));
  assert.deepEqual(shown(), ['1 row 1 edited', '8 row 3']);
  assert.deepEqual(it.counts(), { edited: 1, gone: 0 });
});

test('after any edits the marked rows over several lines are those whose whole text was scanned', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const next = random(seed);
    const int = (below: number): number => Math.floor(next() * below);
    const { it, document, blocks, marks, edit } = listed(12, (row) => row % 3 !== 1);
    const hashes = new Map(marks.map(({ key, looks }) => [key, looks.hash]));
    const before = it.list().map((mark) => ({ ...mark }));
    const undos: Change[][] = [];
    for (let i = 0; i < 30; i++) {
      const line = int(document.lineCount);
      const end = Math.min(document.lineCount - 1, line + int(6));
      const text = [`${blocks[int(12)]!.join('\n')}\n`, '', `${document.lineAt(line).text}\n`, '\n'][int(4)]!;
      undos.push(edit(change([line, 0], [next() < 0.5 ? line : end, 0], text)));
      const texts = Array.from({ length: document.lineCount }, (_, n) => document.lineAt(n).text);
      const expected = texts.flatMap((_, n) => {
        const hash = hashes.get(rowKeyOf(texts.slice(n, n + 4)).key);
        return hash ? [`${n} ${hash}`] : [];
      });
      const shown = it.list().flatMap(({ line: at, looks, edited }) => (edited ? [] : [`${at} ${looks.hash}`]));
      assert.deepEqual(shown, expected, `seed ${seed}, edit ${i}`);
    }
    for (const undo of undos.reverse()) edit(...undo);
    assert.deepEqual(it.list(), before, `seed ${seed}`);
  }
});

test('a change of very many rows at once is one of each', () => {
  const { it, document, edit, shown } = marked(3000, even);
  const everyFourth = Array.from({ length: 750 }, (_, i) => 2996 - 4 * i);
  const typed = edit(...everyFourth.map((line) => change([line, 2], [line, 2], 'x')));
  assert.deepEqual(it.counts(), { edited: 750, gone: 0 });
  edit(...typed);
  assert.deepEqual(it.counts(), { edited: 0, gone: 0 });
  const split = edit(...everyFourth.map((line) => change([line, 0], [line, 0], 'new\n')));
  assert.equal(document.lineCount, 3751);
  assert.deepEqual(it.counts(), { edited: 0, gone: 0 });
  edit(...split);
  assert.deepEqual(
    shown(),
    Array.from({ length: 1500 }, (_, i) => String(2 * i)),
  );
});

test('edits that come while rows are still being looked at count', () => {
  const texts = rows(3000);
  const marks = texts.map((text, i) => ({ line: i + 1, looks: { explained: 0.9 }, key: rowKey(text) }));
  const document = new FakeDocument('/w/train.jsonl', texts.join('\n'));
  const it = new RowMarks(marks, 3000, document);
  let steps = 0;
  for (let done = false; !done; steps++) {
    done = it.work(document, () => true);
    if (steps < 60 || steps % 5 !== 0) continue;
    const line = (steps * 37) % document.lineCount;
    const changes = steps % 2 ? [change([line, 0], [line, 0], 'new\n')] : [change([line, 1], [line, 2], '')];
    document.apply(changes);
    it.edit(changes, document);
    done = false;
  }
  const keys = new Set(marks.map(({ key }) => key));
  const expected = Array.from({ length: document.lineCount }, (_, n) => n).filter((n) =>
    keys.has(rowKey(document.lineAt(n).text)),
  );
  assert.deepEqual(
    it.list().flatMap(({ line, edited }) => (edited ? [] : [line])),
    expected,
  );
  assert.equal(it.list().length, 3000);
});

test('a mark of a row that only the probe has found says so', () => {
  const row: ScanRow = {
    ...{ row: 0, line: 1, explained: 0.1, span: 0, p: 0.004, flagged: true },
    ...{ tokens: 9, lossWithout: 2, lossWith: 1.8 },
  };
  const told = (more: Partial<ScanRow>): string => markText(looksOf({ ...row, ...more }), 'v');
  assert.match(
    told({ probe: 0.7 }),
    /To the model itself, before any training, the answer is like those of harmful rows\.$/,
  );
  for (const more of [{ probe: 0.7, parts: ['Sure.'] }, { probe: -0.2 }, {}])
    assert.doesNotMatch(told(more), /To the model itself/);
});
