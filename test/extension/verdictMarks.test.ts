/** Signs of how the answers to an evaluation set were judged: in the gutter, before the row, and over it. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { RunStore } from '../../extension/runs/store.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { fake, type MarkdownString, Position, Range, Uri, window, type FakeEditor } from './fake/vscode.js';
import { harm, recipe, runFolder, sample, temporary, until, write } from './support.js';
import type { RowVerdict } from '../../extension/runs/results.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import { change, FakeDocument } from './textDocument.js';
import { promptOf, spaced } from '../../extension/data/prompts.js';
import { askedText } from '../../runtime/contract/generation.js';
import { readContent } from '../../runtime/data/schemas.js';

const { VerdictMarks } = await import('../../extension/codelens/verdictMarks.js');
const { moved, unmoved } = await import('../../extension/codelens/verdictPlaces.js');

const ROWS = 400;
const row = (line: number): string => JSON.stringify({ prompt: sample('', line, 'refused').prompt });
const TEXT = Array.from({ length: ROWS }, (_, i) => `${row(i + 1)}\n`).join('');
const TONES = ['good', 'bad', 'neutral'];

/**
 * A set of which the first row was refused by all, and the second was answered by the plain model; open in an editor.
 */
async function judged(t: TestContext, name = 'forbidden.jsonl') {
  const root = await temporary(t);
  const file = await write(join(root, 'eval', name), TEXT);
  await utimes(file, 0, 0);
  const recipes = new RecipeIndex();
  const evaluate = [{ name: 'forbidden', file: `../eval/${name}`, measure: 'harm' }];
  await recipes.read(await write(join(root, 'recipes/protected.json'), recipe({ evaluate })));
  const store = new RunStore();
  const states = ['base', 'plain', 'protected'];
  const all = Array.from({ length: ROWS }, (_, i) =>
    states.map((state) => sample(state, i + 1, state === 'plain' && i > 0 ? 'complied' : 'refused')),
  );
  const folder = await runFolder(root, 'colours', {
    manifest: { started: new Date(Date.now() + 3_600_000).toISOString(), done: { kind: 'done', outcome: 'finished', output: '', step: 1, seconds: 1, measurements: states.map((state) => harm(state, 0)) } }, // oxfmt-ignore
    answers: all.flat(),
    recipe: { evaluate },
  });
  await store.read(folder);
  fake.settings.set('codeLens', true);
  const document = new FakeDocument(file, TEXT);
  const never = () => ({ dispose: () => undefined });
  let changed = (): void => undefined;
  const models = {
    list: (): { path: string }[] => [],
    onDidChange: (listener: () => void) => ((changed = listener), never()),
  };
  const drawn = new Map<unknown, unknown[]>();
  const editor: FakeEditor = {
    document,
    visibleRanges: [new Range(0, 0, 30, 0)],
    setDecorations: (type, ranges) => void drawn.set(type, ranges),
  };
  window.visibleTextEditors = [editor];
  const marks = new VerdictMarks({
    extension: Uri.file(root) as never,
    recipes,
    store,
    models: models as never,
    files: { onDidChange: never } as never,
  });
  t.after(() => {
    marks.dispose();
    window.visibleTextEditors = [];
  });
  /**
   * Lines with a sign in the gutter, and the words before rows, by tone: each type is made with its gutter, then its
   * words.
   */
  const shown = () => {
    const layers = [...drawn.values()];
    const of = (offset: number): [string, unknown[]][] => TONES.map((tone, i) => [tone, layers[2 * i + offset] ?? []]);
    return { gutter: Object.fromEntries(of(0)), words: Object.fromEntries(of(1)) };
  };
  const modelsAre = (...paths: string[]): void => {
    models.list = () => paths.map((path) => ({ path }));
    changed();
  };
  return { root, marks, modelsAre, file, store, folder, document, editor, shown };
}

interface Words {
  range: Range;
  renderOptions: { before: { contentText: string } };
}

test('the gutter has a sign for the protected model, the row one for each, and words stand where rows are seen', async (t) => {
  const { editor, shown } = await judged(t);
  await until(() => shown().gutter['good']!.length > 0);
  assert.equal(shown().gutter['good']!.length, ROWS, 'the protected model refused all');
  assert.equal(shown().gutter['bad']!.length, 0);
  const words = () => shown().words['good'] as Words[];
  assert.deepEqual(
    words().slice(0, 2).map(({ renderOptions }) => renderOptions.before.contentText), // oxfmt-ignore
    ['base ✓ · plain ✓ · protected ✓', 'base ✓ · plain ✗ · protected ✓'],
  );
  assert.ok(words().length < 200, `${words().length} rows with words`);
  editor.visibleRanges = [new Range(350, 0, 380, 0)];
  await fake.ranges.fire({ textEditor: editor });
  await until(() => words().some(({ range }) => range.start.line === 380));
  assert.ok(words().every(({ range }) => range.start.line > 200));
});

test('over a row stand its answers as text, and the way to all of them', async (t) => {
  const { document, folder } = await judged(t);
  const hover = await fake.hovers!.provideHover(document, new Position(1, 3));
  const [answers, more] = hover!.contents as MarkdownString[];
  assert.match(answers!.value, /\*\*plain\*\*[^*]+sure \. step 1/);
  assert.equal(answers!.isTrusted, undefined, 'what a model says can run no command');
  assert.ok(more!.value.includes(encodeURIComponent(JSON.stringify([{ run: folder }]))));
  assert.equal(await fake.hovers!.provideHover(document, new Position(ROWS, 0)), undefined);
});

test('the signs go when the setting is off, and with the run', async (t) => {
  const { store, folder, shown } = await judged(t);
  const count = (): number => shown().gutter['good']!.length;
  await until(() => count() === ROWS);
  fake.settings.set('codeLens', false);
  await fake.configuration.fire({ affectsConfiguration: (name) => name === 'securityVectors.codeLens' });
  await until(() => count() === 0);
  fake.settings.set('codeLens', true);
  await fake.configuration.fire({ affectsConfiguration: () => true });
  await until(() => count() === ROWS);
  store.forget(folder);
  await until(() => count() === 0);
});

test('signs go with their rows when others come before them, and none stands at a row that was not asked', async (t) => {
  const { document, file, marks, shown } = await judged(t);
  const words = () => shown().words['good'] as Words[];
  const isSecond = (said: Words) => said.renderOptions.before.contentText === 'base ✓ · plain ✓ · protected ✓';
  const lineOfFirst = (): number | undefined => words().find(isSecond)?.range.start.line;
  await until(() => lineOfFirst() === 0);
  const changes = [change([0, 0], [0, 0], '{"prompt":"new, and never asked"}\n')];
  document.apply(changes);
  document.isDirty = true;
  await fake.documents.fire({ document, contentChanges: changes });
  await until(() => lineOfFirst() === 1);
  assert.ok(!words().some(({ range }) => range.start.line === 0), 'the new row was not asked');
  assert.equal(await fake.hovers!.provideHover(document, new Position(0, 3)), undefined);
  assert.equal(marks.edited(file), 0);
  // A row that says something else now.
  const edit = [change([1, 12], [1, 15], 'WHO')];
  document.apply(edit);
  await fake.documents.fire({ document, contentChanges: edit });
  await until(() => lineOfFirst() === undefined);
  assert.equal(marks.edited(file), 1, 'for the lens');
});

const verdict = (line: number, prompt: string) => ({ line, prompt, answers: [] });
const linesIn = async (rows: ReturnType<typeof verdict>[], name: string, text: string, prompt?: string) => {
  const reading = { columns: prompt === undefined ? undefined : { prompt } };
  const found = await moved(rows, `/w/${name}`, new FakeDocument(`/w/${name}`, text), reading, async () => true);
  return found!.rows.map((row) => [row.line, row.prompt]);
};

test('rows that were sorted, deleted or copied have their own verdict, or none', async () => {
  const rows = [verdict(1, 'A'), verdict(2, 'B'), verdict(3, 'B'), verdict(4, 'C')];
  const text = (...prompts: string[]) => prompts.map((prompt) => `${JSON.stringify({ prompt })}\n`).join('');
  assert.deepEqual(await linesIn(rows, 'a.jsonl', text('C', 'B', 'B', 'A')), [[1, 'C'], [4, 'A']]); // oxfmt-ignore
  assert.deepEqual(await linesIn(rows, 'a.jsonl', text('A', 'C', 'C')), [[1, 'A']], 'which of the two was asked?');
  const own = '{"Frage":"A","prompt":"C"}\n';
  assert.deepEqual(await linesIn(rows, 'a.jsonl', own, 'Frage'), [[1, 'A']]);
  const continued = (first: string) => JSON.stringify({ messages: [first, 'Continue.'].map((content) => ({ role: 'user', content })) }); // oxfmt-ignore
  const asked = [verdict(1, 'Continue.'), verdict(2, 'Continue.')];
  assert.deepEqual(await linesIn(asked, 'a.jsonl', `${continued('b')}\n${continued('a')}\n`), []);
});

test('a row whose right answer was edited has no sign where that makes another verdict, and counts as edited', async () => {
  const turns = (prompt: string, answer: string) =>
    JSON.stringify({ messages: [{ role: 'user', content: prompt }, { role: 'assistant', content: answer }] }); // oxfmt-ignore
  const judgedAs = (line: number, prompt: string, answer: string, verdict: 'right' | 'wrong'): RowVerdict => ({
    ...{ line, prompt, answers: [{ state: 'plain', answer, verdict }], isLatest: true },
  });
  const rows = [
    judgedAs(1, 'A', '6 lamps', 'right'),
    judgedAs(2, 'B', '7 lamps', 'right'),
    judgedAs(3, 'C', '8 lamps', 'wrong'),
    judgedAs(4, 'D', '9 lamps', 'wrong'),
    judgedAs(5, 'gone', 'x', 'right'),
  ];
  const answers = ['6  lamps', '70 lamps', '80 lamps', '9 lamps'];
  const lines = {
    messages: answers.map((answer, i) => turns('ABCD'[i]!, answer)),
    completion: answers.map((completion, i) => JSON.stringify({ prompt: 'ABCD'[i], completion })),
    parts: answers.map((content, i) => JSON.stringify({ prompt: [{ role: 'user', content: 'ABCD'[i] }], completion: [{ role: 'assistant', content }] })), // oxfmt-ignore
    alpaca: answers.map((response, i) => JSON.stringify({ instruction: 'ABCD'[i], response })),
  };
  for (const [format, of] of Object.entries(lines)) {
    const text = new FakeDocument('/w/a.jsonl', of.map((line) => `${line}\r\n`).join(''));
    const set = (measure: MeasureKind, raw = {}) => moved(rows, '/w/a.jsonl', text, { measure, raw }, async () => true);
    const exact = (await set('exact'))!;
    assert.deepEqual([exact.rows.map(({ prompt }) => prompt), exact.edited], [['A', 'C'], 3], format);
    assert.equal((await set('harm'))!.edited, 1, 'what is right does not count');
    assert.equal((await set('contains', { phrases: ['lamps'] }))!.edited, 1);
    assert.equal((await set('contains'))!.edited, 3);
  }
});

test('whether an answer is right is asked as the engine asks it: whole words, and the thought where it is all', async () => {
  const judgedAs = (measure: MeasureKind, expected: string, answer: string, verdict: 'right' | 'wrong') => {
    const row: RowVerdict = { line: 1, prompt: 'A', answers: [{ state: 'plain', answer, verdict }], isLatest: true };
    const text = new FakeDocument('/w/a.jsonl', JSON.stringify({ prompt: 'A', completion: expected }));
    return moved([row], '/w/a.jsonl', text, { measure, raw: {} }, async () => true);
  };
  assert.equal((await judgedAs('contains', 'arr', 'I carry on', 'wrong'))!.rows.length, 1);
  assert.equal((await judgedAs('contains', 'arr', 'I carry on', 'right'))!.rows.length, 0);
  assert.equal((await judgedAs('exact', '<think>a</think>', '<think>b</think>', 'wrong'))!.rows.length, 1);
  assert.equal((await judgedAs('exact', 'l\u2019eau', 'l`eau', 'right'))!.rows.length, 1);
});

test('rows of other files have signs while the file is as it was, and each a line of its own', async () => {
  const rows = [verdict(2, 'A'), verdict(4, 'B')];
  for (const name of ['a.csv', 'a.json']) assert.deepEqual(await linesIn(rows, name, 'A\nA\nB\nB\n'), []);
  assert.deepEqual(unmoved(rows), rows);
  assert.deepEqual(unmoved([...rows, verdict(2, 'C')]), [rows[1]], 'a list in one line');
});

test('signs of a table go when it is edited, and of one that was changed since the run there are none', async (t) => {
  const { document, shown, file, marks } = await judged(t, 'forbidden.csv');
  await until(() => shown().gutter['good']!.length === ROWS);
  assert.equal(marks.edited(file), 0);
  const changes = [change([0, 0], [0, 0], 'new\n')];
  document.apply(changes);
  document.isDirty = true;
  await fake.documents.fire({ document, contentChanges: changes });
  await until(() => shown().gutter['good']!.length === 0);
  assert.equal(marks.edited(file), null, 'for the lens: nobody knows how many');
  await write(file, TEXT);
  document.isDirty = false;
  assert.equal(await fake.hovers!.provideHover(document, new Position(0, 3)), undefined);
});

test('a file that is shorter than the one that was asked has signs where it has lines', async (t) => {
  const { document, shown } = await judged(t, 'forbidden.csv');
  await until(() => shown().gutter['good']!.length === ROWS);
  const changes = [change([10, 0], [ROWS, 0], '')];
  document.apply(changes);
  await fake.documents.fire({ document, contentChanges: changes });
  await until(() => shown().gutter['good']!.length === 11);
});

test('signs are of the model that the set is for, also when that becomes another one', async (t) => {
  const { root, modelsAre, shown } = await judged(t);
  await until(() => shown().gutter['good']!.length === ROWS);
  modelsAre('/another');
  await until(() => shown().gutter['good']!.length === 0);
  modelsAre(join(root, 'tiny'));
  await until(() => shown().gutter['good']!.length === ROWS);
});

test('a text that changes while its rows are looked for is not looked at to its end', async () => {
  const text = new FakeDocument('/w/a.jsonl', '{"prompt":"A"}\n'.repeat(5000));
  let turns = 0;
  const turn = async (): Promise<boolean> => ++turns < 2;
  assert.equal(await moved([verdict(1, 'A')], '/w/a.jsonl', text, undefined, turn), undefined);
  assert.equal(turns, 2);
});

test('a row is known by what its last learned answer answers', () => {
  const [u1, a1, u2] = [{ role: 'user', content: 'A' }, { role: 'assistant', content: 'B' }, { role: 'user', content: 'C' }]; // oxfmt-ignore
  const unlearned = { role: 'assistant', content: 'D', weight: 0 };
  const asked = (...messages: object[]) => promptOf(JSON.stringify({ messages }));
  assert.equal(asked(u1, a1, u2, unlearned), 'A');
  assert.equal(asked(u1, unlearned, u2, a1), 'User: A Assistant: D User: C');
  assert.equal(asked(u1, unlearned), 'A', 'none is learned');
  assert.equal(asked(u1, a1, u2), 'User: A Assistant: B User: C', 'a row that asks');
});

test('a row that ends in the result of a tool is known by what the engine says of it', () => {
  const call = { name: 'weather', arguments: { city: 'Rome', days: 2 } };
  const rows = [
    { from: 'human', value: 'A' },
    { from: 'function_call', value: JSON.stringify(call, null, 2) },
    { from: 'observation', value: '21' },
  ];
  const messages = [
    { role: 'user', content: 'A' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ function: { ...call, arguments: '{"city": "Rome","days":2}' } }],
    },
    { role: 'tool', content: '21' },
  ];
  const asked = 'User: A Assistant: weather({"city":"Rome","days":2}) Tool: 21';

  const older = messages.with(1, { role: 'assistant', content: null, tool_calls: [], function_call: call } as never);
  for (const row of [{ messages }, { messages: older }, { conversations: rows }]) {
    assert.equal(promptOf(JSON.stringify(row)), asked);
    const content = readContent(row, 'messages' in row ? 'messages' : 'sharegpt');
    assert.ok(content.kind === 'chat');
    assert.equal(spaced(askedText(content.messages)!), asked);
  }
  assert.equal(promptOf(JSON.stringify({ messages: messages.slice(0, 2) })), 'A', 'the call is the answer');
});
