import { basename } from 'node:path';
import { inspectData } from '../data/inspectData.js';
import { decoderSpec } from '../models/families/config.js';
import { describeModel } from '../models/describe.js';
import { openTokenizer } from '../models/openTokenizer.js';
import { parameters } from '../models/decoder/spec.js';
import { trainingDefaults } from '../recipes/defaults.js';
import { memoryLimit } from '../support/memory.js';
import { Cancelled } from '../support/errors.js';
import type { TrainingDefaults } from '../contract/modelInfo.js';
import type { Requests } from '../contract/protocol.js';
import type { Reporter } from './reporter.js';

/** Reads the rows with the model's tokenizer; no weight is read and nothing is converted. */
export async function suggestTraining(
  { model, data, method, anchored }: Requests['defaults']['params'],
  { signal, onProgress }: Pick<Reporter, 'signal' | 'onProgress'>,
): Promise<TrainingDefaults> {
  const spec = decoderSpec((await describeModel(model)).config);
  const count = [...parameters(spec).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const { tokenizer } = await openTokenizer(model);
  const read = [];
  for (const { file, format, columns } of data) {
    const onRead = (bytes: number, total: number): void => {
      if (signal.aborted) throw new Cancelled();
      onProgress(`reading ${basename(file)}`, bytes / total);
    };
    read.push(
      await inspectData(file, { format, columns, tokenizer, maxTokens: spec.contextLength, onProgress: onRead }),
    );
  }
  const longest = Math.max(...read.map(({ tokens }) => tokens?.longest.tokens ?? 0));
  const rows = Math.max(1, Math.min(read[0].rows - read[0].refusedRows, data[0].limit ?? Infinity));
  const facts = { rows, longest, parameters: count, spec, method, anchored, files: data.length };
  return trainingDefaults({ ...facts, memoryBytes: memoryLimit() });
}
