import type { RunEvent } from '../contract/events.js';
import type { DeviceChoice } from '../contract/recipeWords.js';
import { DeviceFailure } from '../device/failures.js';

interface Options {
  readonly device?: DeviceChoice;
  readonly resume?: boolean;
  readonly onEvent: (event: RunEvent) => void;
  /** Of the points of a sweep: why those that follow compute on the CPU. */
  readonly shared?: { withoutGpu?: string };
  /** Why it computes where it does. */
  readonly reason?: string;
}

/**
 * A run; where `auto` chose a GPU for it that fails, it continues on the CPU, from its checkpoint, or from the
 * beginning if nothing was measured yet. After a point of a sweep the points that follow compute there, too.
 */
export async function withoutGpu<O extends Options, R>(
  choice: DeviceChoice,
  options: O,
  run: (options: O) => Promise<R>,
): Promise<R> {
  const { shared } = options;
  if (choice === 'auto' && shared?.withoutGpu) return run({ ...options, device: 'cpu', reason: shared.withoutGpu });
  let hasMeasured = false;
  const onEvent = (event: RunEvent): void => {
    hasMeasured ||= event.kind !== 'state';
    options.onEvent(event);
  };
  try {
    return await run({ ...options, onEvent });
  } catch (error) {
    if (!(error instanceof DeviceFailure) || choice !== 'auto') throw error;
    const what = error.message.replace(/\.$/, '');
    if (shared) shared.withoutGpu = `${what}, so the points that follow compute on the CPU`;
    if (hasMeasured && !error.isResumable) throw error;
    const from = error.isResumable ? 'from its checkpoint' : 'from the beginning';
    const reason = `${what}, so the run continues on the CPU ${from}`;
    return run({ ...options, device: 'cpu', resume: options.resume === true || error.isResumable, reason });
  }
}
