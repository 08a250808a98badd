/** The training panel: a recipe's text → what is shown, and a choice → the change of the text. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { applyEdits } from 'jsonc-parser';
import { keyOffset, setValue } from '../../extension/runs/recipeEdit.js';
import { createRun, type Run } from '../../extension/runs/run.js';
import {
  chosen,
  chosenData,
  firstRecipe,
  protectedBy,
  readWritten,
  recipeChoices,
  trainingForm,
  unprotected,
  type Known,
  type Written,
} from '../../extension/views/trainingState.js';
import type { RecipeFacts } from '../../extension/runs/recipe.js';
import type { Scan } from '../../extension/data/scans.js';
import { manifest } from './support.js';
import { FILE, known, TEXT, VECTOR, written } from './trainingRecipe.js';

const SAMPLE = join(import.meta.dirname, '../../media/sample/recipes');
const sample = (name: string): string => readFileSync(join(SAMPLE, `${name}.json`), 'utf8');
function vectorRun(more: Partial<Run> = {}, recall = 0.98): Run {
  const run = createRun(VECTOR, 'zorb');
  const done = {
    kind: 'done' as const,
    outcome: 'finished' as const,
    output: VECTOR,
    step: 100,
    seconds: 5,
    measurements: [],
    laws: { baseUnchanged: true },
    vector: {
      ...{ harmful: 20, ordinary: 40, auroc: 0.99, aurocInterval: [0.95, 1] as [number, number], recall },
      ...{ trial: 1, trialInterval: [0.95, 1.05] as [number, number] },
    },
  };
  return Object.assign(run, {
    manifest: manifest('/w', { kind: 'vector', role: 'security', name: 'zorb' }),
    result: `${VECTOR}/adapter`,
    progress: { ...run.progress, state: 'finished' },
    done,
    ...more,
  });
}

test('a recipe is shown with its choices, its settings and what is known of them', () => {
  const { form, notices, targets } = trainingForm(written(), known({ runs: [vectorRun()] }));
  const { model, data, vector: field } = form.fields;
  assert.deepEqual([model.value, data.value, field.value], ['/w/tiny', '/w/data/train.jsonl', VECTOR]);
  assert.equal(data.note, '571 rows · messages');
  assert.deepEqual(data.button, { action: 'scan', label: 'Scan for harmful rows' });
  // Of 40 ordinary rows none can be a hundredth; what it is from stands in the tooltip.
  assert.equal(field.note, '✓ finds about 98\u00a0% at 1\u00a0% false alarms');
  assert.match(field.details!, /The 1 % is extrapolated from 40 ordinary rows\./);
  assert.deepEqual(
    field.choices.map(({ label }) => label),
    ['zorb'],
  );
  assert.deepEqual(
    form.settings.map(({ text, key }) => [text, key]),
    [
      ['LoRA r 8', 'adapter.rank'],
      ['6 epochs', 'epochs'],
      ['lr 0.003', 'optimizer.learningRate'],
    ],
  );
  assert.deepEqual([form.isProtected, form.canProtect, form.canStart, notices], [true, true, true, []]);
  assert.equal(targets.vector, `${VECTOR}/adapter`);
});

test('a rate that enough rows were held out for is said as it was counted', () => {
  const run = vectorRun();
  run.done!.vector!.ordinary = 400;
  const { vector: field } = trainingForm(written(), known({ runs: [run] })).form.fields;
  assert.equal(field.note, '✓ finds 98\u00a0% at 1\u00a0% false alarms');
  assert.doesNotMatch(field.details!, /extrapolated/);
});

test('nothing is claimed of a vector that was not measured', () => {
  const run = vectorRun();
  delete run.done!.vector!.recall;
  for (const runs of [[], [run]])
    assert.doesNotMatch(trainingForm(written(), known({ runs })).form.fields.vector.note, /finds|%/);
});

test('scanned data say what was flagged, and offer a scan again when they have changed', () => {
  const scan = { flagged: 171, rows: 571, vectorName: 'zorb', size: 1 } as Scan;
  const field = (changed: boolean) =>
    trainingForm(written(), known({ scan: () => scan, since: () => ({ changed, edited: 0, gone: 0 }) })).form.fields
      .data;
  assert.equal(field(false).note, '571 rows · 171 flagged');
  assert.equal(field(false).button, undefined);
  assert.equal(field(true).button?.action, 'scan');
});

test('what is missing is said, each with one button, and nothing starts', () => {
  const maker = { file: '/w/recipes/vector.json', kind: 'vector', output: VECTOR } as RecipeFacts;
  const missing = (more: Partial<Known>) => {
    const { form, notices, targets } = trainingForm(written(), known(more));
    assert.equal(form.canStart, false);
    return { said: notices.map(({ text, buttons }) => [text, ...buttons.map(({ action }) => action)]), targets };
  };
  const none = { vectors: [], exists: (path: string) => !path.includes('zorb') };
  const untrained = missing({ ...none, recipes: [maker] });
  assert.deepEqual(untrained.said, [['The security vector zorb is not trained yet.', 'trainNamedVector']]);
  assert.equal(untrained.targets.vectorRecipe, maker.file);
  assert.deepEqual(missing(none).said, [['The security vector zorb is not trained yet.', 'trainVector']]);
  const training = vectorRun({ live: true, progress: { ...vectorRun().progress, state: 'training' } });
  // Its steps, which this does not follow, are not said.
  const elsewhere = vectorRun({ elsewhere: { pid: 1, host: 'here', started: '', since: '' } });
  for (const run of [training, elsewhere]) {
    assert.deepEqual(missing({ ...none, runs: [run], recipes: [maker] }).said, [['zorb is being trained.']]);
    assert.equal(trainingForm(written(), known({ ...none, runs: [run] })).form.fields.vector.note, '');
  }
  assert.deepEqual(missing({ data: [], vectors: [], exists: () => false }).said, [
    ['The model tiny is missing.', 'addModel'],
    ['The data file data/train.jsonl is missing.', 'openSample'],
    ['The security vector zorb is not trained yet.', 'trainVector'],
  ]);
});

test('without a vector that is there, one can be trained; with one, it can be chosen', () => {
  const plain = TEXT.replace(/ {2}"vectors".*\n {2}"protection".*\n/, '');
  const { form } = trainingForm(written(plain), known({ vectors: [] }));
  assert.deepEqual([form.isProtected, form.canProtect, form.canStart], [false, false, true]);
  assert.equal(form.fields.vector.button?.action, 'trainVector');
  const offered = trainingForm(written(plain), known()).form;
  assert.deepEqual(
    [offered.canProtect, offered.fields.vector.choices.map(({ label }) => label), offered.fields.vector.value],
    [true, ['none', 'zorb'], ''],
  );
});

test('a run of the recipe that goes on cannot be started twice', () => {
  const run = Object.assign(createRun('/w/adapters/mine', 'mine'), { live: true });
  assert.equal(trainingForm(written(), known({ runs: [run] })).form.canStart, false);
  const inOtherWindow = Object.assign(run, {
    live: false,
    elsewhere: { pid: 1, host: 'here', started: '', since: '' },
  });
  assert.equal(trainingForm(written(), known({ runs: [inOtherWindow] })).form.canStart, false);
  const other = Object.assign(createRun('/w/adapters/theirs', 'theirs'), { live: true });
  assert.equal(trainingForm(written(), known({ runs: [other] })).form.canStart, true);
});

test('a fault of the text is told with its line; what can be read is still shown', () => {
  const broken = readWritten(TEXT.replace('"model"', 'model'), FILE);
  assert.equal(broken.facts, undefined);
  assert.equal(broken.error?.place, `${FILE}:4`);
  const wrong = readWritten(TEXT.replace('"epochs": 6', '"epochs": "six"'), FILE);
  assert.equal(wrong.error?.place, `${FILE}:10`);
  assert.match(wrong.error!.message, /"epochs": .*number/);
  const { form } = trainingForm(wrong as Written, known());
  assert.deepEqual([form.fields.data.value, form.canStart, form.settings], ['/w/data/train.jsonl', false, []]);
  const misspelt = readWritten(TEXT.replace('"epochs"', '"epoch"'), FILE);
  assert.match(misspelt.error!.message, /epoch/);
  assert.equal(readWritten('{"kind":"vector","model":"m","output":"o"}', FILE).facts, undefined);
});

test('a choice changes one value and no other character', () => {
  const change = (key: 'model' | 'vector', path: string): string => applyEdits(TEXT, chosen(TEXT, FILE, key, path));
  assert.equal(change('model', '/w/models/other'), TEXT.replace('"../tiny"', '"../models/other"'));
  assert.equal(
    applyEdits(TEXT, chosenData(TEXT, FILE, { file: '/w/data/b "c".jsonl', reviewed: false })),
    TEXT.replace('"../data/train.jsonl"', '"../data/b \\"c\\".jsonl"'),
  );
  assert.equal(change('vector', '/w/vectors/b'), TEXT.replace('"../vectors/zorb"', '"../vectors/b"'));
});

test('protection goes off and comes back as it was, with its comments', () => {
  const { edits, was } = unprotected(TEXT);
  const off = applyEdits(TEXT, edits);
  assert.equal(
    off,
    TEXT.replace(/\[\{ "adapter".*?\}\]/, '[]').replace('{"route": true}', 'false'),
    'only the two values are others',
  );
  const { recipe } = readWritten(off, FILE);
  assert.deepEqual([recipe?.vectors, recipe?.protection], [[], false]);
  assert.equal(applyEdits(off, protectedBy(off, was)), TEXT);
  // Another vector, protected as before.
  const other = readWritten(applyEdits(off, chosen(off, FILE, 'vector', '/w/vectors/b', was)), FILE).recipe;
  assert.deepEqual(
    [other?.vectors[0]?.adapter, other?.protection],
    ['../vectors/b', { ...(other?.protection as object), route: true }],
  );
});

test('each recipe of the sample can be protected and unprotected, and is a recipe all the time', () => {
  for (const name of ['plain', 'paper', 'protected']) {
    const text = sample(name);
    const file = join(SAMPLE, `${name}.json`);
    const on = applyEdits(text, chosen(text, file, 'vector', join(SAMPLE, '../vectors/forbidden-topic')));
    const { recipe } = readWritten(on, file);
    assert.deepEqual(
      [recipe?.vectors, recipe?.protection],
      [[{ adapter: '../vectors/forbidden-topic', scale: 1 }], name !== 'paper'],
      name,
    );
    const { edits } = unprotected(on);
    assert.deepEqual(readWritten(applyEdits(on, edits), file).recipe?.vectors, []);
  }
  // What is new is a line, and every other line is what it was.
  const plain = sample('plain');
  const on = applyEdits(plain, chosen(plain, join(SAMPLE, 'plain.json'), 'vector', join(SAMPLE, '../vectors/v')));
  const added = on.split('\n').filter((line) => !plain.split('\n').includes(line));
  assert.deepEqual(added, ['  "vectors": [{ "adapter": "../vectors/v", "scale": 1 }],', '  "protection": true,']);
  assert.equal(on.split('\n').length, plain.split('\n').length + 2);
});

test('a new key is a line above the comments of the next, in the line breaks of the file; in one line it stays one', () => {
  const text = '{\r\n\t"kind": "finetune",\r\n\t// where\r\n\t/* really */\r\n\t"output": "x"\r\n}';
  assert.equal(
    applyEdits(text, setValue(text, 'vectors', '[]', ['probes', 'output'])),
    text.replace('\t// where', '\t"vectors": [],\r\n\t// where'),
  );
  const line = '{ "kind": "finetune", "output": "x" }';
  assert.equal(
    applyEdits(line, setValue(line, 'vectors', '[]', ['output'])),
    '{ "kind": "finetune", "vectors": [], "output": "x" }',
  );
  assert.throws(() => setValue('{ "data": {} }', 'data.file', '"x"'), /no "data\.file"/);
});

test('the place of a key is that of its property, or of what would have it', () => {
  const at = (key: string): string => TEXT.slice(keyOffset(TEXT, key)).split(/[:\n]/)[0]!;
  assert.equal(at('optimizer.learningRate'), '"learningRate"');
  assert.equal(at('optimizer.schedule'), '"optimizer"');
  assert.equal(at('vectors.0.adapter'), '"adapter"');
  assert.equal(keyOffset(TEXT, 'adapter.rank'), 0);
});

test('the strongest protection is shown first; recipes with the same name by their paths', () => {
  const facts = ['plain', 'paper', 'protected'].map(
    (name) => readWritten(sample(name), join(SAMPLE, `${name}.json`)).facts!,
  );
  assert.match(firstRecipe(facts)!.file, /protected\.json$/);
  assert.match(firstRecipe(facts.slice(0, 2))!.file, /paper\.json$/);
  assert.equal(firstRecipe([]), undefined);
  assert.deepEqual(
    recipeChoices(['/w/a/x.json', '/w/b/x.json', '/w/y.recipe.json'], (path) => path.slice(3)).map(
      ({ label }) => label,
    ),
    ['a/x', 'b/x', 'y'],
  );
});
