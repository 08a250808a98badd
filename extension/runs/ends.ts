import { eventSchema, type RunEvent } from '../../runtime/contract/events.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { openFile } from '../host/checkedFile.js';

/** What is read at each end of a log that is longer than both. */
const END_BYTES = 16 * 1024;

/**
 * The events before the first step and the last ones of a long log: with its manifest all that a verdict needs of a
 * finished run. Probes are measured before step 1, or never, and at the end; undefined where these are not found, or
 * the log is short: then it is read whole.
 */
export async function readEnds(file: string): Promise<RunEvent[] | undefined> {
  const opened = await openFile(file);
  if (!opened) return undefined;
  const { handle, size } = opened;
  try {
    if (size <= 2 * END_BYTES) return undefined;
    const read = async (from: number): Promise<string[]> => {
      const bytes = Buffer.alloc(END_BYTES);
      await handle.read(bytes, 0, END_BYTES, from);
      return bytes.toString('utf8').split('\n');
    };
    // Half a line where it is cut.
    const head = (await read(0)).slice(0, -1);
    const tail = (await read(size - END_BYTES)).slice(1);
    const firstStep = head.findIndex(isStep);
    const lastStep = tail.findLastIndex(isStep);
    if (firstStep < 0 || lastStep < 0) return undefined;
    const before = head.slice(0, firstStep).flatMap(event);
    const after = tail.filter((line, i) => !isStep(line) || i === lastStep).flatMap(event);
    return hasProbes(before) === hasProbes(after) ? [...before, ...after] : undefined;
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

const isStep = (line: string): boolean => line.startsWith('{"kind":"step"');
const hasProbes = (events: readonly RunEvent[]): boolean =>
  events.some((one) => one.kind === 'evaluation' && one.probes);

function event(line: string): RunEvent[] {
  try {
    const { data } = safeParse(eventSchema, JSON.parse(line));
    return data ? [data] : [];
  } catch {
    return [];
  }
}
