/** How a job begins, by its own Python: what it asks of Ray. Ray and PyTorch are played. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { python, skip } from './played.js';

const SCRIPT = `
import io
import json
import train

class Empty(Exception):
    pass

def silence(timeout):
    train.time.sleep(0.01)
    raise Empty

job = {"from": None, "workers": 2, "gpu": 0, "run": "one", "storage": "/shared", "failures": 3}
train.open = lambda name: io.StringIO(json.dumps(job))
train.signal = MagicMock()
train.Empty = Empty
train.Queue.return_value.get.side_effect = silence
train.ray.get_runtime_context.return_value.get_node_id.return_value = "node of the job"
train.main()
options = train.Queue.call_args.kwargs["actor_options"]
beside = train.NodeAffinitySchedulingStrategy
print(json.dumps({
    "node": [beside.call_args.args, beside.call_args.kwargs],
    "beside": options["scheduling_strategy"] is beside.return_value,
    "failures": train.FailureConfig.call_args.kwargs,
    "seconds": float(train.os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"]),
}))`;

const asked = (): Record<string, unknown> =>
  JSON.parse(python(SCRIPT).trim().split('\n').at(-1)!) as Record<string, unknown>;

test('a node that is lost takes nothing with it that the job needs but its workers', { skip }, () => {
  const { node, beside } = asked();
  assert.deepEqual(node, [['node of the job'], { soft: false }]);
  assert.ok(beside, 'what workers say goes through the node of the job');
});

test('workers that cannot begin end the job after some attempts, and room for them is waited for', { skip }, () => {
  const { failures, seconds } = asked();
  assert.deepEqual(failures, { max_failures: 3, controller_failure_limit: 3 });
  assert.ok(Number(seconds) > 24 * 3600, 'an attempt that finds no room would count as one that failed');
});
