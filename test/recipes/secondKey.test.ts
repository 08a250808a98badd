/** A key stands once: of two, the last would count, and nobody would see the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRecipe, requireRecipe } from '../../extension/runs/recipe.js';
import type { HostError } from '../../extension/host/errors.js';
import { readJudge } from '../../runtime/commandLine/judge.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';

const recipe = (...lines: string[]): string =>
  ['{ // mine', '"kind": "vector", "model": "m", "output": "o",', ...lines, '"harmful": { "file": "h" } }'].join('\n');

const TWICE = [
  [['"seed": 1,', '"steps": 2,', '"seed": 2,'], 5, 'seed'],
  [['"optimizer": {', '"learningRate": 1,', '"schedule": "linear",', '"learningRate": 2 },'], 6, 'optimizer.learningRate'],
  [['"seed": 1,', '"seed": 1,'], 4, 'seed'],
  [['"adapter": { "rank": 2 },', '"se\\u0065d": 1,', '"adapter": { "rank": 4 }, "seed": 3,'], 5, 'adapter'],
] as const; // oxfmt-ignore

test('the second one is refused at its own line, by the engine and in the editor', () => {
  for (const [lines, line, path] of TWICE) {
    const text = recipe(...lines);
    const key = path.split('.').at(-1);
    const message = `the key "${key}" appears twice here.`;
    assert.throws(() => parseRecipe(text, 'r.json'), { message, place: `r.json:${line} ${path}` });
    const isShown = ({ data }: HostError): boolean => data.message === message && data.place === `/w/r.json:${line}`;
    assert.throws(() => requireRecipe(text, '/w/r.json'), isShown);
    const read = readRecipe(text, '/w/r.json');
    assert.equal(read.facts?.model, '/w/m');
    assert.ok(isShown(read.problem!));
  }
});

test('the same key of two objects is another one', () => {
  const text = recipe('"steps": 1, "optimizer": { "learningRate": 1 },', '"benign": { "file": "b" },');
  assert.equal(parseRecipe(text, 'r.json').kind, 'vector');
  assert.equal(readRecipe(text, '/w/r.json').problem, undefined);
});

test('a judge on the command line is read the same way', async () => {
  await assert.rejects(readJudge('{"endpoint":"http://h/v1","model":"a","model":"b"}'), { message: /the key "model"/ });
});
