/** What is said of a job while its workers begin. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteText } from '../../runtime/cluster/noteText.js';
import type { JobNote } from '../../runtime/cluster/messages.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { python, skip } from './played.js';

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

/** What a job on four CPUs says while its two workers are silent. */
const silent = (free: number, groups: string, again = 'False'): unknown =>
  JSON.parse(
    python(`
import train
from messages import MARK
ray = train.ray
ray.cluster_resources.return_value = {"CPU": 4.0, "memory": 1.0}
ray.available_resources.return_value = {"CPU": ${free}, "memory": 1.0}
ray.get_runtime_context.return_value.get_job_id.return_value = "03000000"
ray.util.placement_group_table.return_value = ${groups}
said = train.until_started({"CPU": 2}, ${again})
print(train.json.dumps(said and train.json.loads(said.removeprefix(MARK))))
`),
  );
const OWN = '{"ab03000000": {"state": "CREATED"}, "cd04000000": {"state": "PENDING"}}';
const OTHERS = '{"ab04000000": {"state": "CREATED"}, "cd03000000": {"state": "REMOVED"}}';

test('workers for which there is room are not waited for while Ray starts them', { skip }, () => {
  const waiting = { note: 'waiting', wanted: { CPU: 2 }, there: { CPU: 4 } };
  assert.deepEqual(silent(4, '{}'), { note: 'starting' });
  assert.deepEqual(silent(0, OWN), { note: 'starting' });
  assert.deepEqual(silent(1, OTHERS), { ...waiting, free: { CPU: 1 } });
  assert.deepEqual(silent(3, '{"ab03000000": {"state": "PENDING"}}'), { ...waiting, free: { CPU: 3 } });
  assert.equal(said({ note: 'starting' }), 'the cluster starts the workers');
});

test('workers that were lost are said to be waited for where there is no room for new ones', { skip }, () => {
  assert.deepEqual(silent(1, OTHERS, 'True'), {
    ...{ note: 'waiting', wanted: { CPU: 2 }, there: { CPU: 4 }, free: { CPU: 1 } },
  });
  assert.equal(silent(0, OWN, 'True'), null);
});
