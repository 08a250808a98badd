/** What a vector explains of a text: its loss without the vector and with it, word by word. */
import { adapterFolder } from '../adapters/files.js';
import type { Requests } from '../contract/protocol.js';
import type { ExplainedToken } from '../contract/scan.js';
import { exampleFrom } from '../data/examples.js';
import { InvalidRow } from '../data/invalidRow.js';
import { answerTo, type RowContent } from '../data/rowContent.js';
import { lossesOf } from '../evaluation/inference/losses.js';
import { unjudged } from '../evaluation/scan/scan.js';
import { explainedShare } from '../evaluation/scan/scores.js';
import { modelStamp } from '../models/modelFiles.js';
import { readTexts } from '../recipes/protection/cut.js';
import { keptOpen } from './keptOpen.js';
import { local } from './opened.js';
import type { Reporter } from './reporter.js';
import { openScanner, type ScannerParams } from './scan.js';

export const adapterStamp = async (folder: string): Promise<string | undefined> =>
  modelStamp(await adapterFolder(folder));

/** What explained a text last stays open while somebody goes from one to the next. */
const keptScanner = keptOpen<Awaited<ReturnType<typeof openScanner>>>(({ close }) => close());

/**
 * The supervised tokens of a row with their losses, nats.
 * @throws InvalidRow where the model cannot be trained on it
 */
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
