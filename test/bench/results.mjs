/** What the runs of a benchmark say, as the results of the report. */
import { memoryName } from './benchmarks.mjs';

const round = (value, digits = 3) => Math.round(value * 10 ** digits) / 10 ** digits;
const best = (numbers, higherIsBetter) =>
  numbers.length === 0 ? null : (higherIsBetter ? Math.max : Math.min)(...numbers);

/** One number of both sides; ratio > 1: we are ahead. */
export function compared(name, { unit, of, higherIsBetter = false }, peer, runs) {
  const values = { ours: runs.ours.map((line) => line[of]), theirs: runs.theirs.map((line) => line[of]) };
  const [ours, theirs] = [best(values.ours, higherIsBetter), best(values.theirs, higherIsBetter)];
  const known = ours !== null && theirs !== null;
  const ratio = known ? round(higherIsBetter ? ours / theirs : theirs / ours) : null;
  return { name, ours, peer, theirs, ratio, unit, runs: values };
}

/** The memory of a training, with what was expected of it and how far that was off. */
export function memoryOf(name, peer, runs, expected) {
  const result = compared(memoryName(name), { unit: 'bytes', of: 'peakBytes' }, peer, runs);
  if (result.ours === null || !expected) return result;
  const bytes = Math.round(expected.bytes);
  return { ...result, expected: bytes, error: round(Math.abs(bytes / result.ours - 1)) };
}

/** Share of the time of a step that its floating-point operations need at the cold rate of the same run. */
export function gemmShare(lines, { flops }) {
  const shares = lines.map(({ bestStepMs, gemmRate }) => flops / gemmRate / (bestStepMs / 1000));
  return shares.length === 0 ? null : round(Math.max(...shares));
}

/** Milliseconds of a step as they were expected before any was measured, and how far that was off. */
export function timeOf({ ours }, { stepMs }) {
  return ours === null ? {} : { expectedMs: stepMs, timeError: round(Math.abs(stepMs / ours - 1)) };
}

/** Largest relative error of all memories, or all times. */
export function estimateOf(name, results, of = 'error') {
  const errors = results.flatMap((result) => result[of] ?? []);
  return {
    name,
    ours: errors.length > 0 ? Math.max(...errors) : null,
    peer: null,
    theirs: null,
    ratio: null,
    unit: 'relative error',
  };
}

/**
 * Milliseconds and calls of each operator in the fastest run of onnxruntime's profile. What a body computes counts for
 * its own operators, not for the Scan that runs it.
 */
export function operators(events) {
  const runs = events.filter(({ name }) => name === 'model_run').sort((a, b) => a.dur - b.dur);
  if (runs.length === 0) return [];
  const end = ({ ts, dur }) => ts + dur;
  const nodes = events
    .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
    .filter((node) => node.ts >= runs[0].ts && end(node) <= end(runs[0]))
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const found = new Map();
  const around = [];
  for (const node of nodes) {
    const entry = found.get(node.args.op_name) ?? { op: node.args.op_name, ms: 0, calls: 0 };
    found.set(entry.op, entry);
    entry.ms += node.dur / 1000;
    entry.calls += 1;
    while (around.length > 0 && end(around.at(-1).node) < end(node)) around.pop();
    if (around.length > 0) around.at(-1).entry.ms -= node.dur / 1000;
    around.push({ node, entry });
  }
  return [...found.values()].map((entry) => ({ ...entry, ms: round(entry.ms, 1) })).sort((a, b) => b.ms - a.ms);
}
