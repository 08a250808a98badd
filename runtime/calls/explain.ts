/** What a vector explains of a text: its loss without the vector and with it, word by word. */
import { adapterFolder } from '../adapters/files.js';
import { adapterFlat } from '../adapters/flat.js';
import { flatInput } from '../adapters/inject.js';
import type { Requests } from '../contract/protocol.js';
import type { Computing } from '../contract/recipeWords.js';
import type { ExplainedToken } from '../contract/scan.js';
import { exampleFrom } from '../data/examples.js';
import { answerTo, InvalidRow, type RowContent } from '../data/schemas.js';
import { lossesOf } from '../evaluation/inference/losses.js';
import { unjudged } from '../evaluation/scan/scan.js';
import { explainedShare } from '../evaluation/scan/scores.js';
import { openLearner } from '../learner/learner.js';
import { flatTensor } from '../learner/rows.js';
import { modelStamp } from '../models/modelFiles.js';
import { readTexts } from '../recipes/cut.js';
import { requireFinished } from '../recipes/finishedVector.js';
import { kept } from './kept.js';
import { local, opened } from './opened.js';
import { warnsOf, type Reporter } from './reporter.js';

interface ScannerParams extends Computing {
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

export const adapterStamp = async (folder: string): Promise<string | undefined> =>
  modelStamp(await adapterFolder(folder));

/** What explained a text last stays open while somebody goes from one to the next. */
const keptScanner = kept<Awaited<ReturnType<typeof openScanner>>>(({ close }) => close());

/** The supervised tokens of a row with their losses, nats. @throws InvalidRow where the model cannot be trained on it */
export async function explained(
  { data, vector: named, ...others }: ScannerParams,
  content: RowContent,
  row: { row: number; line: number },
  reporter: Reporter,
): Promise<ExplainedToken[]> {
  const [{ path: vector }] = await local([{ path: named, scale: 1 }], reporter);
  const params = { ...others, vector };
  const key = JSON.stringify([params, await modelStamp(params.model), await adapterStamp(vector)]);
  const open = () => openScanner({ ...params, data }, reporter);
  return keptScanner(key, open, async ({ context, learner, parameters, scales }) => {
    const example = exampleFrom(content, context.tokenizer, row);
    const losses = async (scale: Record<string, number>): Promise<number[]> => {
      const [found] = await lossesOf(learner, parameters, [example], scale, { signal: reporter.signal });
      return found.perToken;
    };
    const [without, withVector] = [await losses(scales.off), await losses(scales.on)];
    return readTexts(context.tokenizer)(example).map((text, i): ExplainedToken => [text, without[i], withVector[i]]);
  });
}

/** The same of an answer in a chat, as if it were a row to train on; null where it could be none. */
export async function explainAnswer(
  { messages, answer, cut = false, ...params }: Requests['explainAnswer']['params'],
  reporter: Reporter,
): Promise<Requests['explainAnswer']['result']> {
  try {
    const row = answerTo(messages, answer);
    const tokens = await explained({ ...params, data: params.model }, row, { row: 0, line: 1 }, reporter);
    const said = cut ? tokens.slice(0, tokens.findLastIndex(([text]) => text !== '') + 1) : tokens;
    if (said.length === 0) return null;
    const losses = { without: said.map(([, off]) => off), with: said.map(([, , on]) => on) };
    return { share: explainedShare(losses), unjudged: unjudged(losses.without) ?? null };
  } catch (error) {
    if (error instanceof InvalidRow) return null;
    throw error;
  }
}
