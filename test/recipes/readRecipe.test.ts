/** A recipe that cannot be run is refused at the line of its fault, in words that say which one it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';

const FINETUNE = { kind: 'finetune', model: 'm', data: { file: 'd' }, output: 'o', steps: 1 };

const parsed = (recipe: object) => parseRecipe(JSON.stringify(recipe, null, 1), 'r.json');
const refused = (recipe: object, message: RegExp | string, place?: string): void =>
  assert.throws(() => parsed(recipe), { message, ...(place && { place }) });

test('all weights are trained from those of the model: an adapter to start from is refused', () => {
  const full = { ...FINETUNE, method: 'full', optimizer: { learningRate: 1e-3 } };
  const init = { adapter: { init: 'a' } };
  refused({ ...full, ...init }, /export the merged model and name it as "model"/, 'r.json:14 adapter.init');
  parsed({ ...FINETUNE, ...init });
  // A sweep varies these beside the method.
  parsed({ ...full, adapter: { rank: 4, alpha: 8 } });
});

test('phrases are refused where no measure would look for them', () => {
  const [evaluate, phrases] = [{ name: 'n', file: 'f' }, ['no']];
  for (const measure of ['exact', 'loss']) {
    refused({ ...FINETUNE, evaluate: [{ ...evaluate, measure, phrases }] }, /"contains", "harm" and "over-refusal"/, 'r.json:14 evaluate.0.phrases'); // oxfmt-ignore
    refused({ ...FINETUNE, heldOut: { share: 0.1, measure, phrases } }, /"contains", "harm" and "over-refusal"/, 'r.json:12 heldOut.phrases'); // oxfmt-ignore
  }
  for (const measure of ['contains', 'harm', 'over-refusal'])
    parsed({ ...FINETUNE, evaluate: [{ ...evaluate, measure, phrases }], heldOut: { share: 0.1, measure, phrases } });
});

test('a protection needs a vector, and to absorb needs a single one', () => {
  const vectors = ['a', 'b'].map((adapter) => ({ adapter }));
  refused({ ...FINETUNE, protection: true }, '"protection" needs a vector: list one under "vectors", or remove "protection".', 'r.json:9 protection'); // oxfmt-ignore
  const absorb = { protection: { flagged: 'absorb' } };
  refused({ ...FINETUNE, ...absorb, vectors }, /^"absorb" trains one vector further/, 'r.json:10 protection.flagged');
  parsed({ ...FINETUNE, ...absorb, vectors: vectors.slice(1) });
  parsed({ ...FINETUNE, protection: true, vectors });
});

test('a key that is missing is named, after those that the kind of recipe has not', () => {
  const [vector, { model: _, ...withoutModel }] = [{ kind: 'vector', model: 'm', output: 'o', steps: 1 }, FINETUNE];
  refused(withoutModel, 'the key "model" is missing.', 'r.json:1 model');
  refused({ ...vector, data: { file: 'd' } }, 'unknown key "data" in a vector recipe.', 'r.json:6 data');
  refused(vector, 'the key "harmful" is missing.', 'r.json:1 harmful');
  refused({ ...FINETUNE, evaluate: [{ file: 'f', measure: 'harm' }] }, 'the key "name" is missing.', 'r.json:10 evaluate.0.name'); // oxfmt-ignore
  refused({ ...FINETUNE, judges: [{ endpoint: 'http://h/v1' }] }, 'the key "model" is missing.', 'r.json:10 judges.0.model'); // oxfmt-ignore
});

test('so it is of what has several forms; where nothing tells which form is meant, all are named', () => {
  const judged = (judge: object, message: string | RegExp, place: string): void =>
    refused({ ...FINETUNE, judges: [judge] }, message, `r.json:${place}`);
  judged({ clasifier: 'x' }, 'unknown key "clasifier" in a finetune recipe.', '11 judges.0.clasifier');
  judged({ vscode: true, model: 'm' }, 'unknown key "model" in a finetune recipe.', '12 judges.0.model');
  judged({ endpoint: 'http://h/v1', modle: 'm' }, 'unknown key "modle" in a finetune recipe.', '12 judges.0.modle');
  for (const judge of [{}, { name: 'a' }])
    judged(judge, /^a judge is "refusal-phrases", phrases of your own: /, '10 judges.0');
  refused(
    { ...FINETUNE, heldOut: { shar: 0.1 } },
    'unknown key "shar" in a finetune recipe.',
    'r.json:10 heldOut.shar',
  );
  refused({ ...FINETUNE, heldOut: {} }, 'the key "share" is missing.', 'r.json:9 heldOut.share');
});

test('a value that does not fit is told in plain words what was expected', () => {
  for (const [change, message] of [
    [{ model: '' }, 'this text is empty.'],
    [{ model: 5 }, 'a text was expected.'],
    [{ seed: 'one' }, 'a number was expected.'],
    [{ seed: 1.5 }, 'a whole number was expected.'],
    [{ steps: 0 }, 'this must be more than 0.'],
    [{ seed: -1 }, 'this is less than 0, the smallest value here.'],
    [{ steps: 20_000_000 }, 'this is more than 10000000, the largest value here.'],
    [{ vectors: { adapter: 'a' } }, 'a list was expected.'],
    [{ adapter: { sites: [] } }, 'this list is empty.'],
    [{ optimizer: { betas: [0.9] } }, 'this list has fewer than 2 entries.'],
    [{ optimizer: { betas: [0.9, 0.9, 0.9] } }, 'this list has more than 2 entries.'],
    [{ optimizer: 3 }, 'an object was expected.'],
    [{ tensorboard: 1 }, 'true or false was expected.'],
    [{ method: 'ful' }, 'one of "lora", "full" was expected.'],
    [{ data: { file: 'd', exclude: 'all' } }, '"reviewed" was expected.'],
  ] as const)
    refused({ ...FINETUNE, ...change }, message);
});

const remedy = (recipe: object): string => {
  try {
    parsed({ ...FINETUNE, ...recipe });
  } catch (error) {
    return (error as { remedy?: string }).remedy ?? '';
  }
  assert.fail(JSON.stringify(recipe));
};

test('a text in the place of an object that needs no more than one is answered with that object', () => {
  for (const [recipe, wanted] of [
    [{ data: 'my "rows".jsonl' }, 'Write { "file": "my \\"rows\\".jsonl" }.'],
    [{ data: { file: 'd', mix: 'm.jsonl' } }, 'Write { "file": "m.jsonl" }.'],
    [{ probes: { harmful: 'h.jsonl' } }, 'Write { "file": "h.jsonl" }.'],
    [{ vectors: ['../vectors/a'] }, 'Write { "adapter": "../vectors/a" }.'],
    // a list of sets, each of which needs more
    [{ evaluate: ['eval.jsonl'] }, 'Correct this value.'],
    [{ optimizer: 'adamw' }, 'Correct this value.'],
    [{ vectors: [3] }, 'Correct this value.'],
  ] as const)
    assert.equal(remedy(recipe), wanted, JSON.stringify(recipe));
});

test('an unknown key is answered with the one that is likely meant', () => {
  for (const [recipe, key] of [
    [{ learningRate: 1 }, 'optimizer.learningRate'],
    [{ lerningRate: 1 }, 'optimizer.learningRate'],
    [{ optimizer: { learning_rate: 1 } }, 'optimizer.learningRate'],
    [{ num_train_epochs: 1 }, 'epochs'],
    [{ epoch: 1 }, 'epochs'],
    [{ adapter: { r: 8 } }, 'adapter.rank'],
    [{ adapter: { lora_alpha: 8 } }, 'adapter.alpha'],
    [{ adapter: { target_modules: [] } }, 'adapter.sites'],
    [{ adapter: { phrase: 1 }, evaluate: [] }, undefined],
    [{ evaluate: [{ name: 'n', file: 'f', measure: 'harm', phrase: ['x'] }] }, 'evaluate.phrases'],
    [{ heldOut: { share: 0.1, phrase: ['x'] } }, 'heldOut.phrases'],
    [{ judges: [{ vscode: true, model: 'm' }] }, undefined],
    [{ speed: 3 }, undefined],
  ] as const) {
    const wanted =
      key === undefined ? /^(Check the spelling|Perhaps "(?!judges\.model))/ : new RegExp(`^Perhaps "${key}" is meant`);
    assert.match(remedy(recipe), wanted, JSON.stringify(recipe));
  }
});
