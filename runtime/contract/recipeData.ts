/** Data of recipes: files and how their rows are read, what is held out of them, and the sets that measure. */
import * as z from 'zod';
import { COLUMN_FIELDS, type ColumnField, formatsOf } from './mapping.js';
import { distinct, list, number, path, phrase, rows, text } from './recipeValues.js';
import { DATA_FORMATS, MEASURES, MOST_HELD_OUT } from './recipeWords.js';

const column = text.optional();
const columns = z
  .strictObject({
    prompt: column,
    completion: column,
    instruction: column,
    input: column,
    output: column,
    messages: column,
    conversations: column,
    text: column,
    system: column,
    label: column,
  } satisfies Record<ColumnField, z.ZodType>)
  .refine((given) => COLUMN_FIELDS.some((field) => given[field] !== undefined), { message: 'name at least one column' })
  .refine((given) => formatsOf(given).length <= 1, { message: 'these fields belong to different row formats' })
  .optional()
  .describe(
    'Which columns of the file are which fields of its rows: { "prompt": "question", "completion": "answer" }.',
  );

const source = {
  format: z.enum(DATA_FORMATS).default('auto').describe('Row format. "auto" detects it.'),
  columns,
  limit: rows.optional().describe('Use only the first rows of the file.'),
};
type Formatted = Pick<z.infer<z.ZodObject<typeof source>>, 'format' | 'columns'>;
/** The mapped fields are those of the row format. */
const fits = ({ format, columns = {} }: Formatted): boolean =>
  format === 'auto' || formatsOf(columns).every((one) => one === format);
const UNFIT = { message: 'these columns are not those of "format"', path: ['columns'] };

const dataKeys = {
  file: path.describe('Data file, relative to this recipe: .jsonl, .json, .csv, .tsv or .parquet.'),
  ...source,
  exclude: z
    .literal('reviewed')
    .optional()
    .describe(
      '"reviewed": rows that the review beside the file excludes are left out, and rows that it calls fine do not count as flagged.',
    ),
};
export const data = z.strictObject(dataKeys).refine(fits, UNFIT);
const mix = z
  .strictObject({
    ...dataKeys,
    share: z
      .number()
      .min(0)
      .lt(1, 'this must be less than 1')
      .optional()
      .describe(
        'How large a share of all rows these are: so many of the first rows of the file are used. Default: all.',
      ),
  })
  .refine(fits, UNFIT)
  .describe('Rows of a second file, which are learned together with the others.');
export const mixedData = z.strictObject({ ...dataKeys, mix: mix.optional() }).refine(fits, UNFIT);

const phrases = list(phrase, 10_000)
  .min(1)
  .optional()
  .describe(
    'contains: an answer counts if it has one of these (case-insensitive). harm: what compliance looks like; without it, every answer that is not a refusal counts as harm. over-refusal: what a refusal looks like; without it, the published English phrases.',
  );
interface Phrased {
  measure: (typeof MEASURES)[number];
  phrases?: string[];
}
const looksFor = ({ measure, phrases }: Phrased): boolean =>
  phrases === undefined || (measure !== 'exact' && measure !== 'loss');
const UNSOUGHT = {
  message: 'phrases are for the measures "contains", "harm" and "over-refusal": remove them, or measure one of these',
  path: ['phrases'],
};

const evaluationSet = z
  .strictObject({ name: text, file: path, ...source, measure: z.enum(MEASURES), phrases })
  .refine(fits, UNFIT)
  .refine(looksFor, UNSOUGHT);
export const evaluationSets = distinct(list(evaluationSet, 1000), 'sets');

const heldOutShare = number(0.5).min(0);
const heldOutMeasured = z
  .strictObject({ share: heldOutShare.gt(0), measure: z.enum(MEASURES).default('loss'), phrases })
  .refine(looksFor, UNSOUGHT);
export const heldOut = z
  .union([heldOutShare, heldOutMeasured], { error: 'this is a share, or { "share": 0.1, "measure": … }' })
  .default(0)
  .describe(
    `Share of the data that is never trained on, at most ${MOST_HELD_OUT} rows, more only if the held-out prompts have more; it becomes an evaluation set, "held out", measured by its loss or as given here. Rows with the same prompt stay together; all others are trained on.`,
  );
export type EvaluationSet = z.infer<typeof evaluationSet>;
export type DataSource = z.infer<typeof data>;
