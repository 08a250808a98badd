/** What the engine can do, by name: the same calls for the child process and for the command line. */
import { basename, dirname, join } from 'node:path';
import { statSync } from 'node:fs';
import { adapterFlat } from '../adapters/flat.js';
import { adapterFolder, WEIGHTS_FILE } from '../adapters/files.js';
import { hubAdapters } from '../adapters/hubAdapters.js';
import { flatInput } from '../adapters/inject.js';
import { loadData, openContext, scratchFolder, type Context } from '../context/context.js';
import { HumanError } from '../support/errors.js';
import { scanExamples, scoresOfRows } from '../evaluation/scan/scan.js';
import { calibrationOf } from '../recipes/calibrationFile.js';
import { partsOf, readTexts, supervisedTexts } from '../recipes/cut.js';
import { activeAdapters, openState, type OpenState } from '../evaluation/inference/states.js';
import { suggestTraining } from './defaults.js';
import { estimateRecipe } from './estimate.js';
import { inspectAdapter, inspectModel } from './inspect.js';
import { writeCleaned } from '../data/cleaned.js';
import { inspectData } from '../data/inspectData.js';
import { previewData } from '../data/preview.js';
import { openTokenizer } from '../models/openTokenizer.js';
import { exampleFrom } from '../data/examples.js';
import { contentOf, fileStamp, openRowIndex, rowText, type ReadAs, type RowIndex } from '../data/rowIndex.js';
import { rowGroups } from '../data/rowGroups.js';
import { openScratch, type Scratch } from '../data/scratch.js';
import { lossesOf } from '../evaluation/inference/losses.js';
import { describeDataset, downloadDataset } from '../datasets/download.js';
import { exportModel } from '../export/export.js';
import { clearCache, listCache, userCache } from '../models/cache/userCache.js';
import { downloadModel } from '../models/hub/hub.js';
import type {
  Device,
  ExplainedToken,
  GenerateParams,
  ModelReference,
  Notifications,
  RequestName,
  Requests,
  RunEvent,
  ScanRow,
} from '../contract/protocol.js';
import { SCAN_LIMIT } from '../contract/protocol.js';
import { kept } from './kept.js';
import { planPublish, publish } from '../publish/publish.js';
import { runRecipe } from './run.js';
import { flatTensor } from '../learner/rows.js';
import { openLearner } from '../learner/learner.js';

/** Receives what a call reports while it works, and stops it. */
export interface Reporter {
  readonly signal: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
  readonly onToken: (text: string) => void;
  readonly onRows: (rows: ScanRow[]) => void;
  readonly onProgress: (message: string, fraction?: number) => void;
  readonly onLog: (level: Notifications['log']['level'], message: string) => void;
}

/** Rows of a scan that are sent together. */
const ROWS_AT_ONCE = 250;

export type Calls = {
  [K in RequestName]: (params: Requests[K]['params'], reporter: Reporter) => Promise<Requests[K]['result']>;
};

export const calls: Calls = {
  run: ({ recipe, output, resume, force, device, token }, reporter) =>
    runRecipe(recipe, { output, resume, force, device, token, signal: reporter.signal, onEvent: reporter.onEvent }),

  async scan({ model, vector: named, data, format, columns, limit = SCAN_LIMIT, ordinary, device }, reporter) {
    const [{ path: vector }] = await local([{ path: named, scale: 1 }], data, reporter);
    const { context, learner, parameters, scales, close } = await openScanner(
      { model, vector, data, device },
      reporter,
    );
    try {
      const { examples } = await loadRows(context, data, { format, columns, hashed: true }, reporter);
      const hooks = {
        signal: reporter.signal,
        onProgress: (share: number) => reporter.onProgress('scanning', share),
      };
      const calibration = await calibrationOf([{ path: vector, scale: 1 }], {
        ordinary: ordinary === undefined ? undefined : (await loadRows(context, ordinary, {}, reporter)).examples,
        score: (rows) => scoresOfRows(learner, parameters, rows, scales, hooks),
      });
      const { perRow, ...result } = await scanExamples(
        learner,
        parameters,
        examples,
        { ...scales, calibration, limit, texts: supervisedTexts(context.tokenizer) },
        hooks,
      );
      const shown = perRow.map(({ losses: _, ...row }, i): ScanRow => ({
        ...row,
        ...(row.flagged && partsOf(examples.at(i)!, row, context.tokenizer)),
      }));
      for (let at = 0; at < shown.length; at += ROWS_AT_ONCE) reporter.onRows(shown.slice(at, at + ROWS_AT_ONCE));
      return result;
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

  rowGroups: ({ data, format, columns, by }, { signal }) =>
    withRows(data, { format, columns }, (index) => rowGroups(index, by, signal)),

  async explain({ data, format, columns, hash, vector: named, ...others }, reporter) {
    const found = await withRows(data, { format, columns }, (index) => {
      const row = index.find(hash);
      const content = row && contentOf(index, row.value);
      return content && { row, content };
    });
    if (!found) return null;
    const [{ path: vector }] = await local([{ path: named, scale: 1 }], data, reporter);
    const params = { ...others, vector };
    const key = JSON.stringify([params, await weightsStamp(params.vector)]);
    const open = () => openScanner({ ...params, data }, reporter);
    return keptScanner(key, open, async ({ context, learner, parameters, scales }) => {
      const example = exampleFrom(found.content, context.tokenizer, found.row);
      const losses = async (scale: Record<string, number>): Promise<number[]> => {
        const [row] = await lossesOf(learner, parameters, [example], scale, { signal: reporter.signal });
        return row.perToken;
      };
      const [without, withVector] = [await losses(scales.off), await losses(scales.on)];
      return readTexts(context.tokenizer)(example).map((text, i): ExplainedToken => [text, without[i], withVector[i]]);
    });
  },

  clean: (params) => writeCleaned(params),

  async score({ model, adapters: named, data, format, columns, device }, reporter) {
    const adapters = await local(named, data, reporter);
    const context = await opened(model, data, reporter, device);
    const state = await openState(context, 'score', await activeAdapters(context, adapters));
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

  async generate({ adapters, ...given }, reporter) {
    const params = { ...given, adapters: await local(adapters, given.model, reporter) };
    const { context, state } = await chatState(params, reporter);
    const { tokenizer } = context;
    const ids = promptIds(params, context);
    const textOf = (answer: readonly number[]): string =>
      tokenizer.absent ? '' : tokenizer.decode(answer, { skipSpecialTokens: true });
    const answer: number[] = [];
    let sent = '';
    const [result] = await state.generator.generate([ids], params.options, {
      signal: reporter.signal,
      onToken: (_, id) => {
        answer.push(id);
        const text = textOf(answer);
        // an incomplete character waits for its next token
        if (text.endsWith('\uFFFD')) return;
        reporter.onToken(text.slice(sent.length));
        sent = text;
      },
    });
    return {
      text: textOf(result.ids),
      ids: result.ids,
      stopped: result.reason === 'stop',
    };
  },

  inspect: ({ path }) => inspectModel(path),
  inspectAdapter: ({ model, adapter }) => inspectAdapter(model, adapter),
  inspectData: async ({ path, format, columns, model, maxTokens }, reporter) =>
    inspectData(path, {
      format,
      columns,
      ...(model !== undefined && (await openTokenizer(model, maxTokens))),
      onProgress: (bytes, total) => reporter.onProgress(`reading ${basename(path)}`, bytes / total),
    }),
  previewData: async ({ model, ...params }) =>
    previewData({ ...params, ...(model !== undefined && (await openTokenizer(model))) }),
  export: async ({ adapters, ...params }, reporter) =>
    exportModel(
      { ...params, adapters: await local(adapters, params.out, reporter) },
      { signal: reporter.signal, onProgress: reporter.onProgress, cache: userCache() },
    ),
  describeDataset: (params, reporter) => describeDataset(params, reporter),
  downloadDataset: (params, reporter) =>
    downloadDataset(params, { ...reporter, cache: scratchFolder(dirname(params.out)) }),
  planPublish: (params) => planPublish(params),
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

/** Adapters that are named by the Hub, as folders. @param beside where the cache is */
async function local(
  adapters: ModelReference['adapters'],
  beside: string,
  reporter: Reporter,
): Promise<ModelReference['adapters']> {
  const hub = await hubAdapters(
    adapters.map(({ path }) => path),
    { ...reporter, cache: scratchFolder(dirname(beside)) },
  );
  return adapters.map(({ path, scale }) => ({ path: hub.get(path)?.folder ?? path, scale }));
}

function opened(model: string, beside: string, reporter: Reporter, device: 'auto' | Device = 'auto'): Promise<Context> {
  return openContext(model, {
    device,
    scratch: scratchFolder(dirname(beside)),
    onMessage: (text) => reporter.onProgress(text),
  });
}

const loadRows = (context: Context, file: string, options: Parameters<typeof loadData>[2], reporter: Reporter) =>
  loadData(context, file, options, {
    warn: (message, place, remedy) => reporter.onLog('warn', `${place}: ${message} ${remedy}`),
    progress: reporter.onProgress,
    signal: reporter.signal,
  });

function promptIds({ messages, prompt, ids }: GenerateParams, { tokenizer, spec }: Context): number[] {
  const given =
    ids ??
    (messages
      ? tokenizer.encode(tokenizer.chatTemplate!.render(messages, { addGenerationPrompt: true }), {
          addSpecialTokens: false,
        })
      : tokenizer.encode(prompt ?? ''));
  if (given.length === 0) throw new HumanError('the prompt is empty.', { place: 'prompt', remedy: 'Enter a prompt.' });
  if (given.length >= spec.contextLength) {
    throw new HumanError(
      `the conversation has ${given.length} tokens; the model's context holds ${spec.contextLength}.`,
      {
        place: 'prompt',
        remedy: 'Start a new conversation.',
      },
    );
  }
  const wrong = given.find((id) => !Number.isInteger(id) || id < 0 || id >= spec.vocabSize);
  if (wrong !== undefined)
    throw new HumanError(`there is no token ${wrong}; the model has ${spec.vocabSize}.`, {
      place: 'ids',
      remedy: 'Use ids of this model.',
    });
  return given;
}

interface ScannerParams {
  model: string;
  vector: string;
  data: string;
  device?: 'auto' | Device;
}

/** A model that gives the losses of rows without a vector and with it. */
async function openScanner({ model, vector, data, device }: ScannerParams, reporter: Reporter) {
  const context = await opened(model, data, reporter, device);
  const { layout, flat, file } = await adapterFlat(vector, context.sites);
  if (file.role !== 'security') reporter.onLog('warn', `${file.path} is not marked as a security vector.`);
  const learner = openLearner({
    ...context,
    adapters: [{ name: 'vector', layout }],
    trainable: [],
    padId: context.tokenizer.padId,
  });
  return {
    context,
    learner,
    parameters: { [flatInput('vector')]: flatTensor(flat) },
    scales: { off: { vector: 0 }, on: { vector: 1 } },
    close: async () => {
      await learner.dispose();
      context.scratch.close();
    },
  };
}

const weightsStamp = async (folder: string): Promise<number | undefined> =>
  statSync(join(await adapterFolder(folder), WEIGHTS_FILE), { throwIfNoEntry: false })?.mtimeMs;

/** What explained a row last, and the file that was read last, stay open while somebody goes from row to row. */
const keptScanner = kept<Awaited<ReturnType<typeof openScanner>>>(({ close }) => close());
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
  return keptRows(`${await fileStamp(data)} ${JSON.stringify(as)}`, open, ({ index }) => use(index));
}

/** The state that answered last stays open, so that a chat does not load the model for each turn. */
let chat: { key: string; context: Context; state: OpenState } | undefined;

async function chatState(
  params: ModelReference & { device?: 'auto' | Device },
  reporter: Reporter,
): Promise<{ context: Context; state: OpenState }> {
  const stamps = await Promise.all(params.adapters.map((a) => weightsStamp(a.path)));
  const key = JSON.stringify([params.model, params.device, params.adapters, stamps]);
  if (chat?.key === key) return chat;
  const before = chat;
  chat = undefined;
  await before?.state.dispose();
  const context = await opened(params.model, params.model, reporter, params.device);
  const state = await openState(context, 'chat', await activeAdapters(context, params.adapters));
  chat = { key, context, state };
  return chat;
}
