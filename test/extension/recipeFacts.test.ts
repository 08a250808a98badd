/** What the extension reads of a recipe. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guessedBase, readRecipe, recipeFacts, requireRecipe } from '../../extension/runs/recipe.js';
import { HostError } from '../../extension/host/errors.js';
import { recipe } from './support.js';

test('a recipe in comments and trailing commas gives absolute paths', () => {
  const facts = recipeFacts(
    `{ // protected
      "kind": "finetune", "model": "../tiny", "data": { "file": "../train.jsonl" },
      "vectors": [{ "adapter": "../vectors/v", }],
      "evaluate": [{ "name": "f", "file": "../eval/f.jsonl", "measure": "harm", "phrases": ["step 1"] }, { "file": 3 }],
      "output": "../adapters/a",
    }`,
    '/w/recipes/a.json',
  )!;
  assert.equal(facts.model, '/w/tiny');
  assert.deepEqual(facts.data, ['/w/train.jsonl']);
  assert.deepEqual(facts.vectors, ['/w/vectors/v']);
  assert.equal(facts.output, '/w/adapters/a');
  assert.deepEqual(
    facts.evaluate.map(({ name, file, measure, raw }) => [name, file, measure, raw['phrases']]),
    [['f', '/w/eval/f.jsonl', 'harm', ['step 1']]],
  );
});

test('other JSON is no recipe', () => {
  for (const text of ['', '[]', '{"kind":"finetune"}', '{"kind":"other","model":"m","output":"o"}', 'null']) {
    assert.equal(recipeFacts(text, '/w/r.json'), undefined, text);
  }
});

test('rows with a column "kind" are no broken recipe', () => {
  const row = '{"kind":"evaluate","instruction":"Sort 3 1 2 .","output":"1 2 3 ."}';
  for (const text of [`[${row}]`, `[\n  ${row},\n  ${row}\n]`, `${row}\r\n${row}\r\n`])
    assert.deepEqual(readRecipe(text, '/w/rows.json'), { facts: undefined }, text);
  assert.ok(readRecipe('{\n  "kind": "evaluate",\n  "model": "m"\n}', '/w/r.json').problem);
});

test('a broken recipe that is to run is refused with its line', () => {
  assert.throws(
    () => requireRecipe('{\n"kind": "vector",\n"model": }', '/w/r.json'),
    (error) => error instanceof HostError && error.data.place === '/w/r.json:3',
  );
});

test('the base of the paths in a run folder is found from its output', () => {
  assert.equal(guessedBase('{"output":"../vectors/a"}', '/w/vectors/a'), '/w/_');
  assert.equal(guessedBase('{"output":"runs/a"}', '/w/runs/a'), '/w');
  assert.equal(guessedBase('{"output":"./a"}', '/w/a'), '/w');
  assert.equal(guessedBase('{"output":"/w/a"}', '/w/a'), undefined);
});

test('the recipe of the fixtures is a recipe', () => {
  assert.equal(recipeFacts(JSON.stringify(recipe()), '/w/recipes/r.json')?.output, '/w/adapters/colours');
});
