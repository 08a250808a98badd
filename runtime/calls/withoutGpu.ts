import type { DeviceChoice } from '../contract/recipeWords.js';
import { DeviceFailure } from '../device/failures.js';
import type { RunEvent } from '../contract/events.js';

interface Options {
  readonly device?: DeviceChoice;
  readonly resume?: boolean;
  readonly onEvent: (event: RunEvent) => void;
  /** Of a point of a sweep. */
  readonly shared?: unknown;
}

/**
 * A run; where `auto` chose a GPU for it that fails, it goes on on the CPU, from its checkpoint if it has one. A point of a sweep does not:
 * its model is open for the others too.
 */
export async function withoutGpu<O extends Options, R>(
  choice: DeviceChoice,
  options: O,
  run: (options: O) => Promise<R>,
): Promise<R> {
  try {
    return await run(options);
  } catch (error) {
    if (!(error instanceof DeviceFailure) || choice !== 'auto' || options.shared) throw error;
    const from = error.isResumable ? 'from its checkpoint' : 'from the beginning';
    const message = `${error.message.replace(/\.$/, '')}: the run goes on on the CPU ${from}`;
    options.onEvent({ kind: 'state', state: 'preparing', message });
    return run({ ...options, device: 'cpu', resume: options.resume === true || error.isResumable });
  }
}
