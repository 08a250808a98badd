/**
 * What each command takes: one object, whose keys answer beforehand what the command would ask. Views, lenses, pages
 * and tests give it as it is; what else VS Code or a keybinding passes becomes this in commands/arguments.ts.
 */
import * as z from 'zod';
import { COLUMN_FIELDS } from '../../runtime/contract/mapping.js';
import { EXPORT_FORMATS } from '../../runtime/contract/exports.js';
import { MEASURES } from '../../runtime/contract/recipeWords.js';
import { judgeSchema } from '../../runtime/contract/recipeJudges.js';
import { DECISIONS } from '../../runtime/contract/review.js';
import type { CommandName } from './contributions.js';

const text = z.string().min(1).optional();
const flag = z.boolean().optional();

const texts = z.array(z.string().min(1)).min(1).optional();

/**
 * @param path the key that a file or folder without a key stands for.
 * @param many the key that several of them, selected in a view or in the explorer, stand for.
 */
const takes = <S extends z.ZodRawShape>(shape: S, path?: keyof S & string, many?: keyof S & string) => ({
  schema: z.strictObject(shape),
  path,
  many,
});

/** Which columns of a data file are what: `{ prompt: 'question', completion: 'answer' }`. */
const columns = z.partialRecord(z.enum(COLUMN_FIELDS), z.string().min(1)).optional();
const phrases = z.array(z.string().min(1)).min(1).optional();
/** Of the rows that a vector is trained on: the first ones of the files, or all. */
const rows = z.enum(['first', 'all']).optional();
const nothing = takes({});
const aRun = takes({ run: text }, 'run');
const someRuns = <S extends z.ZodRawShape>(more: S) => takes({ run: text, runs: texts, ...more }, 'run', 'runs');
const fineTuning = takes(
  {
    model: text,
    data: text,
    columns,
    /** Rows of the data that are kept for evaluation, and how they are measured. */
    heldOut: z.strictObject({ share: z.number().gt(0).max(0.5), measure: z.enum(MEASURES), phrases }).optional(),
    /** Security vectors: PEFT folders or run folders. */
    vectors: z.array(z.string().min(1)).optional(),
    /** A vector of the models' view. */
    adapter: text,
    /** With all that is known beyond the paper. */
    strengthened: flag,
    method: z.enum(['lora', 'full']).optional(),
    evaluate: z
      .array(
        z.strictObject({
          name: z.string().min(1),
          file: z.string().min(1),
          measure: z.enum(MEASURES),
          /** Further keys of the set (phrases, limit, format). */
          raw: z.record(z.string(), z.unknown()).optional(),
        }),
      )
      .optional(),
    name: text,
  },
  'data',
);

export const COMMAND_ARGUMENTS = {
  openSample: takes({ folder: text }, 'folder'),
  openWalkthrough: nothing,
  addModel: takes({ path: text }, 'path'),
  downloadModel: takes({ repository: text, revision: text, folder: text }, 'repository'),
  setHubToken: nothing,
  clearCache: takes({ confirmed: flag }),
  removeModel: takes({ model: text }, 'model'),
  /** `adapter`: a folder, or hub:OWNER/NAME@REVISION. */
  addAdapter: takes({ model: text, adapter: text }, 'model'),
  /** Data sets of the Hub; `benign` may be empty: none. */
  trainPublic: takes({
    repository: text,
    benign: z.string().optional(),
    /** Of the set that `repository` names. */
    revision: text,
    split: text,
    model: text,
    rows,
    name: text,
    /** Licence and gating are known. */
    confirmed: flag,
  }),
  /** `benign`: none when it is empty. */
  trainVector: takes(
    {
      model: text,
      harmful: text,
      harmfulColumns: columns,
      benign: z.string().nullish(),
      benignColumns: columns,
      rows,
      name: text,
    },
    'harmful',
  ),
  fineTuneProtected: fineTuning,
  fineTunePlain: fineTuning,
  /** `measure`: of a file that no recipe measures. */
  evaluate: takes({ file: text, model: text, columns, measure: z.enum(MEASURES).optional(), phrases }, 'file'),
  scan: takes({ file: text, model: text, vector: text, columns }, 'file'),
  previewData: takes({ file: text, model: text, columns }, 'file'),
  countData: takes({ file: text }, 'file'),
  useData: takes({ file: text, columns }, 'file'),
  clearScan: takes({ file: text }, 'file'),
  /** `flagged`: what becomes of flagged rows that nobody has decided. */
  saveCleaned: takes(
    {
      file: text,
      out: text,
      flagged: z.enum(['leave', 'keep']).optional(),
      unscanned: z.enum(['leave', 'keep']).optional(),
    },
    'file',
  ),
  saveFine: takes({ file: text, out: text }, 'file'),
  review: takes({ file: text }, 'file'),
  /** Without a decision: what was decided is taken back. */
  decide: takes({ file: text, hashes: z.array(z.string()).optional(), decision: z.enum(DECISIONS).optional() }, 'file'),
  runRecipe: takes({ file: text, files: texts }, 'file', 'files'),
  /** `confirmed`: the danger of a security vector is known. */
  attach: takes({ model: text, adapter: text, scale: z.number().optional(), confirmed: flag }),
  detach: takes({ model: text, adapter: text }),
  chat: takes({ model: text }, 'model'),
  exportAdapter: takes(
    {
      model: text,
      adapter: text,
      format: z.enum(EXPORT_FORMATS).optional(),
      quantization: z.enum(['F16', 'Q8_0', 'F32']).optional(),
      what: z.enum(['model', 'adapter']).optional(),
      out: text,
    },
    'model',
  ),
  /** `adapters`: what is added up, each at its scale. `off`, `onto`: an adapter that the sum is projected on. */
  combine: takes(
    {
      model: text,
      adapters: z
        .array(z.strictObject({ path: z.string().min(1), scale: z.number().optional() }))
        .min(1)
        .optional(),
      off: text,
      onto: text,
      rank: z.number().int().min(1).max(4096).optional(),
      out: text,
    },
    'model',
  ),
  /** `folder`: a run folder, an adapter or a model. `run`: what made it, where it does not tell. */
  publish: takes({ model: text, adapter: text, folder: text, run: text, repository: text, isPublic: flag }),
  stop: someRuns({}),
  resume: aRun,
  runAgain: aRun,
  openRecipe: aRun,
  openRun: aRun,
  openReport: aRun,
  openInBrowser: nothing,
  showAnswers: aRun,
  /** `judges`: further ones, as a recipe names them, with absolute paths; none: labels alone. */
  judgeAgain: takes({ run: text, judges: z.array(judgeSchema).optional() }, 'run'),
  exportLabels: takes({ run: text, out: text }, 'run'),
  compareRuns: someRuns({}),
  /** `name`: empty for that of the folder. */
  renameRun: takes({ run: text, name: z.string().optional() }, 'run'),
  tagRuns: someRuns({ tags: z.array(z.string().min(1)).optional() }),
  archiveRuns: someRuns({ archived: flag }),
  showArchived: nothing,
  hideArchived: nothing,
  /** `confirmed`: what is lost is known. */
  deleteRuns: someRuns({ confirmed: flag }),
  duplicateRun: takes({ run: text, name: text }, 'run'),
  /** `more`: further epochs, or steps where the recipe counts these. */
  trainLonger: takes({ run: text, name: text, more: z.number().positive().optional() }, 'run'),
  moveUp: aRun,
  moveDown: aRun,
  pauseQueue: nothing,
  continueQueue: nothing,
  showLog: nothing,
  refresh: nothing,
} satisfies Record<CommandName, ReturnType<typeof takes>>;

export type CommandArguments = { [K in CommandName]: z.output<(typeof COMMAND_ARGUMENTS)[K]['schema']> };
