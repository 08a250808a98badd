/** What the engine can do, by name: the same calls for the child process and for the command line. */
import { basename, dirname } from 'node:path';
import { loadData, scratchFolder, type Context, type LoadedData } from '../context/context.js';
import { scoresOfRows } from '../evaluation/scan/scan.js';
import { calibrationOf, requireOther } from '../recipes/calibration.js';
import { partsOf } from '../recipes/cut.js';
import { scanWithInsertions } from '../recipes/insertions.js';
import { activeAdapters, openState } from '../evaluation/inference/states.js';
import { suggestTraining } from './defaults.js';
import { estimateRecipe } from './estimate.js';
import { inspectAdapter, inspectModel } from './inspect.js';
import { writeCleaned } from '../data/cleaned.js';
import { inspectData } from '../data/inspectData.js';
import { previewData } from '../data/preview.js';
import { readAlike } from '../data/readAlike.js';
import { openTokenizer } from '../models/openTokenizer.js';
import { contentOf, openRowIndex, rowText, type RowIndex } from '../data/rowIndex.js';
import { rowGroups } from '../data/rowGroups.js';
import { rowsWith } from '../data/rowsWith.js';
import { openScratch, type Scratch } from '../data/scratch.js';
import { describeDataset, downloadDataset } from '../datasets/download.js';
import { combineAdapters } from '../export/combine.js';
import { exportModel, mapped, openSource, type ExportOptions } from '../export/export.js';
import { HumanError } from '../support/errors.js';
import { clearCache, listCache, userCache } from '../models/cache/userCache.js';
import { downloadModel } from '../models/hub/hub.js';
import type { ReadAs, RowFormat } from '../contract/mapping.js';
import type { RequestName, Requests } from '../contract/protocol.js';
import { type ScanRow, SCAN_LIMIT } from '../contract/scan.js';
import { generate } from './chat.js';
import { explainAnswer, explained, openScanner } from './explain.js';
import { judgeAgain } from './judge.js';
import { kept } from './kept.js';
import { local, opened, warnOfTemplate } from './opened.js';
import { warnsOf, type Reporter } from './reporter.js';
import { planPublish, publish } from '../publish/publish.js';
import { readRecipe } from '../recipes/readRecipe.js';
import { runOne } from './run.js';
import { fileStamp } from '../support/fileStamp.js';
import { runSweep } from './sweep.js';

/** Row formats that a chat template writes, whichever the model has. */
const CONVERSATIONS: ReadonlySet<string> = new Set<RowFormat>(['messages', 'sharegpt']);
/** Rows of a scan that are sent together. */
const ROWS_AT_ONCE = 250;

export type Calls = {
  [K in RequestName]: (params: Requests[K]['params'], reporter: Reporter) => Promise<Requests[K]['result']>;
};

export const calls: Calls = {
  async run({ recipe: file, output, resume, force, device, token, secrets }, reporter) {
    const { signal, onEvent, onTaken, askEditor } = reporter;
    const { recipe, ...given } = await readRecipe(file);
    const options = { output, resume, force, device, token, secrets, askEditor, signal, onEvent, onTaken };
    return recipe.kind === 'sweep' ? runSweep({ ...given, recipe }, options) : runOne({ ...given, recipe }, options);
  },

  judge: judgeAgain,

  async scan(
    { model, vector: named, data, format, columns, limit = SCAN_LIMIT, ordinary, reviewed, ...computing },
    reporter,
  ) {
    if (ordinary !== undefined) await requireOther(ordinary, data);
    const [{ path: vector }] = await local([{ path: named, scale: 1 }], reporter);
    const { context, learner, parameters, scales, close } = await openScanner(
      { model, vector, data, ...computing },
      reporter,
    );
    try {
      const review = reviewed && { exclude: 'reviewed' as const, readExcluded: reviewed === 'read' };
      const rows = await loadRows(context, data, { format, columns, hashed: true, ...review }, reporter);
      const { examples, skipped, format: rowFormat } = rows;
      const hooks = {
        signal: reporter.signal,
        onProgress: (share: number) => reporter.onProgress('scanning', share),
      };
      const calibration = await calibrationOf([{ path: vector, scale: 1 }], {
        ordinary:
          ordinary === undefined
            ? undefined
            : (await loadRows(context, ordinary, await readAlike(ordinary, { format, columns }), reporter)).examples,
        precision: computing.precision ?? 'float32',
        score: (rows) => scoresOfRows(learner, parameters, rows, scales, hooks),
        warn: warnsOf(reporter),
      });
      const { perRow, ...result } = await scanWithInsertions(
        learner,
        parameters,
        examples,
        { ...scales, calibration, limit, tokenizer: context.tokenizer },
        { ...hooks, progress: reporter.onProgress },
      );
      const shown = perRow.map(({ losses: _, ...row }, i): ScanRow => ({
        ...row,
        ...(row.flagged && partsOf(examples.at(i)!, row, context.tokenizer)),
      }));
      for (let at = 0; at < shown.length; at += ROWS_AT_ONCE) reporter.onRows(shown.slice(at, at + ROWS_AT_ONCE));
      return { ...result, ...(skipped > 0 && { skipped }), rowFormat };
    } finally {
      await close();
    }
  },

  rowTexts: ({ data, format, columns, hashes, most }) =>
    withRows(data, { format, columns }, (index) =>
      hashes.flatMap((hash) => {
        const row = index.find(hash);
        return row ? [rowText(index, row, most)] : [];
      }),
    ),

  rowsWith: ({ data, format, columns, text }, { signal }) =>
    withRows(data, { format, columns }, (index) => rowsWith(index, text, signal)),

  rowGroups: ({ data, format, columns, by }, { signal }) =>
    withRows(data, { format, columns }, (index) => rowGroups(index, by, signal)),

  async explain({ format, columns, hash, ...params }, reporter) {
    const found = await withRows(params.data, { format, columns }, (index) => {
      const row = index.find(hash);
      const content = row && contentOf(index, row.value);
      return content && { row, content };
    });
    return found ? explained(params, found.content, found.row, reporter) : null;
  },

  explainAnswer,

  clean: (params) => writeCleaned(params),

  async score({ model, adapters: named, data, format, columns, ...computing }, reporter) {
    const adapters = await local(named, reporter);
    const context = await opened(model, data, reporter, computing);
    const state = await openState(context, 'score', await activeAdapters(context, adapters, warnsOf(reporter)));
    try {
      const { examples } = await loadRows(context, data, { format, columns }, reporter);
      const losses = await state.losses(examples, {
        signal: reporter.signal,
        onProgress: (share) => reporter.onProgress('scoring', share),
      });
      return losses.map(({ nll, tokens }, i) => ({ row: examples.at(i)!.row, nll, tokens }));
    } finally {
      await state.dispose();
      context.scratch.close();
    }
  },

  generate,

  inspect: ({ path }) => inspectModel(path),
  inspectAdapter: ({ model, adapter }) => inspectAdapter(model, adapter),
  inspectData: async ({ path, format, columns, model, maxTokens, limit }, reporter) =>
    inspectData(path, {
      format,
      columns,
      limit,
      ...(model !== undefined && (await openTokenizer(model, maxTokens))),
      onProgress: (bytes, total) => reporter.onProgress(`reading ${basename(path)}`, bytes / total),
    }),
  previewData: async ({ model, ...params }) =>
    previewData({ ...params, ...(model !== undefined && (await openTokenizer(model))) }),
  export: async ({ adapters, ...params }, reporter) =>
    exportModel({ ...params, adapters: await local(adapters, reporter) }, exporting(reporter)),
  async combine({ model, adapters: named, out, off, onto, rank }, reporter) {
    if (off !== undefined && onto !== undefined)
      throw new HumanError('a result is projected off another adapter or onto it, not both.', {
        place: 'combine',
        remedy: 'Give one of both.',
      });
    const opened = await openSource({ model, adapters: await local(named, reporter) }, exporting(reporter));
    const on = async (path: string | undefined): Promise<string | undefined> =>
      path === undefined ? undefined : (await local([{ path, scale: 1 }], reporter))[0].path;
    const source = await mapped(opened, exporting(reporter));
    return combineAdapters(source, out, { off: await on(off), onto: await on(onto), rank });
  },
  describeDataset: (params, reporter) => describeDataset(params, reporter),
  downloadDataset: (params, reporter) => downloadDataset(params, { ...reporter, cache: userCache() }),
  planPublish: (params, reporter) => planPublish(params, reporter),
  publish: (params, reporter) => publish(params, reporter),
  download: (params, reporter) => downloadModel(params, reporter),
  defaults: suggestTraining,
  estimate: (params, reporter) => estimateRecipe(params, reporter),
  async cache({ clear = false }) {
    if (!clear) return { ...(await listCache()), removed: [] };
    const { removed, left } = await clearCache();
    return { ...left, removed };
  },
};

const exporting = (reporter: Reporter): ExportOptions => ({
  cache: userCache(),
  signal: reporter.signal,
  onProgress: reporter.onProgress,
  warn: warnsOf(reporter),
});

async function loadRows(
  context: Context,
  file: string,
  options: Parameters<typeof loadData>[2],
  reporter: Reporter,
): Promise<LoadedData> {
  const loaded = await loadData(context, file, options, {
    warn: warnsOf(reporter),
    progress: reporter.onProgress,
    signal: reporter.signal,
  });
  if (CONVERSATIONS.has(loaded.format)) warnOfTemplate(context, reporter);
  return loaded;
}

/** The file that was read last stays open while somebody goes from row to row. */
const keptRows = kept<{ index: RowIndex; scratch: Scratch }>(({ scratch }) => {
  scratch.close();
});

async function withRows<R>(data: string, as: ReadAs, use: (index: RowIndex) => R | Promise<R>): Promise<R> {
  const open = async (): Promise<{ index: RowIndex; scratch: Scratch }> => {
    const scratch = openScratch(scratchFolder(dirname(data)));
    try {
      return { index: await openRowIndex(data, { scratch, ...as }), scratch };
    } catch (error) {
      scratch.close();
      throw error;
    }
  };
  return keptRows(`${await fileStamp([data])} ${JSON.stringify(as)}`, open, ({ index }) => use(index));
}
