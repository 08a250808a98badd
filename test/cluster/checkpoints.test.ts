/** What a job does at a checkpoint and between two trainings, with Ray, PyTorch and PEFT played. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Cluster } from '../../runtime/cluster/cluster.js';
import { trainOnCluster } from '../../runtime/recipes/training/trainThere.js';
import { HumanError } from '../../runtime/support/errors.js';
import { python, skip } from './played.js';
import { temporary } from '../support/temporary.js';

const STAGE = `
import train, adapters
from messages import Messages
STAGE = {"measureEvery": 5, "measures": {}, "optimizer": {"betas": [0.9, 0.99], "epsilon": 1e-8, "weightDecay": 0, "clipNorm": 0}}
`;

test('a checkpoint is said to be there when it has been saved, and knows that it was said', { skip }, () => {
  const said = python(`${STAGE}
log = []
train.read_lines = lambda name: []
train.torch.save.side_effect = lambda state, file: log.append(f"saved with {len(state['said'])} messages")
train.ray.train.report.side_effect = lambda *a, **k: log.append("uploaded")
messages = Messages(lambda line: log.append("said"))
train.run_stage({}, {**STAGE, "trains": "task", "steps": "s"}, 0, MagicMock(), MagicMock(), messages, None, True)
print(", ".join(log))
`);
  assert.equal(said.trim(), 'saved with 1 messages, uploaded, said');
});

test('a full disk is told by the words of the system, which torch has only for a file that is open', { skip }, () => {
  const said = python(`${STAGE}
train.read_lines = lambda name: []
def save(state, file):
    if isinstance(file, str):
        raise RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 704 vs 598")
    raise OSError(28, "No space left on device")
train.torch.save.side_effect = save
try:
    train.run_stage({}, {**STAGE, "trains": "task", "steps": "s"}, 0, MagicMock(), MagicMock(), Messages(print), None, True)
except OSError as error:
    print(error, train.is_full(error))
`);
  assert.equal(said.trim(), '[Errno 28] No space left on device True');
});

test('a vector that was trained on flagged rows has no gradient while it is frozen', { skip }, () => {
  const said = python(`${STAGE}
class Parameter:
    """Keeps its gradient where it is frozen, as in PyTorch."""
    def __init__(self):
        self.grad, self._version, self.requires_grad = None, 0, False
    def requires_grad_(self, wanted):
        self.requires_grad = wanted
it = object.__new__(adapters.Adapted)
it.names = ["vector0", "task"]
it.own = {name: [("w", Parameter())] for name in it.names}
it.scales = [{"vector0": 1}, {"task": 1, "vector0": 1}]
it.peft = MagicMock()
it.layers = [MagicMock(disable_adapters=False, scaling={})]
it.unit, it.trained, it.on = [{}], None, None
it.device = MagicMock(type="cpu")
it.state = dict
it.peft.base_model.set_adapter.side_effect = lambda names: setattr(it.peft, "active_adapters", names)
class Losses:
    def run(self, chosen, gradient=False):
        it.activate(chosen[0][1])
        for name in it.names:
            for parameter in it.parameters(name):
                if parameter.requires_grad:
                    parameter.grad = 1.0
        it.check(chosen[0][1])
        return [[0.5]], 0.5
    def gradient_sum(self, parameters):
        return 1.0
train.read_lines = lambda name: [{"rate": 1, "rows": [[0, int(name), 1.0, 0, 0]]}] * 2
for number, name in enumerate(it.names):
    stage = {**STAGE, "trains": name, "steps": str(number)}
    train.run_stage({}, stage, number, it, Losses(), MagicMock(said=[]), None, True)
print("both trained")
`);
  assert.equal(said.trim(), 'both trained');
});

test('a run that diverges says so, also if the cluster does not answer when its job is to be stopped', async (t) => {
  const path = await temporary(t);
  const step = (step: number) => ({ kind: 'step', stage: 0, step, nll: step < 2 ? 1 : 100, tokens: 1, harmfulNll: 0, harmfulTokens: 0, norm: 1, rate: 1, ms: 1, memory: 1 }); // oxfmt-ignore
  const cluster = {
    address: 'http://x',
    async run(
      _name: string,
      _package: object,
      { onMessage }: { onMessage(message: object, seq: number): Promise<void> },
    ) {
      for (let i = 1; i <= 12; i++) await onMessage(step(i), i);
    },
    async end() {
      throw new HumanError('the cluster does not answer.', { kind: 'failed', code: 'away' });
    },
  };
  const job = {
    context: { spec: { vocabSize: 100 } },
    folder: { path, file: (...parts: string[]) => join(path, ...parts) },
    emit: async () => undefined,
    progress: () => undefined,
  };
  const optimizer = { betas: [0, 0], epsilon: 1, weightDecay: 0, clipNorm: 0 };
  const stage = { trains: 'a', steps: 12, rate: () => 1, rows: async () => [[]], optimizer, measures: {}, measureEvery: 5 }; // oxfmt-ignore
  const training = { state: { step: 0 }, artifacts: {}, ended: false, checkpoint: async () => '' };
  const more = { adapters: [], stages: [stage], deliver: [], training, recompute: false, measured: async () => ({}) };
  await assert.rejects(trainOnCluster({ job, cluster: cluster as unknown as Cluster, ...more } as never), /diverged/);
});
