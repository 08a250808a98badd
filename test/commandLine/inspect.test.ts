/** `inspect` takes models, data files and recipes: what is meant for one of them is refused as that. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { cli, ROOT } from '../calls/support.js';
import { temporary } from '../extension/support.js';

async function inspected(t: TestContext, file: string, text: string) {
  const path = join(await temporary(t), file);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  return cli(['inspect', path]);
}

test('a recipe that is wrong is read as one, not as rows', async (t) => {
  const recipe = { kind: 'fine-tune', model: 'm', data: { file: 'd' }, output: 'o' };
  const whole = JSON.stringify(recipe);
  for (const [file, text, message] of [
    ['r.json', whole, /r\.json:1 kind: "fine-tune" is not a kind of recipe/],
    ['r.json', JSON.stringify({ ...recipe, kind: undefined }), /r\.json:1: the recipe has no "kind"/],
    ['r.json', JSON.stringify({ ...recipe, data: 'd' }), /"fine-tune" is not a kind of recipe/],
    ['recipes/r.json', '{ "model": "m" }', /the recipe has no "kind"/],
    ['recipes/r.json', whole.slice(0, 12), /r\.json:1.*: this is not JSON/],
    ['r.json', whole.slice(0, -2), /r\.json:1.*: this is not JSON/],
    ['recipes/r.json', '', /r\.json:1: this is not JSON/],
    ['r.recipe.json', '{ "data": {} }', /the recipe has no "kind"/],
  ] as const) {
    const { code, stderr } = await inspected(t, file, text);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
});

test('rows stay rows, also beside recipes', async (t) => {
  const row = { instruction: 'Sort 3 1 2 .', output: '1 2 3 .' };
  for (const [file, text] of [
    ['r.json', JSON.stringify(row)],
    ['r.json', JSON.stringify({ ...row, model: 'm', data: 'web' })],
    ['recipes/r.json', JSON.stringify([row, row])],
    // JSON lines under a name of JSON, with columns that are keys of recipes, too.
    ['gen.json', `${JSON.stringify({ ...row, model: 'm' })}\n`.repeat(2)],
    // A column "kind", also with words that are kinds of recipes.
    ['r.json', JSON.stringify({ ...row, kind: 'question', model: 'm' })],
    ['r.json', JSON.stringify([{ ...row, kind: 'vector' }])],
    ['gen.json', `${JSON.stringify({ ...row, kind: 'evaluate' })}\n`.repeat(2)],
  ] as const) {
    const { code, stdout, stderr } = await inspected(t, file, text);
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { format: string }).format, 'alpaca');
  }
});

test('of the data files of a recipe broken rows are told', async (t) => {
  const sample = join(ROOT, 'media/sample');
  const row = JSON.stringify({ prompt: 'buy 2 lamps .', completion: 'order : 2 lamps' });
  const data = join(await temporary(t), 'data.jsonl');
  await writeFile(data, `${row}\nno row\n${row}\n{}\n${row}\n`);
  const set = join(data, '../set.jsonl');
  await writeFile(set, `${row}\nno row\n`);
  const recipe = {
    ...{ kind: 'finetune', model: join(sample, 'tiny-assistant'), data: { file: data }, heldOut: 0 },
    ...{ steps: 2, output: 'o' },
    evaluate: [{ name: 'task', file: set, measure: 'loss' }],
  };
  const { code, stdout, stderr } = await inspected(t, 'r.json', JSON.stringify(recipe));
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^about /);
  assert.match(
    stderr,
    /^! .*data\.jsonl:2: .*JSON.*\. 2 rows of the file cannot be used\.\n! .*set\.jsonl:2: .*\. 1 row of the file/,
  );
});

test('a file that is none of them is told what would be', async (t) => {
  const { code, stderr } = await inspected(t, 'train.txt', '{}');
  assert.equal(code, 2);
  assert.match(
    stderr,
    /train\.txt: this is neither a model nor a data file\. .*\.gguf.*\.jsonl, \.json, \.csv, \.tsv or \.parquet/,
  );
});
