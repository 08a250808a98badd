import { elementwise } from './rules/elementwise.js';
import { linalg } from './rules/linalg.js';
import { movement } from './rules/movement.js';
import { normalization } from './rules/normalization.js';
import { reductions } from './rules/reduction.js';
import type { Rule } from './rule.js';

/** Every operator with a gradient, by its ONNX name. In it belongs what ops.ts can put on a path from a weight to a loss. */
export const RULES = { ...elementwise, ...linalg, ...movement, ...normalization, ...reductions } satisfies Record<
  string,
  Rule
>;

/** Operators whose result does not change, or jumps, when their inputs change a little: their gradient is zero, and that is meant. */
export const NO_GRADIENT: ReadonlySet<string> = new Set([
  'Equal',
  'Less',
  'LessOrEqual',
  'Greater',
  'And',
  'Not',
  'Shape',
  'Range',
]);

/** Elementwise rules take a dY that is 1 along axes on which it does not vary. */
export const isElementwise = (op: string): boolean => Object.hasOwn(elementwise, op);

export const ruleOf = (op: string): Rule | undefined =>
  Object.hasOwn(RULES, op) ? RULES[op as keyof typeof RULES] : undefined;
