/** What a job writes to its storage, by its own Python; Ray and PyTorch are played. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { python, skip } from './played.js';

const SCRIPT = `
import json
import train

train.Checkpoint.return_value.path = "/shared"
sys.modules["safetensors.torch"].save.return_value = b"weights"
stored = train.Checkpoint.return_value.filesystem.open_output_stream
job = {"storage": "/shared", "run": "one", "mostInLog": 0, "deliver": ["vector"], "from": {"stage": 0, "step": 4}}
train.deliver(job, "vector", {}, MagicMock())
train.redeliver(job)
print(json.dumps([call.args[0] for call in stored.call_args_list]))`;

test('the adapter of an earlier step lies beside that of the last one', { skip }, () => {
  assert.deepEqual(JSON.parse(python(SCRIPT).trim().split('\n').at(-1)!), [
    '/shared/one-vector.safetensors',
    '/shared/one-vector-0-4.safetensors',
  ]);
});
