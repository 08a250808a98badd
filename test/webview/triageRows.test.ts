/** Which rows a triage page shows, in which order and groups: what is drawn is only a window of this. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  firstFilter,
  grouped,
  groupsOf,
  isShown,
  Review,
  Rows,
  sortRows,
  type Filter,
  type Item,
} from '../../webview/triage/rows.js';
import { numbersIn } from '../../runtime/contract/format.js';
import { TRIAGE_STRINGS } from '../../webview/protocol/triage.js';
import { rowsText, shownText } from '../../webview/triage/cells.js';
import { keyAction } from '../../webview/triage/keys.js';
import { ShownRows } from '../../webview/triage/shown.js';
import { triageState } from './triageStates.js';

const TABLE = {
  rows: '0 1 2 3 4',
  lines: '1 2 4 5 6',
  hashes: 'a b c d e',
  flags: 'f r f k f',
  ps: '0.002 0.5 NaN 0.9 0.0001',
  harmfulPs: '0.5 NaN NaN 0.1 0.9',
  shares: '0.9 0.1 0.2 0 0.8',
  without: '2 3 1 0.01 4',
  with: '0.2 2.7 0.8 0.01 0.8',
};
const NONE = { exclude: '', fine: '', unsure: '' };
const rows = new Rows(TABLE);
const shown = (review: Review, filter: Filter): number[] =>
  [0, 1, 2, 3, 4].filter((row) => isShown(rows, review, filter, row));

test('filters: what is flagged, what of it is undecided, what was decided', () => {
  const review = new Review({ exclude: 'a', fine: 'b', unsure: 'e' });
  assert.deepEqual(shown(review, 'all'), [0, 1, 2, 3, 4]);
  assert.deepEqual(shown(review, 'flagged'), [0, 2, 4]);
  assert.deepEqual(shown(review, 'undecided'), [2]);
  assert.deepEqual(shown(review, 'related'), [1]);
  const first = (flags: string, kept?: Filter, tellsRelated = true): Filter =>
    firstFilter({ tellsRelated, table: { ...TABLE, flags } }, kept);
  assert.deepEqual([TABLE.flags, '- r k', '- k'].map((flags) => first(flags)), ['flagged', 'related', 'flagged']); // oxfmt-ignore
  assert.deepEqual(
    (['related', 'fine'] as const).map((kept) => first(TABLE.flags, kept)),
    ['related', 'fine'],
  );
  assert.deepEqual(
    (['related', 'fine'] as const).map((kept) => first('f - k', kept, false)),
    ['flagged', 'fine'],
  );
  assert.deepEqual((['exclude', 'fine', 'unsure'] as const).map((filter) => shown(review, filter)), [[0], [1], [4]]); // oxfmt-ignore
});

test('rows are sorted by any column, either way; those without a value come last', () => {
  const review = new Review({ ...NONE, exclude: 'd', fine: 'b' });
  const sorted = (key: Parameters<typeof sortRows>[2]['key'], descending = false) => [
    ...sortRows(rows, review, { key, descending }),
  ];
  assert.deepEqual(sorted('score'), [4, 0, 1, 3, 2]);
  assert.deepEqual(sorted('score', true), [3, 1, 0, 4, 2]);
  assert.deepEqual(sorted('share', true), [0, 4, 2, 1, 3]);
  assert.deepEqual(sorted('without'), [3, 2, 0, 1, 4]);
  assert.deepEqual(sorted('line', true), [4, 3, 2, 1, 0]);
  assert.deepEqual(sorted('decision'), [3, 1, 0, 2, 4]);
  // Without ordinary rows to compare with there are no p-values: what is explained most looks worst.
  const none = new Rows({ ...TABLE, ps: 'NaN NaN NaN NaN NaN' });
  assert.deepEqual([...sortRows(none, review, { key: 'score', descending: false })], [0, 4, 2, 1, 3]);
});

test('rows are counted with those of groups apart from those that stand alone', () => {
  const said = (rows: number, grouped: number, groups: number): string =>
    shownText({ rows, grouped, groups, selected: 0 }, TRIAGE_STRINGS, numbersIn('en'));
  assert.equal(said(1, 0, 0), '1 row');
  assert.equal(said(1234, 0, 0), '1,234 rows');
  assert.equal(said(5, 5, 1), '5 rows in 1 group');
  assert.equal(said(8, 5, 2), '5 rows in 2 groups, 3 alone');
  assert.equal(rowsText(1, TRIAGE_STRINGS, numbersIn('en')), '1 row');
});

test('groups come by their size, open ones with their rows, and single rows last', () => {
  const groups = groupsOf(rows, { columns: [], hashes: 'e d c a', groups: '7 1 7 1', values: [] });
  assert.deepEqual([...groups], [1, -1, 7, 1, 7]);
  const heads = (items: Item[]) =>
    items.map((item) => ('group' in item ? [item.group, item.rows, item.open] : item.row));
  assert.deepEqual(heads(grouped([4, 0, 1, 2], groups, new Set())), [[7, [4, 2], false], 0, 1].map((x) => x)); // oxfmt-ignore
  assert.deepEqual(heads(grouped([4, 0, 1, 2, 3], groups, new Set([1]))), [
    [7, [4, 2], false],
    [1, [0, 3], true],
    ...[0, 3, 1],
  ]);
});

test('a decision about many rows is taken back as one, each to what it was before', () => {
  const review = new Review({ exclude: 'a', fine: 'b', unsure: '' });
  review.decide(['a', 'b', 'c'], 'unsure');
  review.decide(['c'], undefined);
  assert.deepEqual(['a', 'b', 'c'].map((hash) => review.of(hash)), ['unsure', 'unsure', undefined]); // oxfmt-ignore
  assert.deepEqual(review.undo(), [{ hashes: ['c'], decision: 'unsure' }]);
  assert.deepEqual(review.undo(), [
    { hashes: ['a'], decision: 'exclude' },
    { hashes: ['b'], decision: 'fine' },
    { hashes: ['c'], decision: undefined },
  ]);
  assert.deepEqual(['a', 'b', 'c'].map((hash) => review.of(hash)), ['exclude', 'fine', undefined]); // oxfmt-ignore
  assert.equal(review.canUndo, false);
  assert.deepEqual(review.undo(), []);
});

test('steps are kept up to so many rows; those about rows that are gone are not taken back', () => {
  const review = new Review(NONE);
  review.decide(['a', 'b', 'c'], 'fine');
  review.decide(['d'], 'unsure');
  review.decide(['d', 'e'], 'exclude');
  const kept = JSON.parse(JSON.stringify(review.steps(5))) as ReturnType<Review['steps']>;
  assert.equal(kept.length, 2);
  const again = new Review({ fine: 'a b c', unsure: '', exclude: 'd e' });
  again.restore(kept, new Set(['d', 'e']));
  again.undo();
  assert.deepEqual(['d', 'e'].map((hash) => again.of(hash)), ['unsure', undefined]); // oxfmt-ignore
  again.undo();
  assert.deepEqual([again.of('d'), again.canUndo], [undefined, false]);
  const other = new Review(NONE);
  other.restore(kept, new Set(['e']));
  assert.equal(other.canUndo, false);
});

test('a text and a filter keep rows together, and those of before are shown until the new ones are found', () => {
  const shown = new ShownRows();
  shown.load(triageState(9, { exclude: 'h3' }));
  const at = (): number[] => (shown.arrange(), shown.items.flatMap((item) => ('row' in item ? [item.row] : [])));
  shown.setText('lamp');
  assert.deepEqual(at(), [0, 3, 6]);
  shown.setFound('h1 h3 h6');
  assert.deepEqual(at(), [3, 6]);
  shown.setFilter('undecided');
  assert.deepEqual(at(), [6]);
  shown.setText('lamps');
  assert.deepEqual(at(), [6]);
  shown.setFound('');
  assert.deepEqual(at(), []);
  shown.setText('');
  assert.deepEqual(at(), [0, 6]);
});

test('what is not listed any more is not selected: a decision is about rows that one sees', () => {
  const list = new ShownRows();
  list.load(triageState(12));
  list.arrange();
  const all = list.items.length;
  // The search is still on its way when all are selected.
  list.setText('zorb');
  list.items.forEach((_, at) => list.select(at));
  const [first, second] = list.items.map((item) => list.hashOf(item));
  list.setFound([first, second].join(' '));
  list.arrange();
  assert.ok(all > 2);
  assert.deepEqual([list.items.length, list.selected.size], [2, 2]);
  // Rows of a closed group are shown by its head.
  list.setGrouping({ similar: 'answer' });
  list.setGroups({ columns: [], hashes: [first, second].join(' '), groups: '0 0', values: [] });
  list.arrange();
  list.select(0);
  assert.deepEqual([list.arrange().rows, list.items.length, list.selected.size], [2, 1, 2]);
  // Another window decides about one.
  list.setFilter('undecided');
  list.arrange();
  list.select(0);
  list.review.load({ exclude: first!, fine: '', unsure: '' });
  list.arrange();
  assert.equal(list.selected.size, 1);
});

test('rows that were selected stay so when the page is shown again', () => {
  const list = new ShownRows();
  list.load(triageState(12));
  list.arrange();
  list.select(1);
  list.select(3);
  const selected = [...list.selected];
  assert.equal(selected.length, 2);
  const again = new ShownRows(structuredClone(list.view(0)));
  again.load(triageState(12));
  again.arrange();
  assert.deepEqual([...again.selected], selected);
});

test('what means redo elsewhere undoes nothing', () => {
  const pressed = (shiftKey: boolean) =>
    keyAction({ key: 'z', ctrlKey: true, metaKey: false, altKey: false, shiftKey } as KeyboardEvent, 10);
  assert.deepEqual([pressed(false), pressed(true)], [{ do: 'undo' }, undefined]);
});
