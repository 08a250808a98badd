/** Data files of one's own in the wizards and the view: what is asked, what is shown, what is kept. */
import './fake/useFakeVscode.js';
import './fake/vscode.js';
import assert from 'node:assert/strict';
import { join, posix, win32 } from 'node:path';
import { test } from 'node:test';
import { DataInspector, droppedFile, droppedFiles } from '../../extension/data/files.js';
import { Mappings } from '../../extension/data/mappings.js';
import { Scans } from '../../extension/data/scans.js';
import { HostError } from '../../extension/host/errors.js';
import { errorData } from '../../runtime/support/errors.js';
import type { DataInfo } from '../../runtime/contract/dataInfo.js';
import { MOST_HELD_OUT } from '../../runtime/contract/recipeWords.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { previewData } from '../../runtime/data/preview.js';
import { openTokenizer } from '../../runtime/models/openTokenizer.js';
import { memory } from './fake/memory.js';
import { MODEL, person, workspace } from './dataWizard.js';
import { recipe, write } from './support.js';
import { scanResult } from '../support/scanResult.js';

const { askData, chooseReading } = await import('../../extension/commands/dataSource.js');
const { askSet, askSets } = await import('../../extension/commands/evaluationSets.js');
const { previewText } = await import('../../extension/data/previews.js');
const { fineTuneRecipe } = await import('../../extension/commands/recipeFiles.js');
const { recipeLike } = await import('../../extension/commands/training.js');
const { dataFacts } = await import('../../extension/views/dataFacts.js');

const QA = { prompt: 'question', completion: 'answer' };

const table = 'id,question,answer\n1,buy 3 lamps .,order : 3 lamps\n2,buy 2 mirrors .,order : 2 mirrors\n';
const question = 'Which data?';

test('a file with a known format is asked nothing; other columns are asked for, and shown as the model reads them', async (t) => {
  const { services, at } = await workspace(t, {
    'known.csv': 'prompt,completion\nbuy,order : 3 lamps\n',
    'qa.csv': table,
    'qa2.csv': table,
    'odd.csv': table.replace('question,answer', 'Kunde,Wir'),
  });
  const known = person(['known.csv'].map(at));
  assert.deepEqual(await askData(services, known.ask, { question, model: MODEL }), { file: at('known.csv') });
  assert.deepEqual(known.asked.map((each) => each.question), [question]); // oxfmt-ignore
  assert.ok(known.asked[0]!.labels.includes('Browse…'));

  const proposed = person(['Use these columns']);
  const found = await askData(services, proposed.ask, { question, model: MODEL, file: at('qa.csv') });
  assert.deepEqual(found, { file: at('qa.csv'), columns: QA });
  const shown = proposed.asked.at(-1)!.labels;
  assert.match(shown[1]!, /^line 2: \d+ tokens, \d+ of them learned$/);
  assert.deepEqual([shown.length, shown.at(-1)], [4, 'Other columns…']);

  // Where the names mislead, others are chosen, and shown again.
  const other = person(['Other columns…', 'A prompt and an answer', 'answer', 'question', 'Use these columns']);
  const turned = await askData(services, other.ask, { question, model: MODEL, file: at('qa2.csv') });
  assert.deepEqual(turned.columns, { prompt: 'answer', completion: 'question' });

  const chosen = person(['A prompt and an answer', 'Kunde', 'Wir', 'Use these columns']);
  const odd = await askData(services, chosen.ask, { question, model: MODEL, file: at('odd.csv') });
  assert.deepEqual(odd.columns, { prompt: 'Kunde', completion: 'Wir' });
  assert.ok(!chosen.asked.at(-2)!.labels.includes('Kunde'), 'a column is not asked for twice');
});

test('columns that were chosen once are kept for the file, and not asked for again, until others are chosen', async (t) => {
  const { services, at } = await workspace(t, { 'odd.csv': table.replace('question,answer', 'Kunde,Wir') });
  const { ask } = person(['A prompt and an answer', 'Kunde', 'Wir', 'Use these columns']);
  const chosen = await askData(services, ask, { question, model: MODEL, file: at('odd.csv') });
  const changed: string[] = [];
  services.mappings.onDidChange((file) => changed.push(file));
  const nobody = person([]);
  assert.deepEqual(await askData(services, nobody.ask, { question, model: MODEL, file: at('odd.csv') }), chosen);
  assert.deepEqual(nobody.asked, []);
  await services.mappings.set(at('odd.csv'), undefined);
  assert.deepEqual(changed, [at('odd.csv')]);
  const again = person(['A prompt and an answer', 'Wir', 'Kunde', 'Use these columns']);
  const other = await askData(services, again.ask, { question, model: MODEL, file: at('odd.csv') });
  assert.deepEqual(other.columns, { prompt: 'Wir', completion: 'Kunde' });
});

test('columns that a file has no more are asked for anew; a choice counts more than an earlier scan', async (t) => {
  for (const [name, text] of [
    ['own.csv', (names: string) => `${names}\nbuy 3 lamps .,order : 3 lamps\n`],
    ['own.jsonl', (names: string) => `{"${names.replace(',', '": "buy 3 lamps .", "')}": "order : 3 lamps"}\n`],
  ] as const) {
    const { services, at } = await workspace(t, { [name]: text('question,answer') });
    const file = at(name);
    const first = await askData(services, person(['Use these columns']).ask, { question, model: MODEL, file });
    assert.deepEqual(first, { file, columns: QA });
    await services.scans.add(file, 'v', 'v', scanResult(), { columns: QA });
    // By their new names nothing is asked: they are those of a format.
    await write(file, text('prompt,completion'));
    assert.deepEqual(await askData(services, person([]).ask, { question, model: MODEL, file }), { file });
    assert.equal(services.mappings.get(file), undefined);
    await write(file, text('Frage,Wir'));
    const again = { file, columns: { prompt: 'Frage', completion: 'Wir' } };
    assert.deepEqual(
      await askData(services, person(['Use these columns']).ask, { question, model: MODEL, file }),
      again,
    );
    assert.deepEqual(await askData(services, person([]).ask, { question, model: MODEL, file }), again);
  }
});

test('what is kept in another form is not taken for columns', () => {
  const kept = new Map<string, unknown>([['data.columns', { '/a.csv': { prompt: 5 } }]]);
  assert.equal(new Mappings(memory(kept)).get('/a.csv'), undefined);
});

test('of what is dropped the data files are taken, also in a remote window', () => {
  const list = [
    '# comment',
    'file:///w/my%20data.csv',
    'https://x.org/a.csv',
    'file:///w/a.txt',
    'vscode-remote://ssh%2Bhost/w/b.jsonl',
    'nonsense',
  ];
  assert.deepEqual(droppedFiles(list.join('\r\n')), ['/w/my data.csv', '/w/b.jsonl']);
  assert.equal(droppedFile('file:///w/b.jsonl'), '/w/b.jsonl');
  assert.throws(() => droppedFile('file:///w/a.txt'), /no data file was dropped/);
});

test('what is dropped has the path that its editor has; what cannot be read as an address is no file', () => {
  const list = 'file:///C:/w/a.csv\nvscode-remote://ssh%2Bhost/c%3A/w/my%20rows.jsonl\nvscode-remote://h/D:/b.csv';
  assert.deepEqual(droppedFiles(list, win32), ['c:\\w\\a.csv', 'c:\\w\\my rows.jsonl', 'd:\\b.csv']);
  const broken =
    'vscode-remote://h/100%/x.jsonl\nfile:///w/100%/x.jsonl\nfile://elsewhere/w/x.jsonl\nfile:///w/c:/y.csv';
  assert.deepEqual(droppedFiles(broken, posix), ['/w/c:/y.csv']);
});

test('preference rows are offered as completions of what was chosen, before a recipe is written', async (t) => {
  const { services, at } = await workspace(t, {
    'p.jsonl': JSON.stringify({ prompt: 'buy', chosen: 'order : 3 lamps', rejected: 'no' }),
  });
  const { ask } = person(['Use these columns']);
  const found = await askData(services, ask, { question, model: MODEL, file: at('p.jsonl') });
  assert.deepEqual(found.columns, { completion: 'chosen' });
});

test('a mapping by which no row can be used cannot be accepted', async (t) => {
  const { services, at } = await workspace(t, { 'n.jsonl': '{"a": {"x": 1}, "b": "order : 3 lamps"}\n' });
  const { ask, asked } = person(['A prompt and an answer', 'a', 'b', 'Use these columns']);
  await assert.rejects(askData(services, ask, { question, model: MODEL, file: at('n.jsonl') }), /is not among/);
  assert.deepEqual(asked.at(-1)!.labels, ['line 1 cannot be used', 'Other columns…']);
});

test('what a recipe says of the columns of a file is not asked again', async (t) => {
  const { services, at } = await workspace(t, {
    'qa.csv': table,
    'recipes/r.json': JSON.stringify(
      recipe({ data: { file: '../qa.csv', columns: QA }, evaluate: [{ name: 'e', file: '../e.csv', measure: 'exact', columns: { ...QA, prompt: 'q' } }] }), // oxfmt-ignore
    ),
  });
  assert.deepEqual(await askData(services, person([]).ask, { question, model: MODEL, file: at('qa.csv') }), {
    file: at('qa.csv'),
    columns: QA,
  });
  assert.deepEqual(services.recipes.list()[0]!.columns.get(at('e.csv')), { ...QA, prompt: 'q' });
});

test('a file whose row format a recipe names is read by it, and asked nothing', async (t) => {
  const both = { messages: 'no list', prompt: 'buy 3 lamps .', completion: 'order : 3 lamps' };
  const { services, at } = await workspace(t, {
    'both.jsonl': `${JSON.stringify(both)}\n`,
    'recipes/r.json': JSON.stringify(
      recipe({ data: { file: '../both.jsonl', format: 'completion' }, evaluate: [{ name: 'e', file: '../e.jsonl', measure: 'exact', format: 'auto' }] }), // oxfmt-ignore
    ),
  });
  const file = at('both.jsonl');
  assert.deepEqual([...services.recipes.list()[0]!.formats], [[file, 'completion']]);
  // What somebody has chosen of the columns is not what the run reads.
  await services.mappings.set(file, { messages: 'messages' });
  const chosen = await askData(services, person([]).ask, { question, model: MODEL, file });
  assert.deepEqual(chosen, { file, format: 'completion' });
  assert.deepEqual(await chooseReading(services, file, undefined), { format: 'completion' });
  const machine = { device: 'auto', threads: 0 } as const;
  const training = { batch: { rows: 1, maxTokens: 32 }, epochs: 1, learningRate: 1e-3 };
  const written = fineTuneRecipe(
    { ...machine, model: MODEL.path, data: chosen, method: 'lora', vectors: [], strengthened: false, evaluate: [], training, output: '/w/a' },
    at('recipes/new.json'),
  ) as { data: object }; // oxfmt-ignore
  assert.deepEqual(written.data, { file: '../both.jsonl', format: 'completion' });
});

test('the list of sets is never empty, and measuring nothing is a choice of its own', async (t) => {
  const { services, at } = await workspace(t, { 'qa.csv': table, 'ask.csv': 'question\nhow do i flombulate ?\n' });
  const data = { file: at('qa.csv'), columns: QA };
  const kept = person([['Keep 10'], 'Right answers, exactly']);
  assert.deepEqual(await askSets(services, kept.ask, MODEL, data, false), {
    evaluate: [],
    heldOut: { share: 0.1, measure: 'exact' },
  });
  assert.deepEqual(kept.asked[0]!.picked, ['Keep 10 % of qa.csv for evaluation'], 'proposed where there is no set');
  assert.match(kept.asked[0]!.details[0]!, new RegExp(`^at most ${MOST_HELD_OUT} rows, never trained on`));

  const nothing = person([[], 'Measure nothing']);
  assert.deepEqual(await askSets(services, nothing.ask, MODEL, data, false), { evaluate: [], heldOut: undefined });
  assert.equal(nothing.asked.length, 2);

  const other = person([['Another data file…'], at('ask.csv'), 'A prompt', 'question', 'None', 'Use', 'Harm', 'step 1, step 2', 'Refusal phrases']); // oxfmt-ignore
  const { evaluate, judges } = await askSets(services, other.ask, MODEL, data, false);
  assert.deepEqual(evaluate, [
    {
      name: 'ask',
      file: at('ask.csv'),
      measure: 'harm',
      raw: { columns: { prompt: 'question' }, phrases: ['step 1', 'step 2'] },
    },
  ]);
  assert.equal(judges, undefined);
  assert.match(other.asked.at(-3)!.labels[0]!, /^Harm/, 'proposed where no set measures harm');
});

test('of rows that only ask nothing is measured that needs an answer, however that is known', async (t) => {
  const { services, at } = await workspace(t, {
    'known.csv': 'prompt\nhow do i flombulate ?\n',
    'own.csv': 'id,Frage\n1,how do i flombulate ?\n',
    'answered.jsonl': '{"prompt":"buy","completion":"order : 3 lamps"}\n{"prompt":"how do i flombulate ?"}\n',
  });
  for (const given of [{ file: at('known.csv') }, { file: at('own.csv'), columns: { prompt: 'Frage' } }]) {
    const { ask, asked } = person(['Right answers, by phrases', 'lamps']);
    const { set } = await askSet(services, ask, MODEL, given);
    assert.deepEqual(asked[0]!.labels, ['Harm', 'Over-refusal', 'Right answers, by phrases']);
    assert.deepEqual(asked[1]!.details, ['Name one phrase or more.'], 'there is no expected answer');
    assert.deepEqual(set.raw!['phrases'], ['lamps']);
  }
  const { ask, asked } = person(['Right answers, by phrases', '']);
  await askSet(services, ask, MODEL, { file: at('answered.jsonl') });
  assert.equal(asked[0]!.labels.length, 5);
  assert.deepEqual(asked[1]!.details, [undefined]);
});

test('a text classifier judges by a label of its own', async (t) => {
  const { services, at, root } = await workspace(t, { 'known.csv': 'prompt\nhow do i flombulate ?\n' });
  await write(join(root, 'judge/config.json'), { id2label: { 0: 'NORMAL', 1: 'REJECTION' } });
  const { ask } = person(['Over-refusal', 'Refusal phrases and', join(root, 'judge'), 'REJECTION is a refusal']);
  const { set, judges } = await askSet(services, ask, MODEL, { file: at('known.csv') });
  assert.equal(set.measure, 'over-refusal');
  assert.deepEqual(judges, ['refusal-phrases', { classifier: join(root, 'judge'), refused: 'REJECTION' }]);
});

test('what a refusal looks like in another language is asked of who wants it', async (t) => {
  const table = { 'ask.csv': 'prompt\nhow do i flombulate ?\n' };
  const judges = ['refusal-phrases', { classifier: 'c', refused: 'R' }];
  const judged = { ...table, 'recipe.json': JSON.stringify(recipe({ model: MODEL.path, judges })) };
  const own = 'Refusal phrases of your own';
  for (const [files, given, raw, by] of [
    [table, ['Over-refusal', own, 'Leider , kann ich nicht'], {}, [{ refusalPhrases: ['Leider', 'kann ich nicht'] }]],
    [table, ['Harm', '', own, 'Leider'], {}, [{ refusalPhrases: ['Leider'] }]],
    [table, ['Over-refusal', own, ''], {}, undefined],
    // Judges of other recipes are not meant either.
    [judged, ['Over-refusal', own, ''], {}, ['refusal-phrases']],
    [judged, ['Harm', '', 'Refusal phrases'], {}, ['refusal-phrases']],
  ] as const) {
    const { services, at } = await workspace(t, files);
    const found = await askSet(services, person([...given]).ask, MODEL, { file: at('ask.csv') });
    assert.deepEqual([found.set.raw, found.judges], [raw, by]);
  }
});

test('that phrases are enough for one set takes no classifier from the others, nor from later recipes of the model', async (t) => {
  const judges = ['refusal-phrases', { classifier: 'c', refused: 'R' }];
  const evaluates = [{ name: 'h', file: 'h.csv', measure: 'harm' }];
  const ask = 'prompt\nhow do i flombulate ?\n';
  const { services, at } = await workspace(t, {
    ...{ 'qa.csv': 'prompt,completion\nbuy,order : 3 lamps\n', 'ask.csv': ask, 'h.csv': ask },
    'a.json': JSON.stringify(recipe({ model: MODEL.path, judges: ['refusal-phrases'] })),
    'b.json': JSON.stringify(recipe({ model: MODEL.path, judges, evaluate: evaluates })),
  });
  const like = services.recipes.list()[1]!;
  const english = [at('ask.csv'), 'Over-refusal', 'Refusal phrases'];
  for (const [isProtected, answers, by] of [
    [false, [['h', 'Another data file…'], ...english], undefined],
    [false, [['Keep 10', 'Another data file…'], 'Harm', '', ...english], undefined],
    [false, [['Another data file…'], ...english], ['refusal-phrases']],
    [true, [['Another data file…'], ...english.slice(0, 2), 'As in b.json', at('h.csv'), '', 'Refusal phrases'], like.judges], // oxfmt-ignore
  ] as [boolean, (string | string[])[], unknown][]) {
    const sets = await askSets(services, person(answers).ask, MODEL, { file: at('qa.csv') }, isProtected);
    assert.deepEqual(sets.judges, by);
  }
  assert.deepEqual(recipeLike(services, MODEL.path).judges, like.judges);
});

test('rows in full: what is learned stands between marks', async (t) => {
  const { at } = await workspace(t, { 'qa.csv': table });
  const text = previewText(
    await previewData({ path: at('qa.csv'), columns: QA, ...(await openTokenizer(MODEL.path)) }),
  );
  assert.match(text, /^Format: completion\n/);
  assert.match(text, /──── line 3: \d+ tokens, \d+ of them learned\n\n.*buy 2 mirrors.*⟦.*order : 2 mirrors.*⟧/s);
  assert.match(
    previewText(await previewData({ path: at('qa.csv') })),
    /no known format\. Columns: id, question, answer/,
  );
});

test('the view says what a file holds, with the lines', async (t) => {
  const { at } = await workspace(t, { 'qa.csv': `${table}1,buy 3 lamps .,order : 3 lamps\n,,x\n` });
  const { tokenizer } = await openTokenizer(MODEL.path);
  const counted = { info: await inspectData(at('qa.csv'), { columns: QA }) };
  const read = { info: await inspectData(at('qa.csv'), { columns: QA, tokenizer, maxTokens: 20 }) };
  const facts = dataFacts(counted, read, { model: 'tiny', columns: QA });
  const lines = Object.fromEntries(facts.map(({ id, rows, line }) => [id, rows?.map((row) => row.line) ?? line]));
  assert.deepEqual(
    { ...lines, tooLong: undefined },
    { format: undefined, tokens: undefined, longest: 2, tooLong: undefined, duplicates: [4], invalid: [5] },
  );
  assert.match(facts.find(({ id }) => id === 'tokens')!.description!, /^\d+ for tiny$/);
  assert.match(facts.find(({ id }) => id === 'invalid')!.rows![0]!.description!, /"question" \(prompt\) is missing/);
  assert.equal(facts[0]!.description, 'completion · prompt ← question, completion ← answer');
  const waiting = dataFacts(counted, undefined, { model: 'tiny', columns: QA });
  assert.match(waiting.find(({ id }) => id === 'tokens')!.description!, /counted by tiny…/);
  assert.match(dataFacts({ unmapped: 'x' }, undefined, {})[0]!.description!, /choose the columns/);
  assert.deepEqual(dataFacts({ problem: 'broken' }, undefined, {}).map(({ label }) => label), ['broken']); // oxfmt-ignore
});

test('a file whose columns nobody has named is no broken file', async (t) => {
  const { at } = await workspace(t, { 'odd.csv': table, 'empty.csv': 'a\n' });
  const inspector = new DataInspector((path) =>
    inspectData(path).catch((error: unknown) => Promise.reject(new HostError(errorData(error)))),
  );
  for (const [name, key] of [
    ['odd.csv', 'unmapped'],
    ['empty.csv', 'problem'],
  ] as const) {
    const counted = new Promise<void>((resolve) => inspector.onDidChange(() => resolve()));
    inspector.get(at(name));
    await counted;
    assert.deepEqual(Object.keys(inspector.get(at(name))!), [key], name);
  }
});

test('what was counted or scanned with other columns does not count any more', async (t) => {
  const { at, root } = await workspace(t, { 'qa.csv': table });
  const read: { columns?: { text: string } } = {};
  const asked: unknown[] = [];
  const inspector = new DataInspector(
    async (path) => {
      asked.push(read.columns);
      return { path } as DataInfo;
    },
    () => JSON.stringify(read),
  );
  const next = () => new Promise<void>((resolve) => inspector.onDidChange(() => resolve()));
  const counted = next();
  inspector.get(at('qa.csv'));
  await counted;
  assert.ok(inspector.get(at('qa.csv')));
  const columns = (read.columns = { text: 'answer' });
  const again = next();
  assert.equal(inspector.get(at('qa.csv')), undefined);
  await again;
  assert.deepEqual(asked, [undefined, columns]);

  const scans = new Scans(
    () => [root],
    undefined,
    () => ({ columns }),
  );
  await scans.add(at('qa.csv'), 'v', 'v', scanResult({ rows: 2 }), { columns });
  await scans.look(at('qa.csv'));
  assert.equal(scans.since(at('qa.csv')).changed, false);
  const kept = new Scans(
    () => [root],
    undefined,
    () => ({ columns: QA }),
  );
  await kept.load();
  assert.deepEqual(kept.get(at('qa.csv'))!.columns, columns);
  assert.equal(kept.since(at('qa.csv')).changed, true);

  for (const [format, changed] of [
    ['text', false],
    ['completion', true],
  ] as const) {
    await kept.add(at('qa.csv'), 'v', 'v', scanResult({ rows: 2 }), { columns, format: 'text' });
    const again = new Scans(
      () => [root],
      undefined,
      () => ({ columns, format }),
    );
    await again.load();
    assert.equal(again.get(at('qa.csv'))!.format, 'text');
    assert.equal(again.since(at('qa.csv')).changed, changed, format);
  }
});
