/** Events of a run, one of each kind, and what stands in them. */
import type { RunEvent } from '../../runtime/contract/events.js';
import { harm, step } from '../extension/support.js';

export const DONE: RunEvent = {
  ...{ kind: 'done', outcome: 'finished', output: '/w/adapters/a', step: 10, seconds: 5 },
  measurements: [harm('protected', 0)],
  laws: { vectorUnchanged: true, baseUnchanged: true },
  protectionWeakened: 'x',
};
export const SAMPLE: RunEvent = {
  ...{ kind: 'sample', state: 'base', set: 'forbidden', row: 0, line: 1, prompt: 'p', answer: 'a' },
  verdict: 'refused',
  verdicts: { other: 'complied' },
};
export const EVENTS: RunEvent[] = [
  { kind: 'state', state: 'preparing', message: 'reading', device: 'cpu', steps: 10, progress: 0.5 },
  {
    ...{ kind: 'evaluation', step: 0, probes: { harmfulLossWith: 1, harmfulLossWithout: 4 }, measurements: [harm('base', 0.5)] },
    probeRows: { harmful: { rows: 'heldOut', of: 8, id: 'aa' }, benign: { rows: 'data', of: 8, id: 'bb' } },
  },
  { kind: 'warning', message: 'w', place: 'a:1', remedy: 'r' },
  { kind: 'checkpoint', step: 5, path: '/w' },
  step(1),
  step(2),
  DONE,
]; // oxfmt-ignore
export const VALUES: readonly unknown[] = [
  ...['running', 'finished', 'stopped', 'failed', 'vector', 'evaluate', 'training', 'harm', 'loss', 'complied', '2026-01-01T10:00:00Z'],
  ...[SAMPLE, harm('plain', 1), [], {}, 1e308, -1, null, { path: 5 }, ...EVENTS],
]; // oxfmt-ignore
