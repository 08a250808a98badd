/** What the host does for a page of 59,861 rows: few messages of few values, texts only where they are asked for. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Reviews } from '../../extension/data/reviews.js';
import { scanFile, Scans } from '../../extension/data/scans.js';
import { scanTable, tableRows } from '../../extension/data/scanTable.js';
import { reviewFile } from '../../runtime/contract/review.js';
import type { ScanRow } from '../../runtime/contract/scan.js';
import { fake, Uri, workspace } from './fake/vscode.js';
import { temporary, write } from './support.js';
import { scanResult } from '../support/scanResult.js';

const { TriagePanels } = await import('../../extension/panels/triagePanel.js');

const ROWS = 59_861;
const hashOf = (row: number): string => `row${row}`.padEnd(16, '-');
const perRow = (count: number): ScanRow[] =>
  Array.from({ length: count }, (_, row) => ({
    ...{ row, line: row + 1, hash: hashOf(row), explained: 0.98765, span: 9, p: 0.00123456, flagged: row % 3 === 0 },
    ...{ tokens: 5, lossWithout: 2.123456, lossWith: 0.2 },
  }));

/** Texts, numbers and truth values in a message: what is made, copied and checked one by one. */
function values(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + values(inner), 0);
}

async function opened(t: TestContext, count: number) {
  const root = await temporary(t);
  const data = await write(join(root, 'train.jsonl'), 'x\n');
  const [scans, reviews] = [new Scans(() => [root]), new Reviews()];
  await scans.add(data, join(root, 'v'), 'v', scanResult({ rows: count, perRow: perRow(count) }), {
    model: join(root, 'm'),
    format: 'completion',
  });
  const asked: [string, Record<string, unknown>, boolean][] = [];
  const waiting: (() => void)[] = [];
  const engine = {
    request: async (
      name: string,
      params: Record<string, unknown>,
      listener?: { token?: { isCancellationRequested: boolean } },
    ) => {
      const hashes = (params['hashes'] ?? []) as string[];
      if (name === 'rowTexts') {
        asked.push([name, params, false]);
        return hashes.map((hash, row) => ({ hash, row, line: row + 1, prompt: 'p', answer: 'a' }));
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
      asked.push([name, params, listener?.token?.isCancellationRequested === true]);
      return [['a', 2, 0.1]];
    },
  };
  const opens: unknown[] = [];
  const computed: string[][] = [];
  const actions = {
    assertTrusted: () => undefined,
    open: (...place: unknown[]) => opens.push(place),
    computing: (...of: string[]) => (computed.push(of), { device: 'cpu' as const, precision: 'int4' as const }),
    onBug: (error: unknown) => assert.fail(String(error)),
  };
  const services = { extension: Uri.file('/extension'), scans, reviews, engine, actions };
  const panels = new TriagePanels(services as unknown as ConstructorParameters<typeof TriagePanels>[0]);
  fake.panels.length = 0;
  await panels.show(data);
  const [panel] = fake.panels;
  await panel!.send(1, { type: 'ready' });
  const events = () =>
    panel!.sent.flatMap((message) =>
      'event' in (message as object) ? [(message as { event: Record<string, unknown> }).event] : [],
    );
  return {
    root,
    data,
    scans,
    reviews,
    panels,
    panel: panel!,
    asked,
    opens,
    computed,
    events,
    answer: () => waiting.shift()?.(),
  };
}

test('the table goes to the page as a few long texts, once; only rows that are seen are read', async (t) => {
  const [few, many] = [await opened(t, 100), await opened(t, ROWS)];
  assert.deepEqual(many.events().map(({ type }) => type), ['table']); // oxfmt-ignore
  assert.equal(values(many.events()[0]), values(few.events()[0]), 'as many values as for a hundred rows');
  const table = (many.events()[0]!['triage'] as { table: Record<string, string> }).table;
  for (const column of Object.values(table)) assert.equal(column.split(' ').length, ROWS);
  assert.ok(JSON.stringify(table).length < 80 * ROWS, 'below 80 bytes a row');
  const hashes = Array.from({ length: 40 }, (_, row) => hashOf(row));
  await many.panel.send(2, { type: 'texts', hashes });
  assert.deepEqual(many.asked, [['rowTexts', { data: many.data, format: 'completion', hashes, most: 400 }, false]]);
  await many.panels.show(many.data);
  assert.equal(fake.panels.length, 1, 'one page for a file');
});

test('the table of many rows is made a part at a time, and kept as texts', async (t) => {
  let turns = 0;
  let over = false;
  const turn = (): unknown => (turns++, over || setImmediate(turn));
  setImmediate(turn);
  const table = await scanTable(perRow(ROWS));
  over = true;
  assert.ok(turns > ROWS / 5000, `${turns} turns of the event loop`);
  assert.equal([...tableRows(table)].filter(({ flagged }) => flagged).length, Math.ceil(ROWS / 3));
  const { root, data, scans } = await opened(t, 1000);
  const kept = JSON.parse(await readFile(scanFile(root, data), 'utf8')) as object;
  assert.ok(values(kept) < 60, `${values(kept)} values are kept of 1000 rows`);
  const again = new Scans(() => [root]);
  await again.load();
  assert.deepEqual(again.get(data)!.table, scans.get(data)!.table);
  assert.equal(again.get(data)!.model, scans.get(data)!.model);
});

test('twenty thousand rows are decided by one write and one message', async (t) => {
  const { data, panel, events, reviews } = await opened(t, 100);
  const hashes = Array.from({ length: 20_000 }, (_, row) => hashOf(row));
  let changes = 0;
  reviews.onDidChange(() => changes++);
  await panel.send(2, { type: 'decide', hashes, decision: 'exclude' });
  assert.equal(changes, 1);
  assert.equal(events().length, 2);
  assert.deepEqual(panel.sent.at(-1), { reply: 2, outcome: { kind: 'result' } });
  const review = JSON.parse(await readFile(reviewFile(data), 'utf8')) as { exclude: string[] };
  assert.equal(review.exclude.length, 20_000);
  await panel.send(3, { type: 'decide', hashes: [hashOf(7)], decision: null });
  assert.equal(reviews.get(data).size, 19_999);
});

test('a review that cannot be written is an error, and the page gets what is so', async (t) => {
  const { data, panel, events } = await opened(t, 10);
  await write(reviewFile(data), 'no');
  await panel.send(2, { type: 'decide', hashes: [hashOf(1)], decision: 'fine' });
  assert.deepEqual(events().at(-1), { type: 'decisions', decisions: { exclude: '', fine: '', unsure: '' } });
  assert.match(JSON.stringify(panel.sent.at(-1)), /"kind":"error".*the review is not JSON/);
});

test('while its file is gone a page stays, and with it has its rows again; where the scan is dropped it closes', async (t) => {
  const { data, panel, scans, events } = await opened(t, 10);
  const tables = (): number => events().filter(({ type }) => type === 'table').length;
  await rename(data, `${data}.away`);
  await scans.look(data);
  assert.deepEqual([panel.isDisposed, tables()], [false, 1]);
  // Shown anew meanwhile
  await panel.send(2, { type: 'ready' });
  assert.deepEqual([panel.isDisposed, tables()], [false, 1]);
  const { type, text } = events().at(-1) as { type: string; text?: string };
  assert.deepEqual([type, text], ['away', `${data} is not there. Its rows are shown again when it is back.`]);
  await rename(`${data}.away`, data);
  await scans.look(data);
  assert.deepEqual([panel.isDisposed, tables() > 1], [false, true]);
  await scans.drop(data);
  assert.equal(panel.isDisposed, true);
});

test('a page goes on where its file has another name', async (t) => {
  const { data, panel, panels, scans, events } = await opened(t, 10);
  const { asRelativePath } = workspace;
  t.after(() => (workspace.asRelativePath = asRelativePath));
  workspace.asRelativePath = (path) => `data/${basename(path)}`;
  const to = join(data, '..', 'orders.jsonl');
  await rename(data, to);
  await scans.moved(data, to);
  assert.deepEqual([panel.isDisposed, panel.title], [false, 'Review: data/orders.jsonl']);
  const last = events().at(-1) as { type: string; triage?: { id: string; name: string } };
  assert.deepEqual([last.type, last.triage?.id, last.triage?.name], ['table', to, 'data/orders.jsonl']);
  await panels.show(to);
  assert.equal(fake.panels.length, 1, 'it is the page of the new name');
});

test('a text is searched for in the whole file, and another text ends the search', async (t) => {
  const { data, panel, events, asked, answer } = await opened(t, 10);
  const first = panel.send(2, { type: 'search', text: 'zo' });
  await new Promise((resolve) => setImmediate(resolve));
  const second = panel.send(3, { type: 'search', text: 'zorb' });
  await new Promise((resolve) => setImmediate(resolve));
  answer();
  answer();
  await Promise.all([first, second]);
  assert.deepEqual(
    asked.map(([name, params, cancelled]) => [name, params, cancelled]),
    [
      ['rowsWith', { data, format: 'completion', text: 'zo' }, true],
      ['rowsWith', { data, format: 'completion', text: 'zorb' }, false],
    ],
  );
  assert.deepEqual((events().at(-1) as { text: string }).text, 'zorb');
});

test('the row that is looked at is shown at once, and explained unless another one is looked at before', async (t) => {
  const { root, data, scans, panel, events, asked, opens, computed, answer } = await opened(t, 10);
  const first = panel.send(2, { type: 'explain', hash: hashOf(1) });
  await new Promise((resolve) => setImmediate(resolve));
  const second = panel.send(3, { type: 'explain', hash: hashOf(2) });
  answer();
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  answer();
  await second;
  const shown = events().slice(1).map(({ hash, tokens, pending }) => [hash, tokens, pending]); // oxfmt-ignore
  assert.deepEqual(shown, [
    [hashOf(1), null, true],
    [hashOf(2), null, true],
    [hashOf(2), [['a', 2, 0.1]], false],
  ]);
  const explained = asked.filter(([name]) => name === 'explain');
  assert.deepEqual(explained.map(([, , cancelled]) => cancelled), [true, false]); // oxfmt-ignore
  assert.deepEqual(explained[1]![1], {
    model: join(root, 'm'),
    vector: join(root, 'v'),
    data,
    format: 'completion',
    hash: hashOf(2),
    ...{ device: 'cpu', precision: 'int4' },
  });
  assert.deepEqual(computed.at(-1), [join(root, 'm'), join(root, 'v')]);
  // of rows of one text each is at its own line; in another file it is where its text is found
  await panel.send(4, { type: 'open', hash: hashOf(2), line: 7 });
  scans.note(data, { changed: true });
  await panel.send(5, { type: 'open', hash: hashOf(2), line: 7 });
  assert.deepEqual(opens, [
    [data, 7],
    [data, 1],
  ]);
});
