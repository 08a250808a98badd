/** What a job looks at before it computes, with the libraries played, and what it does where that is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { python, skip } from './played.js';

test(
  'the first worker of each node looks at the model there, when it has been said that they have started',
  { skip },
  () => {
    const said = python(`
import train
job = {"model": "/m", "modelSha256": "ab", "config": "c"}
context = train.ray.train.get_context.return_value
train.ray.train.get_checkpoint.return_value = None
context.get_world_size.return_value = 4
looked = []
train.require_same = lambda *_: looked.append((context.get_world_rank(), context.get_local_rank()))
queue = MagicMock(put=lambda line: looked.append(train.json.loads(line.removeprefix("@security-vectors "))["note"]))
for rank, local in [(0, 0), (1, 1), (2, 0), (3, 1)]:
    context.get_world_rank.return_value, context.get_local_rank.return_value = rank, local
    try:
        train.compute({"job": job, "queue": queue})
    except KeyError:
        pass
print(looked)
`);
    assert.equal(said.trim(), "['loading', (0, 0), (2, 0)]");
  },
);

/** What is wrong with a model there, whose config is changed like this. */
const wrong = (change: string): string =>
  python(`
import adapters
class Config:
    def __init__(self, **values):
        self.to_dict = lambda: {"hidden_size": 8, "text": {"rope_theta": 1e4}, "dtype": "float32", **values}
configs = {"here": Config(), "there": Config(${change})}
adapters.AutoConfig.from_pretrained = lambda folder, **_: configs[folder]
adapters.weights_sha256 = lambda folder: "ab"
try:
    adapters.require_same("there", "ab", "here")
    print("nothing")
except adapters.Final as error:
    print(error)
`).trim();

test('a config that computes otherwise is refused by its keys, what is about files is not', { skip }, () => {
  assert.equal(
    wrong('hidden_size=9, text={"rope_theta": 5e5}, eps=1'),
    'other-config eps, hidden_size, text.rope_theta',
  );
  assert.equal(wrong('dtype="bfloat16", transformers_version="4.1", pad_token_id=3, _name_or_path="m"'), 'nothing');
});

test(
  'what every attempt would meet again ends a job at the first, what another may not meet does not',
  { skip },
  () => {
    const said = python(`
import train
ended = []
train.os._exit = ended.append
full = OSError(28, "No space left on device")
for error in [train.Final("other-model ab"), ValueError("a worker was lost"), full, OSError(5, "Input/output error")]:
    def compute(config):
        raise error
    train.compute = compute
    queue = []
    try:
        train.work({"queue": MagicMock(put=queue.append)})
    except (train.Final, ValueError, OSError):
        pass
    for line in queue:
        train.hear(line)
print(ended)
`);
    const full = 'RuntimeError: [Errno 28] No space left on device';
    assert.equal(said.trim(), `RuntimeError: other-model ab\n\n${full}\n[1, 1]`);
  },
);

test('a model that is not there is one of these', { skip }, () => {
  const said = python(`
import adapters
try:
    adapters.require_same("/not/there", "ab", "here")
except adapters.Final as error:
    print(error)
`);
  assert.match(said, /^FileNotFoundError: .*'\/not\/there\/model\.safetensors'/);
});

test('a frozen adapter that would be trained is one of these', { skip }, () => {
  const said = python(`
import adapters
for change in [{"active": ["task"]}, {"requires_grad": True}, {"grad": 1}, {"_version": 8}]:
    adapted = object.__new__(adapters.Adapted)
    adapted.scales = [{"vector": 1.0, "task": 1.0}]
    adapted.peft = MagicMock(active_adapters=change.pop("active", ["task", "vector"]))
    adapted.layers = [MagicMock(disable_adapters=False)]
    frozen = MagicMock(**{"requires_grad": False, "grad": None, "_version": 7, **change})
    adapted.own, adapted.versions = {"vector": [("a", frozen)]}, {"vector": [7]}
    try:
        adapted.check(0)
    except adapters.Final as error:
        print(error)
`);
  assert.deepEqual(said.trim().split('\n'), [
    "the adapters ['task'] act, and ['task', 'vector'] should",
    'the adapter vector is not frozen',
    'the adapter vector is not frozen',
    'the adapter vector was changed',
  ]);
});
