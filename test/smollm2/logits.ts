/**
 * How far a model is from torch's SmolLM2-135M-Instruct, on the fixed chats of the reference: `node --import tsx
 * logits.ts MODEL CACHE`. Prints one JSON line: the largest difference of a logit behind the prompts, the largest of
 * the NLL of an answer's token and of an answer's mean (nats), and how many of the greedy tokens agree.
 */
import { join } from 'node:path';
import { sum } from '../../runtime/contract/sum.js';
import { openGenerator } from '../../runtime/evaluation/inference/generate.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { buildDecoder } from '../../runtime/models/decoder/decoder.js';
import { frozenWeights, weightsFolder } from '../../runtime/models/decoder/weights.js';
import { checkGraph, prune } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { Gather, LogSoftmax } from '../../runtime/onnx/ops.js';
import { readSafetensors } from '../../runtime/models/weights/safetensors.js';
import { pack } from '../../runtime/learner/packing.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { REFERENCES } from '../support/reference.js';
import { readFloat64, readInt32 } from '../support/tensors.js';

const GREEDY_TOKENS = 24;
const [path, cache] = process.argv.slice(2);
const model = await openModel(path!, { cache: cache! });
const spec = decoderSpec(model.config);
const backend = await openBackend('cpu');
const { tensors } = await readSafetensors(join(REFERENCES, 'smollm2/reference.safetensors'));
const ints = async (key: string): Promise<number[]> => [...(await readInt32(tensors.get(key)!))];
const floats = (key: string): Promise<Float64Array> => readFloat64(tensors.get(key)!);
const chats = [...tensors.keys()].filter((key) => key.endsWith('.ids')).map((key) => key.replace('.ids', ''));
const prompts = await Promise.all(chats.map((chat) => ints(`${chat}.ids`)));

const logSumExp = (x: Float64Array): number => {
  const largest = x.reduce((m, v) => Math.max(m, v), -Infinity);
  return largest + Math.log(x.reduce((s, v) => s + Math.exp(v - largest), 0));
};

const g = new Builder('log-probs');
const decoder = buildDecoder(g, spec, frozenWeights(g, model), { cache: false });
const at = g.input('targets', 'int64', ['L']);
g.outputAs('log_probs', LogSoftmax(g, decoder.logits(Gather(g, decoder.hidden, at))));
const session = await backend.session(checkGraph(prune(g.graph())), { folder: weightsFolder(model) });
const worst = { logit: 0, tokenNll: 0, answerNll: 0 };
for (const [i, chat] of chats.entries()) {
  const answer = await ints(`${chat}.answer_ids`);
  const example = { ids: [...prompts[i]!, ...answer], labels: [...prompts[i]!.map(() => -100), ...answer] };
  const { input_ids, attention_mask, position_ids, targets } = pack([{ example, scales: {}, weight: 0 }], []).feeds;
  const feeds = {
    input_ids: input_ids!,
    attention_mask: attention_mask!,
    position_ids: position_ids!,
    targets: targets!,
  };
  const logProbs = await backend.read((await session.run(feeds)).log_probs!);
  // the reference's logits less their log-sum-exp: a logit that all share has no meaning
  const last = await floats(`${chat}.last_logits`);
  const shift = logSumExp(last);
  last.forEach((v, id) => (worst.logit = Math.max(worst.logit, Math.abs(v - shift - logProbs[id]!))));
  const differences = (await floats(`${chat}.answer_nll`)).map(
    (nll, n) => -logProbs[n * spec.vocabSize + answer[n]!]! - nll,
  );
  differences.forEach((d) => (worst.tokenNll = Math.max(worst.tokenNll, Math.abs(d))));
  worst.answerNll = Math.max(worst.answerNll, Math.abs(sum(differences)) / answer.length);
}
await session.dispose();

const generator = await openGenerator({ backend, spec, model, adapters: [], stopIds: [] });
const made = await generator.generate(prompts, { maxNewTokens: GREEDY_TOKENS, temperature: 0, topP: 1 });
let agree = 0;
for (const [i, chat] of chats.entries()) {
  const first = (await ints(`${chat}.greedy`)).findIndex((id, n) => id !== made[i]!.ids[n]);
  agree += first === -1 ? GREEDY_TOKENS : first;
}
console.log(JSON.stringify({ ...worst, greedyAgree: agree, greedyTokens: GREEDY_TOKENS * chats.length }));
