import { basename } from 'node:path';
import { inspectData, type InspectOptions } from '../data/inspectData.js';
import { plannedModel } from '../estimate/model.js';
import { rowSizes } from '../estimate/rows.js';
import { weightsCount } from '../models/decoder/spec.js';
import { openTokenizer } from '../models/openTokenizer.js';
import { trainingDefaults } from '../recipes/reading/defaults.js';
import { longestOwn } from '../recipes/protection/ownRows.js';
import { countsMapped, memoryLimit } from '../support/memory.js';
import { Cancelled } from '../support/errors.js';
import { judgeSchema } from '../contract/recipeJudges.js';
import { safeParse } from '../contract/safeParse.js';
import type { TrainingDefaults } from '../contract/modelInfo.js';
import type { Requests } from '../contract/protocol.js';
import type { Reporter } from './reporter.js';

/**
 * Reads the first and the longest rows with the model's tokenizer, once as long as the files are the same; no weight is
 * read and nothing is converted.
 */
export async function suggestTraining(
  { model, data, method, anchored, vectors = [], judges = [] }: Requests['defaults']['params'],
  { signal, onProgress: say }: Pick<Reporter, 'signal' | 'onProgress'>,
): Promise<TrainingDefaults> {
  const planned = await plannedModel(model);
  const { spec } = planned;
  const { tokenizer } = await openTokenizer(model);
  const read: { rows: number; longest: number }[] = [];
  for (const { file, format = 'auto', columns, limit, exclude } of data) {
    const onProgress = (bytes: number, total: number): void => {
      if (signal.aborted) throw new Cancelled();
      say(`reading ${basename(file)}`, bytes / total);
    };
    const [source, reading] = [
      { format, columns, limit, exclude },
      { maxTokens: spec.contextLength, longest: true, onProgress },
    ];
    const found = tokenizer && (await rowSizes(file, source, tokenizer, reading));
    read.push(
      found?.sizes.length
        ? { rows: found.rows, longest: found.longest! }
        : await counted(file, { ...source, tokenizer, ...reading }),
    );
  }
  const known = judges.flatMap((one) => safeParse(judgeSchema, one).data ?? []);
  const own = tokenizer ? await longestOwn(vectors, tokenizer, known) : 0;
  const longest = Math.max(...read.map((file) => file.longest), own);
  const rows = Math.max(1, read[0].rows);
  const facts = { rows, longest, parameters: weightsCount(spec), spec, method, anchored, files: data.length };
  const mapped = method !== 'full' && countsMapped() ? planned.bytes : 0;
  return trainingDefaults({ ...facts, memoryBytes: memoryLimit() - mapped });
}

/**
 * Of a file whose rows fit no model, or where there is no tokenizer.
 * @throws HumanError where no row can be used
 */
async function counted(file: string, options: InspectOptions): Promise<{ rows: number; longest: number }> {
  const { rows, refusedRows, tokens } = await inspectData(file, options);
  return { rows: rows - refusedRows, longest: tokens?.longest.tokens ?? 0 };
}
