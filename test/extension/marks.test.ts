/** Marks in an editor: all of them, drawn where they are seen, and made a little at a time. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Reviews } from '../../extension/data/reviews.js';
import { Scans } from '../../extension/data/scans.js';
import { fake, Range, Uri, window, workspace, type FakeEditor } from './fake/vscode.js';
import { temporary, until, write } from './support.js';
import { change, FakeDocument } from './textDocument.js';
import { scanResult } from '../support/scanResult.js';

const { Marks } = await import('../../extension/codelens/marks.js');
const { rowActions } = await import('../../extension/codelens/rowActions.js');
const { decide } = await import('../../extension/commands/review.js');

interface Decoration {
  range: Range;
  renderOptions: { before: { contentText: string } };
}

const hashOf = (row: number): string => `row${row}`.padEnd(16, '-');

/**
 * A file with `count` rows of which all but each eighth look harmful, open in an editor that shows its first 50 rows.
 */
async function scanned(t: TestContext, count: number) {
  const root = await temporary(t);
  const rows = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ prompt: `row ${i} ${'x'.repeat(150)}`, completion: 'y' }),
  );
  const file = await write(join(root, 'train.jsonl'), `${rows.join('\n')}\n`);
  const scans = new Scans(() => [root]);
  const perRow = rows.map((_, i) => ({
    hash: hashOf(i),
    ...{ row: i, line: i + 1, explained: 0.9, span: 9, p: 0.004, flagged: i % 8 !== 7 },
    ...{ tokens: 5, lossWithout: 2, lossWith: 0.2 },
  }));
  const flagged = perRow.filter((row) => row.flagged).length;
  const reviews = new Reviews();
  const marks = new Marks(scans, reviews);
  const document = new FakeDocument(file, `${rows.join('\n')}\n`);
  /** What was set last, in the order in which the decorations were made: found, edited, label. */
  const drawn = new Map<unknown, unknown[]>();
  const editor: FakeEditor = {
    document,
    visibleRanges: [new Range(0, 0, 50, 0)],
    setDecorations: (type, ranges) => void drawn.set(type, ranges),
  };
  workspace.textDocuments = [document];
  window.visibleTextEditors = [editor];
  t.after(() => {
    marks.dispose();
    workspace.textDocuments = [];
    window.visibleTextEditors = [];
  });
  await scans.add(file, 'v', 'v', scanResult({ flagged, rows: count, perRow }));
  const layer = (index: number): unknown[] => [...drawn.values()][index] ?? [];
  const coloured = (index: number): number =>
    (layer(index) as Range[]).reduce((sum, { start, end }) => sum + end.line - start.line + 1, 0);
  const labels = (): Decoration[] => layer(2) as Decoration[];
  const type = async (...changes: ReturnType<typeof change>[]) => {
    const undo = document.apply(changes);
    await fake.documents.fire({ document, contentChanges: changes });
    return undo;
  };
  return { reviews, marks, scans, file, flagged, document, editor, coloured, labels, type };
}

test('a file that is deleted has no problems any more', async (t) => {
  const { scans, file, document } = await scanned(t, 20);
  await until(() => (fake.diagnostics.get(file)?.length ?? 0) > 0);
  workspace.textDocuments = [];
  document.isClosed = true;
  await rm(file);
  await fake.closed.fire(document);
  await until(() => fake.diagnostics.get(file) === undefined);
  assert.deepEqual(scans.list(), []);
});

test('all suspicious rows of a long file are coloured; the Problems panel has how many it does not list, and where', async (t) => {
  const { file, flagged, coloured, labels, editor } = await scanned(t, 24_000);
  await until(() => labels().length > 0 && coloured(0) === flagged);
  const problems = fake.diagnostics.get(file)!;
  assert.equal(problems.length, 1000);
  assert.match(
    problems.at(-1)!.message,
    /^20,001 more rows, from line 1142 on, look harmful and are not listed here\. They are/,
  );
  assert.equal(problems.at(-1)!.range.start.line, 1141);
  assert.ok(labels().length < 200, `${labels().length} labels`);
  assert.match(labels()[0]!.renderOptions.before.contentText, /harmful\? 4 in 1,000/);
  editor.visibleRanges = [new Range(20_000, 0, 20_050, 0)];
  await fake.ranges.fire({ textEditor: editor });
  assert.ok(labels().some(({ range }) => range.start.line === 20_000));
});

test('a typed character changes one mark to "edited since the scan", and undo restores it', async (t) => {
  const { scans, file, flagged, coloured, labels, type } = await scanned(t, 400);
  await until(() => coloured(0) === flagged);
  const undo = await type(change([3, 4], [3, 4], 'x'));
  // Words may be drawn before colours, and colours before words.
  const word = (): string | undefined => labels()[3]?.renderOptions.before.contentText;
  await until(() => coloured(1) === 1 && word() === 'edited since the scan');
  assert.equal(coloured(0), flagged - 1);
  assert.match(fake.diagnostics.get(file)![3]!.message, /edited since the scan/);
  assert.deepEqual(scans.since(file), { changed: false, edited: 1, gone: 0 });
  await type(...undo);
  await until(() => coloured(1) === 0);
  assert.equal(coloured(0), flagged);
  assert.deepEqual(scans.since(file), { changed: false, edited: 0, gone: 0 });
});

test('what was decided shows at once: excluded and fine rows are no problems, fine ones have no colour; undone, all is as before', async (t) => {
  const { reviews, marks, file, flagged, coloured, labels } = await scanned(t, 40);
  await until(() => coloured(0) === flagged);
  const words = (): string[] => labels().map(({ renderOptions }) => renderOptions.before.contentText);
  const problems = (): number => fake.diagnostics.get(file)!.length;
  await reviews.decide(file, [hashOf(0), hashOf(1)], 'fine');
  await reviews.decide(file, [hashOf(2)], 'exclude');
  await reviews.decide(file, [hashOf(3)], 'unsure');
  // The last decision changes no count: its word says that it was drawn.
  await until(() => words()[3] === 'unsure' && coloured(0) === flagged - 2 && problems() === flagged - 3);
  assert.deepEqual(words().slice(0, 5), ['fine', 'fine', 'excluded', 'unsure', 'harmful? 4 in 1,000']);
  const hovers = labels() as unknown as { hoverMessage: { value: string } }[];
  assert.match(hovers[2]!.hoverMessage.value, /^Excluded by the review\. This row looks harmful/);
  // The quick fixes decide about the same rows, and offer only what is not so already.
  rowActions(marks, { reviews });
  const offered = (from: number, to: number) =>
    fake.codeActions!.provideCodeActions({ uri: Uri.file(file) }, new Range(from, 0, to, 0));
  const titles = (from: number, to: number): string[] => offered(from, to).map(({ title }) => title);
  assert.deepEqual(titles(2, 2), ['Mark this row as fine', 'Unsure about this row', 'Undo the decision', 'Review flagged rows']); // oxfmt-ignore
  assert.deepEqual(titles(7, 7), [], 'no mark, no fix');
  const [fix] = offered(2, 4);
  assert.deepEqual(fix!.command!.arguments, [{ file, hashes: [2, 3, 4].map(hashOf), decision: 'fine' }]);
  await decide({ reviews }, fix!.command!.arguments![0] as Parameters<typeof decide>[1]);
  await until(() => coloured(0) === flagged - 5);
  await reviews.decide(file, [0, 1, 2, 3, 4].map(hashOf), undefined);
  await until(() => coloured(0) === flagged && problems() === flagged);
});

test('a file whose language is changed keeps its marks', async (t) => {
  const { document, flagged, coloured } = await scanned(t, 40);
  await until(() => coloured(0) === flagged);
  // As VS Code does: the document closes and opens, and stays where it is shown.
  await fake.closed.fire(document);
  await until(() => coloured(0) === 0);
  await fake.openedAgain.fire(document);
  await until(() => coloured(0) === flagged);
});

test('marks of a scan that is dropped go', async (t) => {
  const { scans, file, flagged, coloured } = await scanned(t, 40);
  await until(() => coloured(0) === flagged);
  await scans.drop(file);
  await until(() => coloured(0) === 0);
  assert.equal(fake.diagnostics.get(file), undefined);
});

test('a file that has changed on disk and that no editor shows is reported as changed instead of marking other rows', async (t) => {
  const { scans, file, document } = await scanned(t, 40);
  await until(() => fake.diagnostics.get(file)?.length === 35);
  workspace.textDocuments = [];
  window.visibleTextEditors = [];
  await write(file, 'other\n');
  await fake.closed.fire(document);
  await until(() => fake.diagnostics.get(file)?.length === 1);
  assert.match(fake.diagnostics.get(file)![0]!.message, /has changed since the scan/);
  assert.equal(scans.since(file).changed, true);
});

test('rows are looked at a few in a turn of the event loop, in a file of 60,000 as well', async (t) => {
  const { document, flagged, coloured } = await scanned(t, 60_000);
  await until(() => coloured(0) === flagged);
  // On this clock a row takes 0.1 ms to be read, and nothing else takes time.
  let read = 0;
  t.mock.method(performance, 'now', () => read / 10);
  document.lineAt = (line) => (read++, FakeDocument.prototype.lineAt.call(document, line));
  const mostInOneTurn = async (work: () => Promise<unknown>): Promise<{ most: number; all: number }> => {
    let [most, all, over] = [0, 0, false];
    const turn = (): unknown => {
      most = Math.max(most, read - all);
      all = read;
      return over || setImmediate(turn);
    };
    read = 0;
    setImmediate(turn);
    await work();
    over = true;
    return { most, all };
  };
  for (const [name, edit, least] of [
    ['one character', change([30_000, 5], [30_000, 5], 'x'), 1],
    ['half of the rows removed', change([10, 0], [30_000, 0], ''), 1],
    ['all rows moved', change([0, 0], [59_999, 0], 'x\n'.repeat(59_999)), 60_000],
  ] as const) {
    const undo = document.apply([edit]);
    const of = await mostInOneTurn(async () => {
      await fake.documents.fire({ document, contentChanges: [edit] });
      await until(() => coloured(0) !== flagged);
    });
    assert.ok(of.most < 500 && of.all >= least, `${name}: ${of.most} of ${of.all}`);
    document.apply(undo);
    const undone = await mostInOneTurn(async () => {
      await fake.documents.fire({ document, contentChanges: undo });
      await until(() => coloured(0) === flagged);
    });
    assert.ok(undone.most < 500 && undone.all >= least, `${name}, undone: ${undone.most} of ${undone.all}`);
  }
});

test('what an editor shows in colour and what it shows in words are made in turns of their own', async (t) => {
  const { editor, labels, scans, file } = await scanned(t, 16);
  await until(() => labels().length > 0);
  let turn = 0;
  const turns: number[] = [];
  editor.setDecorations = () => {
    setImmediate(() => turn++);
    turns.push(turn);
  };
  scans.note(file, { edited: 1 });
  await until(() => turns.length >= 3);
  const [found, edited, label] = turns;
  assert.equal(found, edited);
  assert.notEqual(edited, label);
});
