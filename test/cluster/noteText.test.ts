/** What is said of a job while its workers begin. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteText } from '../../runtime/cluster/noteText.js';
import type { JobNote } from '../../runtime/cluster/messages.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';

const recipe = parseRecipe(
  JSON.stringify({
    ...{ kind: 'evaluate', model: 'm', evaluate: [{ name: 'n', file: 'f', measure: 'loss' }], output: 'o' },
    on: { ray: 'http://head:8265', model: '/m', storage: '/s' },
  }),
  'recipe.json',
);
const said = (note: JobNote): string | undefined => noteText(note, ('on' in recipe && recipe.on) || assert.fail());

test('workers that read the model, which takes long, are not waited for', () => {
  assert.equal(said({ note: 'loading', workers: 1 }), 'one worker has started, and reads the model');
  assert.equal(said({ note: 'loading', workers: 8 }), '8 workers have started, and read the model');
  assert.equal(said({ note: 'started', workers: 8 }), 'the model is read');
});
