/** Which rows a job computes together, with PyTorch, transformers and PEFT played. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { python, skip } from './played.js';

/** What a program says that has a model whose rows are long from so many tokens on. */
function said(longFrom: string, program: string): unknown {
  return JSON.parse(
    python(`
import json, math
from types import SimpleNamespace
sys.modules["torch.distributed"].is_initialized.return_value = False
sys.modules["torch"].distributed = sys.modules["torch.distributed"]
import adapters, losses, train
rows = lambda *lengths: [([7] * length, [], None) for length in lengths]
model = SimpleNamespace(long_from=${longFrom})
${program}
`),
  );
}

const TOGETHER = `
lengths = [12, 3, 10, 4, 11]
dealt = losses.Losses(model, rows(*lengths), 100).deal([(i, 0, 1.0, 0) for i in range(5)], GROW)
print(json.dumps([sorted(lengths[i] for i in mine) for _, _, mine, _ in dealt]))
`;

test('rows with other factors of LongRoPE are computed without the others', { skip }, () => {
  const together = said('10', TOGETHER.replace('GROW', '0'));
  assert.deepEqual(together, [
    [3, 4, 10],
    [11, 12],
  ]);
  assert.deepEqual(said('math.inf', TOGETHER.replace('GROW', '0')), [[3, 4, 10, 11, 12]]);
});

test('an answer that gets other factors while it grows is made alone', { skip }, () => {
  assert.deepEqual(said('10', TOGETHER.replace('GROW', '6')), [[3, 4], [10], [11, 12]]);
});

test('where LongRoPE begins is read from the config of the text part', { skip }, () => {
  const program = `
config = lambda rope: SimpleNamespace(get_text_config=lambda: SimpleNamespace(rope_parameters=rope))
ropes = [{"rope_type": "longrope", "original_max_position_embeddings": 10}, {"rope_type": "yarn", "original_max_position_embeddings": 10}, None]
print(json.dumps([adapters.long_from(config(rope)) == wanted for rope, wanted in zip(ropes, [10, math.inf, math.inf])]))
`;
  assert.deepEqual(said('math.inf', program), [true, true, true]);
});

test('no answer goes beyond the room that its prompt leaves in the context', { skip }, () => {
  const program = `
asked = []
class Answering:
    def generate(self, chosen, stop, pad, most):
        asked.append([most, [row for row, *_ in chosen]])
        return [[row] * most for row, *_ in chosen]
wanted = {"prompts": [5, 6, 8], "rooms": [3, 1, 3], "kinds": {"base": 0}, "stop": [], "pad": 0}
print(json.dumps([train.answers(Answering(), wanted), asked]))
`;
  assert.deepEqual(said('math.inf', program), [
    { base: [[5, 5, 5], [6], [8, 8, 8]] },
    [
      [1, [6]],
      [3, [5, 8]],
    ],
  ]);
});
