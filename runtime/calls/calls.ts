/** What the engine can do, by name: the same calls for the child process and for the command line. */
import { basename } from 'node:path';
import { activeAdapters, openState } from '../evaluation/inference/states.js';
import { suggestTraining } from './defaults.js';
import { estimateRecipe } from './estimate.js';
import { inspectAdapter, inspectModel } from './inspect.js';
import { writeCleaned } from '../data/cleaned.js';
import { inspectData } from '../data/inspectData.js';
import { previewData } from '../data/preview.js';
import { openTokenizer } from '../models/openTokenizer.js';
import { describeDataset, downloadDataset } from '../datasets/download.js';
import { combineAdapters } from '../export/combine.js';
import { exportModel, mapped, openSource, type ExportOptions } from '../export/export.js';
import { HumanError } from '../support/errors.js';
import { clearCache, listCache, userCache } from '../models/cache/userCache.js';
import { downloadModel } from '../models/hub/hub.js';
import type { RequestName, Requests } from '../contract/protocol.js';
import { generate } from './chat.js';
import { explainAnswer } from './explain.js';
import { judgeAgain } from './judge.js';
import { local, opened } from './opened.js';
import { warnsOf, type Reporter } from './reporter.js';
import { planPublish, publish } from '../publish/publish.js';
import { readRecipe } from '../recipes/reading/readRecipe.js';
import { rowCalls } from './rows.js';
import { runOne } from './run.js';
import { loadRows, scan } from './scan.js';
import { runSweep } from './sweep.js';

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

  scan,
  ...rowCalls,
  explainAnswer,
  clean: writeCleaned,

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
      await context.intact();
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
      signal: reporter.signal,
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
  describeDataset,
  downloadDataset: (params, reporter) => downloadDataset(params, { ...reporter, cache: userCache() }),
  planPublish,
  publish,
  download: downloadModel,
  defaults: suggestTraining,
  estimate: estimateRecipe,
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
