import { createContext, Script } from 'node:vm';
import { HumanError } from './errors.js';

const sandbox: { run?: () => void } = {};
const context = createContext(sandbox);
const script = new Script('run()');
/** The time is up. */
export class TooSlow extends HumanError {}
const TIMEOUT = 'ERR_SCRIPT_EXECUTION_TIMEOUT';

/**
 * Runs synchronous work driven by an untrusted file (a chat template, a tokenizer's regular expressions) and ends it
 * after `milliseconds`. V8's watchdog stops endless loops and backtracking regular expressions alike; a call costs
 * about 0.1 ms, so work inside limited work is not limited again. Errors of the work pass through.
 *
 * The watchdog counts real time. Where the machine was busy with something else, and this process had less than half of
 * it, the work is begun again with twice the time: it must not mind that.
 * @throws TooSlow with `tooSlow` when the time is up.
 */
export function withTimeLimit<T>(
  milliseconds: number,
  tooSlow: string,
  place: string | (() => string),
  work: () => T,
): T {
  if (sandbox.run) return work();
  let result: { value: T } | undefined;
  sandbox.run = () => {
    result = { value: work() };
  };
  try {
    for (let timeout = Math.max(1, Math.ceil(milliseconds)); !result; timeout *= 2) {
      const before = process.cpuUsage();
      try {
        script.runInContext(context, { timeout });
      } catch (error) {
        if (codeOf(error) !== TIMEOUT) throw error;
        const { user, system } = process.cpuUsage(before);
        if ((user + system) / 1000 < milliseconds / 2) continue;
        throw new TooSlow(tooSlow, {
          place: typeof place === 'string' ? place : place(),
          remedy: 'Check the file: it may be damaged or hostile.',
          cause: error,
        });
      }
    }
  } finally {
    sandbox.run = undefined;
  }
  return result.value;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
