import type { RunEvent } from '../contract/events.js';
import type { DeviceChoice } from '../contract/recipeWords.js';
import { DeviceFailure } from '../device/failures.js';

interface Options {
  readonly device?: DeviceChoice;
  readonly resume?: boolean;
  readonly onEvent: (event: RunEvent) => void;
  /** Of a point of a sweep. */
  readonly shared?: unknown;
  /** Why it computes where it does. */
  readonly reason?: string;
}

/**
 * A run; where `auto` chose a GPU for it that fails, it continues on the CPU, from its checkpoint, or from the
 * beginning if nothing was measured yet. A point of a sweep does not: its model is open for the others too.
 */
export async function withoutGpu<O extends Options, R>(
  choice: DeviceChoice,
  options: O,
  run: (options: O) => Promise<R>,
): Promise<R> {
  let hasMeasured = false;
  const onEvent = (event: RunEvent): void => {
    hasMeasured ||= event.kind !== 'state';
    options.onEvent(event);
  };
  try {
    return await run({ ...options, onEvent });
  } catch (error) {
    const isOver = !(error instanceof DeviceFailure) || (hasMeasured && !error.isResumable);
    if (isOver || choice !== 'auto' || options.shared) throw error;
    const from = error.isResumable ? 'from its checkpoint' : 'from the beginning';
    const reason = `${error.message.replace(/\.$/, '')}, so the run continues on the CPU ${from}`;
    return run({ ...options, device: 'cpu', resume: options.resume === true || error.isResumable, reason });
  }
}
