import { basename } from 'node:path';
import { inspectData, type InspectOptions } from '../data/inspectData.js';
import { decoderSpec } from '../models/families/config.js';
import { describeModel } from '../models/describe.js';
import { rowSizes } from '../estimate/rows.js';
import { openTokenizer } from '../models/openTokenizer.js';
import { parameters } from '../models/decoder/spec.js';
import { trainingDefaults } from '../recipes/defaults.js';
import { longestOwn } from '../recipes/ownRows.js';
import { memoryLimit } from '../support/memory.js';
import { Cancelled } from '../support/errors.js';
import type { TrainingDefaults } from '../contract/modelInfo.js';
import type { Requests } from '../contract/protocol.js';
import type { Reporter } from './reporter.js';

/**
 * Reads the first and the longest rows with the model's tokenizer, once as long as the files are the same; no weight is read and nothing is converted.
 */
export async function suggestTraining(
  { model, data, method, anchored, vectors = [] }: Requests['defaults']['params'],
  { signal, onProgress: say }: Pick<Reporter, 'signal' | 'onProgress'>,
): Promise<TrainingDefaults> {
  const spec = decoderSpec((await describeModel(model)).config);
  const count = [...parameters(spec).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const { tokenizer } = await openTokenizer(model);
  const read: { rows: number; longest: number }[] = [];
  for (const { file, format = 'auto', columns, limit } of data) {
    const onProgress = (bytes: number, total: number): void => {
      if (signal.aborted) throw new Cancelled();
      say(`reading ${basename(file)}`, bytes / total);
    };
    const [source, reading] = [
      { format, columns, limit },
      { maxTokens: spec.contextLength, longest: true, onProgress },
    ];
    const found = tokenizer && (await rowSizes(file, source, tokenizer, reading));
    read.push(
      found?.sizes.length
        ? { rows: found.rows, longest: found.longest! }
        : await counted(file, { ...source, tokenizer, ...reading }),
    );
  }
  const own = tokenizer ? await Promise.all(vectors.map((path) => longestOwn(path, tokenizer))) : [];
  const longest = Math.max(...read.map((file) => file.longest), ...own);
  const rows = Math.max(1, read[0].rows);
  const facts = { rows, longest, parameters: count, spec, method, anchored, files: data.length };
  return trainingDefaults({ ...facts, memoryBytes: memoryLimit() });
}

/**
 * Of a file whose rows fit no model, or where there is no tokenizer.
 * @throws HumanError where no row can be used
 */
async function counted(file: string, options: InspectOptions): Promise<{ rows: number; longest: number }> {
  const { rows, refusedRows, tokens } = await inspectData(file, options);
  return { rows: rows - refusedRows, longest: tokens?.longest.tokens ?? 0 };
}
