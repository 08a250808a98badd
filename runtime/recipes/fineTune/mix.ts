import type { LoadedData } from '../../context/context.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import type { DataSource } from '../../contract/recipeData.js';
import { joined, subset } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import { HumanError } from '../../support/errors.js';
import { loadSource, type Job } from '../training/job.js';

/** What is learned, and the files that it is from. */
interface TrainingData {
  /** All rows; path and hash are those of `data.file`. */
  readonly data: LoadedData;
  /** Each file by itself, with the rows that are used of it. */
  readonly parts: readonly LoadedData[];
}

/** Rows of a second file that are the given share of all rows, beside so many of the first; without a share all. */
export const rowsForShare = (share: number | undefined, others: number): number =>
  share === undefined ? Infinity : Math.round((share * others) / (1 - share));

/** Warns of rows from which a model does not learn to end: of texts, and of answers that a chat template does not end. */
async function loadPart(
  job: Job<FinetuneRecipe>,
  source: DataSource,
  key: string,
  onExample: (example: Example) => void,
): Promise<LoadedData> {
  const { eosIds, decode } = job.context.tokenizer;
  let ends = eosIds.length === 0;
  const loaded = await loadSource(job, source, key, job.recipe.batch.maxTokens, (example) => {
    ends ||= example.labels.some((id) => eosIds.includes(id));
    onExample(example);
  });
  const { format, path } = loaded;
  const rows = loaded.examples.length;
  if (format === 'text' && !ends)
    await job.emit({
      kind: 'warning',
      message: `none of the ${rows} texts has ${decode(eosIds.slice(0, 1))} in it, with which the model ends: from them it does not learn to end.`,
      place: path,
      remedy: 'Write it at the end of each text.',
    });
  else if (format !== 'tokens' && rows > 0 && !ends)
    await job.emit({
      kind: 'warning',
      message: `the chat template writes no end (${eosIds.map((id) => decode([id])).join(', ')}) behind the answers of these rows: from them the model does not learn to end.`,
      place: path,
      remedy: 'Let it end as the base does, or write one of them behind the last answer in the chat template.',
    });
  return loaded;
}

/**
 * The data of a fine-tuning: `data`, and behind it the first rows of `data.mix`. Row numbers are unique: those of the
 * second file go on behind those of the first.
 * @param onExample given each of the rows as it is read
 * @throws HumanError when the second file has fewer rows than the share needs
 */
export async function loadTrainingData(
  job: Job<FinetuneRecipe>,
  onExample: (example: Example) => void,
): Promise<TrainingData> {
  const { mix, ...own } = job.recipe.data;
  const data = await loadPart(job, own, 'data', onExample);
  if (!mix) return { data, parts: [data] };
  const { share, ...source } = mix;
  const most = rowsForShare(share, data.examples.length);
  let read = 0;
  const loaded = await loadPart(job, source, 'data.mix', (example) => {
    if (read++ < most) onExample(example);
  });
  const wanted = share === undefined ? loaded.examples.length : most;
  if (wanted > loaded.examples.length)
    throw new HumanError(
      `a share of ${share} beside ${data.examples.length} rows takes ${wanted} rows, and the file has ${loaded.examples.length} that can be used.`,
      { place: 'data.mix.share', remedy: 'Lower the share, set data.limit, or name a file with more rows.' },
    );
  const chosen = subset(
    loaded.examples,
    Array.from({ length: wanted }, (_, i) => i),
  );
  const beyond = data.examples.at(data.examples.length - 1)?.row ?? -1;
  const mixed = { ...loaded, examples: chosen };
  const fine = [...(data.review?.fine ?? []), ...[...(loaded.review?.fine ?? [])].map((row) => beyond + 1 + row)];
  const review = data.review ?? loaded.review;
  return {
    data: {
      ...data,
      examples: joined(data.examples, chosen, beyond),
      ...(review && { review: { ...review, fine: new Set(fine) } }),
    },
    parts: [data, mixed],
  };
}
