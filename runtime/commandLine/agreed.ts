/** A question to the person at the terminal. */
import { createInterface } from 'node:readline/promises';
import { Cancelled } from '../support/errors.js';
import { wrong } from './given.js';

type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean };

/**
 * Whether somebody says yes.
 * @throws HumanError where there is nobody, and Cancelled where the question is left open: by Ctrl+C, Ctrl+D, or the
 * signal
 */
export async function agreed(
  question: string,
  signal: AbortSignal,
  input: Input = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<boolean> {
  if (!input.isTTY) throw wrong('there is no terminal to ask on; add --yes to publish what is listed.');
  const asking = createInterface({ input, output });
  const left = new AbortController();
  asking.once('close', () => left.abort());
  try {
    const answer = await asking.question(`${question} [y/N] `, { signal: AbortSignal.any([signal, left.signal]) });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    throw (error as Error).name === 'AbortError' ? new Cancelled() : error;
  } finally {
    asking.close();
  }
}
