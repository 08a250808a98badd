/** How much of each row of a file a vector explains. */
import { loadData, type Context, type LoadedData } from '../context/context.js';
import { scoresOfRows } from '../evaluation/scan/scan.js';
import { calibrationOf, requireOther } from '../recipes/protection/calibration.js';
import { partsOf } from '../recipes/protection/cut.js';
import { otherLanguages } from '../recipes/protection/foreign.js';
import { scanWithInsertions } from '../recipes/protection/insertions.js';
import { readAlike } from '../data/readAlike.js';
import type { RowFormat } from '../contract/mapping.js';
import type { Requests } from '../contract/protocol.js';
import { type ScanRow, SCAN_LIMIT } from '../contract/scan.js';
import { local, opened, warnOfTemplate } from './opened.js';
import { warnsOf, type Reporter } from './reporter.js';
import { adapterFlat } from '../adapters/flat.js';
import { flatInput } from '../adapters/inject.js';
import type { Computing } from '../contract/recipeWords.js';
import { openLearner } from '../learner/learner.js';
import { flatTensor } from '../learner/rows.js';
import { requireFinished } from '../recipes/vectorFiles/finishedVector.js';

/** Row formats that a chat template writes, whichever the model has. */
const CONVERSATIONS: ReadonlySet<string> = new Set<RowFormat>(['messages', 'sharegpt']);
/** Rows of a scan that are sent together. */
const ROWS_AT_ONCE = 250;

export interface ScannerParams extends Computing {
  model: string;
  vector: string;
  data: string;
}

/** A model that gives the losses of rows without a vector and with it. */
export async function openScanner({ model, vector, data, ...computing }: ScannerParams, reporter: Reporter) {
  const context = await opened(model, data, reporter, computing);
  const { layout, flat, file } = await adapterFlat(vector, context, warnsOf(reporter));
  await requireFinished(vector);
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

export async function scan(
  {
    model,
    vector: named,
    data,
    format,
    columns,
    limit = SCAN_LIMIT,
    ordinary,
    reviewed,
    ...computing
  }: Requests['scan']['params'],
  reporter: Reporter,
): Promise<Requests['scan']['result']> {
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
      scanned: examples,
      precision: computing.precision ?? 'float32',
      score: (rows, probe) => scoresOfRows(learner, parameters, rows, { ...scales, probe }, hooks),
      warn: warnsOf(reporter),
    });
    const { perRow, ...result } = await scanWithInsertions(
      learner,
      parameters,
      examples,
      { ...scales, calibration, limit, tokenizer: context.tokenizer },
      { ...hooks, progress: reporter.onProgress },
    );
    const others = await otherLanguages([{ path: vector }], rows, {
      progress: reporter.onProgress,
      signal: reporter.signal,
    });
    await context.intact();
    const shown = perRow.map(({ losses, answers, ...row }, i): ScanRow => ({
      ...row,
      ...(row.flagged && partsOf(examples.at(i)!, { ...row, answers, losses }, context.tokenizer)),
    }));
    for (let at = 0; at < shown.length; at += ROWS_AT_ONCE) reporter.onRows(shown.slice(at, at + ROWS_AT_ONCE));
    return {
      ...result,
      ...(skipped > 0 && { skipped }),
      ...(others.length > 0 && { otherLanguages: others }),
      rowFormat,
    };
  } finally {
    await close();
  }
}

export async function loadRows(
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
