/** The editor reads a recipe leniently and the engine strictly, but they read the same. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { HostError } from '../../extension/host/errors.js';
import { recipeToRun } from '../../extension/runs/recipe.js';
import { recipeFacts } from '../../runtime/contract/recipeFacts.js';
import { recipeInputs } from '../../runtime/contract/recipeInputs.js';
import type { Recipe } from '../../runtime/contract/recipe.js';
import { parseRecipe, readRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { HumanError } from '../../runtime/support/errors.js';
import { temporary } from '../support/temporary.js';

const set = { name: 'f', file: 'eval/f.jsonl', measure: 'harm' };
const judges = ['refusal-phrases', { classifier: 'judge', refused: 'R' }];
const RECIPES: Record<Recipe['kind'], object> = {
  vector: { kind: 'vector', model: 'm', harmful: { file: 'h' }, benign: { file: 'b' }, steps: 1, output: 'o' },
  finetune: {
    kind: 'finetune',
    model: 'm',
    data: { file: 'd', mix: { file: 'e' } },
    vectors: [{ adapter: 'v' }, { adapter: 'w' }],
    evaluate: [set],
    judges,
    steps: 1,
    output: 'o',
  },
  evaluate: {
    kind: 'evaluate',
    model: 'm',
    adapters: [{ adapter: 'a' }],
    states: [{ name: 's', model: 'n', adapters: [{ adapter: 'b' }, { adapter: 'c' }] }],
    evaluate: [set],
    judges,
    output: 'o',
  },
  sweep: { kind: 'sweep', base: 'b', over: { seed: [1] }, output: 'o' },
};

test('what the editor shows of a recipe are inputs of the engine, all that it needs', () => {
  for (const recipe of Object.values(RECIPES)) {
    if ('base' in recipe) continue;
    const inputs = recipeInputs(parseRecipe(JSON.stringify(recipe), 'r.json')).map(({ path }) => path);
    const facts = recipeFacts(recipe, (path) => path)!;
    const classifiers = (facts.judges ?? []).flatMap((j) => (j as { classifier?: string }).classifier ?? []);
    const shown = [
      facts.model,
      ...facts.data,
      ...facts.vectors,
      ...facts.adapters,
      ...facts.evaluate.map(({ file }) => file),
      ...classifiers,
    ];
    // A state's own model is for the engine alone.
    assert.deepEqual([...shown].sort(), inputs.filter((path) => path !== 'n').sort(), facts.kind);
  }
});

test('a key of a wrong type is left out, and what is no recipe has no facts', () => {
  const facts = recipeFacts(
    {
      ...RECIPES.finetune,
      data: ['d'],
      vectors: { adapter: 'v' },
      evaluate: [3, { file: 'f' }, set],
      judges: 1,
      stop: [],
    },
    (path) => `/w/${path}`,
  )!;
  assert.deepEqual([facts.data, facts.vectors, facts.judges], [[], [], undefined]);
  assert.deepEqual(facts.evaluate, [{ ...set, file: '/w/eval/f.jsonl', raw: set }]);
  for (const none of [null, [], 'finetune', { kind: 'toString', model: 'm', output: 'o' }, { kind: 'vector' }])
    assert.equal(
      recipeFacts(none, (path) => path),
      undefined,
    );
});

test('both take the same texts, and find the first fault on the same line', async (t) => {
  const folder = await temporary(t);
  const file = join(folder, 'r.json');
  const text = JSON.stringify(RECIPES.finetune, undefined, 2);
  const texts = [
    text,
    `\uFEFF${text}`, // as some editors begin a file
    `// mine\n${text.replace('\n}', ', /* that is all */\n}')}`,
    text.replace('"o"', '"o'),
    text.replace('"data"', 'data'),
    text.replace('"steps": 1,', '"steps": 1'),
    `\uFEFF${text.slice(0, 100)}`,
    `\n\n${text.replace('"m"', `${'['.repeat(80)}${']'.repeat(80)}`)}`,
  ];
  for (const each of texts) {
    await writeFile(file, each);
    const line = (error: unknown): string | undefined => {
      assert.ok(error instanceof HumanError || error instanceof HostError, String(error));
      const { place } = error instanceof HostError ? error.data : error;
      return /:(\d+)/.exec(place ?? '')?.[1];
    };
    const engine = await readRecipe(file).then(() => 'read', line);
    const editor = await recipeToRun(file).then(() => 'read', line);
    assert.equal(editor, engine, each);
    assert.equal(engine === 'read', texts.indexOf(each) < 3, each);
  }
  await writeFile(file, `\uFEFF${text.replace('"steps"', '"epoch"')}`);
  await assert.rejects(readRecipe(file), (error) => error instanceof HumanError && /:\d\d epoch/.test(error.place!));
});

test('full fine-tuning has no default learning rate: it is written, and the refusal says which', () => {
  const text = (more: object): string => JSON.stringify({ ...RECIPES.finetune, ...more }, undefined, 1);
  const refused = {
    name: 'HumanError',
    message: 'full fine-tuning has no default learning rate.',
    place: /^r\.json:\d+ method$/,
    remedy:
      'Write optimizer.learningRate: 0.001 for up to 50 million parameters, 0.00005 for up to 500 million, 0.00002 for up to 2000 million, 0.00001 for more.',
  };
  for (const more of [{}, { optimizer: {} }, { optimizer: { schedule: 'linear' } }])
    assert.throws(() => parseRecipe(text({ method: 'full', ...more }), 'r.json'), refused);
  parseRecipe(text({ method: 'full', optimizer: { learningRate: 1e-3 } }), 'r.json');
  parseRecipe(text({ method: 'lora' }), 'r.json');
});

test('a recipe as a run writes it, with its defaults, can be read again and is the same', () => {
  const variants: object[] = [
    ...Object.values(RECIPES),
    { ...RECIPES.finetune, batch: { tokens: 512, accumulate: 2 } },
    { ...RECIPES.finetune, adapter: { init: 'a' } },
    { ...RECIPES.finetune, protection: true, heldOut: { share: 0.1, measure: 'exact' } },
  ];
  for (const written of variants) {
    const read = parseRecipe(JSON.stringify(written), 'recipe.json');
    assert.deepEqual(parseRecipe(JSON.stringify(read), 'recipe.json'), read);
  }
});
