/** Recipes that the commands write, and the names in them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recipeSchema } from '../../runtime/contract/recipe.js';
import { evaluateRecipe, fineTuneRecipe, slug, vectorRecipe } from '../../extension/commands/recipeFiles.js';
import { recipeFacts } from '../../extension/runs/recipe.js';

test('recipes that the commands write are recipes', () => {
  const file = '/w/recipes/r.json';
  const machine = { device: 'cpu' as const, threads: 2 };
  const set = {
    name: 'f',
    file: '/w/eval/f.jsonl',
    measure: 'harm' as const,
    raw: { phrases: ['step 1'], file: 'x', limit: 8 },
  };
  const judges = ['refusal-phrases', { classifier: '/w/judges/rejection', refused: 'REJECTION' }];
  const batch = { rows: 4, accumulate: 2, maxTokens: 96 };
  const all = [
    vectorRecipe(
      {
        ...machine,
        model: '/w/tiny',
        harmful: { file: '/w/h.jsonl', columns: { prompt: 'q', completion: 'a' } },
        benign: { file: '/w/b.jsonl' },
        training: { batch, epochs: 10, learningRate: 1e-3 },
        output: '/w/vectors/v',
      },
      file,
    ),
    vectorRecipe(
      {
        ...machine,
        model: '/w/tiny',
        harmful: { file: '/w/h.jsonl' },
        training: { batch, epochs: 10, learningRate: 1e-3 },
        output: '/w/vectors/v',
      },
      file,
    ),
    ...(['lora', 'full'] as const).map((method) =>
      fineTuneRecipe(
        {
          ...machine,
          model: '/w/tiny',
          data: { file: '/w/train.csv', columns: { completion: 'chosen' } },
          heldOut: { share: 0.1, measure: 'exact' },
          method,
          vectors: ['/w/vectors/v'],
          strengthened: method === 'lora',
          evaluate: [set],
          generation: { maxNewTokens: 24 },
          training: { batch, epochs: 4, learningRate: 1e-3 },
          judges,
          output: '/w/adapters/a',
        },
        file,
      ),
    ),
    evaluateRecipe(
      {
        ...machine,
        model: '/w/tiny',
        states: [
          { name: 'base', adapters: [] },
          { name: 'plain', model: '/w/adapters/p/model', adapters: [] },
        ],
        evaluate: [set],
        judges,
        output: '/w/reports/r',
      },
      file,
    ),
  ];
  for (const recipe of all) {
    const checked = recipeSchema.safeParse(recipe);
    assert.ok(checked.success, JSON.stringify(checked.error?.issues));
    const facts = recipeFacts(JSON.stringify(recipe), file)!;
    assert.equal(facts.model, '/w/tiny');
    assert.ok(!JSON.stringify(recipe).includes('/w/'), 'paths are relative');
    if (facts.kind !== 'vector') assert.deepEqual(facts.judges, judges);
  }
  const { evaluate } = all[2] as { evaluate: unknown[] };
  assert.deepEqual(evaluate, [{ phrases: ['step 1'], file: '../eval/f.jsonl', limit: 8, name: 'f', measure: 'harm' }]);
});

test('sets and states of one name get names of their own, as a recipe takes no two of one', () => {
  const set = (name: string, measure: 'harm' | 'exact') => ({ name, file: `/w/${measure}.jsonl`, measure });
  const evaluate = [set('test', 'harm'), set('test 2', 'harm'), set('test', 'exact'), set('test', 'harm')];
  const machine = { device: 'auto', threads: 0 } as const;
  const states = ['base', 'plain', 'base'].map((name) => ({ name, adapters: [] }));
  const file = '/w/recipes/x.json';
  const evaluation = evaluateRecipe({ ...machine, model: '/w/tiny', states, evaluate, output: '/w/r' }, file);
  const training = { batch: { rows: 8, maxTokens: 512 }, epochs: 4, learningRate: 1e-3 };
  const protectedRun = fineTuneRecipe(
    {
      ...machine,
      ...{ model: '/w/tiny', data: { file: '/w/train.csv' }, method: 'lora', vectors: [], strengthened: false },
      ...{ evaluate, training, output: '/w/a' },
    },
    file,
  );
  const names = (list: unknown) => (list as { name: string }[]).map(({ name }) => name);
  assert.deepEqual(names(evaluation.states), ['base', 'plain', 'base 2']);
  for (const recipe of [evaluation, protectedRun]) {
    assert.deepEqual(names(recipe.evaluate), ['test', 'test 2', 'test 3', 'test 4']);
    assert.ok(recipeSchema.safeParse(recipe).success);
  }
});

test('a name becomes a file name', () => {
  assert.deepEqual(
    [slug('Forbidden topic.jsonl'), slug('Ünïcode/../x'), slug('...')],
    ['forbidden-topic', 'ünïcode-x', 'run'],
  );
  // A dot in a name is none of an ending.
  assert.deepEqual(
    [slug('lr 0.003'), slug('Mistral-7B-Instruct-v0.2'), slug('Llama-3.1'), slug('rows.jsonl.gz'), slug('m-3.1.gguf')],
    ['lr-0-003', 'mistral-7b-instruct-v0-2', 'llama-3-1', 'rows', 'm-3-1'],
  );
});
