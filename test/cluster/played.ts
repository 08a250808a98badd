/** The job's Python with Ray, PyTorch, transformers and PEFT played: what it does without them can be tried here. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const JOB = join(import.meta.dirname, '../../runtime/cluster/job');
const PYTHON = 'python3';
/** Why these tests cannot run here; false when they can. */
export const skip = spawnSync(PYTHON, ['--version']).status === 0 ? false : `there is no ${PYTHON}`;

/** What a program prints that may import the job's modules. */
export function python(script: string): string {
  const played = `
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(JOB)})
from unittest.mock import MagicMock
for name in ["ray", "ray.train", "ray.train.torch", "ray.util", "ray.util.queue",
             "ray.util.scheduling_strategies", "torch", "torch.utils", "torch.utils.checkpoint", "torch.distributed",
             "torch.nn", "torch.nn.functional", "peft", "peft.tuners", "peft.tuners.lora", "transformers",
             "safetensors", "safetensors.torch"]:
    sys.modules[name] = MagicMock()
`;
  const { stdout, stderr } = spawnSync(PYTHON, ['-c', played + script], { encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout;
}
