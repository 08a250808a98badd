/** What a job writes to its storage, by its own Python; Ray and PyTorch are played. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const JOB = join(import.meta.dirname, '../../runtime/cluster/job');
const PYTHON = 'python3';
const skip = spawnSync(PYTHON, ['--version']).status === 0 ? false : `there is no ${PYTHON}`;

const SCRIPT = `
import json, sys
from unittest.mock import MagicMock

for name in ["ray", "ray.train", "ray.train.torch", "ray.util", "ray.util.queue", "torch", "safetensors", "safetensors.torch", "adapters", "losses"]:
    sys.modules[name] = MagicMock()
import train

train.Checkpoint.return_value.path = "/shared"
sys.modules["safetensors.torch"].save.return_value = b"weights"
stored = train.Checkpoint.return_value.filesystem.open_output_stream
job = {"storage": "/shared", "run": "one", "mostInLog": 0, "deliver": ["vector"], "from": {"stage": 0, "step": 4}}
train.deliver(job, "vector", {}, MagicMock())
train.redeliver(job)
print(json.dumps([call.args[0] for call in stored.call_args_list]))`;

test('the adapter of an earlier step lies beside that of the last one', { skip }, () => {
  const { stdout, stderr, status } = spawnSync(PYTHON, ['-c', SCRIPT], { cwd: JOB, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } }); // oxfmt-ignore
  assert.equal(status, 0, String(stderr));
  assert.deepEqual(JSON.parse(String(stdout).trim().split('\n').at(-1)!), [
    '/shared/one-vector.safetensors',
    '/shared/one-vector-0-4.safetensors',
  ]);
});
