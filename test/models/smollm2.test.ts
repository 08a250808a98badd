/** A real model, out of its GGUF file, against the logits that torch gives for it. Needs the file: SMOLLM2_GGUF=… */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openGenerator } from '../../runtime/evaluation/inference/generate.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { buildDecoder } from '../../runtime/models/decoder/decoder.js';
import { openModel } from '../../runtime/models/folder.js';
import type { ModelFolder } from '../../runtime/models/weights/modelFolder.js';
import { readSafetensors, type TensorInfo } from '../../runtime/models/weights/safetensors.js';
import type { DecoderSpec } from '../../runtime/models/decoder/spec.js';
import { frozenWeights, weightsFolder } from '../../runtime/models/decoder/weights.js';
import { checkGraph, prune } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { Gather } from '../../runtime/onnx/ops.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { int64, type Backend } from '../../runtime/device/session.js';
import { REFERENCES } from '../support/reference.js';
import { readFloat64, readInt32 } from '../support/tensors.js';

const file = process.env.SMOLLM2_GGUF;

describe('SmolLM2-135M-Instruct against torch', { skip: file ? false : 'needs SMOLLM2_GGUF' }, () => {
  let cache: string;
  let model: ModelFolder;
  let spec: DecoderSpec;
  let cpu: Backend;
  let expected: Map<string, TensorInfo>;
  let chats: string[];
  before(async () => {
    cache = await mkdtemp(join(tmpdir(), 'smollm2-'));
    model = await openModel(file!, { cache });
    spec = decoderSpec(model.config);
    cpu = await openBackend('cpu');
    expected = (await readSafetensors(join(REFERENCES, 'smollm2', 'reference.safetensors'))).tensors;
    chats = [...expected.keys()].filter((key) => key.endsWith('.ids')).map((key) => key.replace('.ids', ''));
  });
  after(() => rm(cache, { recursive: true, force: true }));
  const ints = async (key: string) => [...(await readInt32(expected.get(key)!))];

  it('logits behind the prompt, and the loss of a given answer', async () => {
    const g = new Builder('forward');
    const decoder = buildDecoder(g, spec, frozenWeights(g, model), { cache: false });
    g.outputAs('logits', decoder.logits(Gather(g, decoder.hidden, g.input('targets', 'int64', ['L']))));
    const session = await cpu.session(checkGraph(prune(g.graph())), { folder: weightsFolder(model) });
    assert.equal(chats.length, 4);
    for (const chat of chats) {
      const prompt = await ints(`${chat}.ids`);
      const answer = await ints(`${chat}.answer_ids`);
      const ids = [...prompt, ...answer];
      const T = ids.length;
      const out = await session.run({
        input_ids: int64(ids, [1, T]),
        attention_mask: int64(new Array<number>(T).fill(1), [1, T]),
        position_ids: int64([...ids.keys()], [1, T]),
        targets: int64(
          answer.map((_, i) => prompt.length - 1 + i),
          [answer.length],
        ),
      });
      const logits = await cpu.read(out.logits!);
      const rows = answer.map((_, i) => logits.subarray(i * spec.vocabSize, (i + 1) * spec.vocabSize));
      const last = await readFloat64(expected.get(`${chat}.last_logits`)!);
      const worst = last.reduce((m, v, i) => Math.max(m, Math.abs(v - rows[0]![i]!)), 0);
      assert.ok(worst < 1e-3, `${chat}: logits differ by ${worst}`);
      const nll = await readFloat64(expected.get(`${chat}.answer_nll`)!);
      rows.forEach((row, i) => {
        const largest = row.reduce((m, x) => Math.max(m, x), -Infinity);
        const made = largest + Math.log(row.reduce((s, x) => s + Math.exp(x - largest), 0)) - row[answer[i]!]!;
        assert.ok(Math.abs(made - nll[i]!) < 1e-3, `${chat}: token ${i} has ${made}, torch ${nll[i]}`);
      });
    }
    await session.dispose();
  });

  it('greedy tokens, all chats in one batch', async () => {
    const generator = await openGenerator({ backend: cpu, spec, model, adapters: [], stopIds: [] });
    const prompts = await Promise.all(chats.map((chat) => ints(`${chat}.ids`)));
    const answers = await generator.generate(prompts, { maxNewTokens: 24, temperature: 0, topP: 1 });
    for (const [i, chat] of chats.entries()) assert.deepEqual(answers[i]!.ids, await ints(`${chat}.greedy`), chat);
    await generator.dispose();
  });
});
