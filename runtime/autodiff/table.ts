import { elementwise } from './rules/elementwise.js';
import { linalg } from './rules/linalg.js';
import { movement } from './rules/movement.js';
import { normalization } from './rules/normalization.js';
import { reductions } from './rules/reduction.js';
import { scans } from './rules/scan.js';
import type { Builder, Node, Value } from '../onnx/graph.js';
import type { Op } from '../onnx/operators.js';
import type { Differentiate, Rule } from './rules/rule.js';

/**
 * Operators whose result does not change, or jumps, when their inputs change a little: their gradient is zero, and that
 * is meant.
 */
const WITHOUT_GRADIENT = ['Equal', 'Less', 'LessOrEqual', 'Greater', 'And', 'Shape', 'Range'] as const;
export const NO_GRADIENT: ReadonlySet<Op> = new Set(WITHOUT_GRADIENT);

/** Operators that compute with quantised weights, which are frozen: none is on a path from what is trained. */
const QUANTISED = ['DequantizeLinear', 'MatMulNBits', 'GatherBlockQuantized'] as const;
export const FROZEN: ReadonlySet<Op> = new Set(QUANTISED);

/** Every other operator has a rule: the compiler refuses a table without one. */
export const RULES = { ...elementwise, ...linalg, ...movement, ...normalization, ...reductions, ...scans } satisfies {
  readonly [O in Exclude<Op, (typeof WITHOUT_GRADIENT | typeof QUANTISED)[number]>]: Rule<O>;
};

/** Elementwise rules take a dY that is 1 along axes on which it does not vary. */
export const isElementwise = (op: string): boolean => Object.hasOwn(elementwise, op);

/** A rule as the walk calls it: for any node of its operator. */
type AnyRule = (
  g: Builder,
  node: Node,
  dY: readonly (Value | undefined)[],
  needsGrad: readonly boolean[],
  differentiate: Differentiate,
) => readonly (Value | null)[];

export const ruleOf = (op: Op): AnyRule | undefined =>
  (RULES as Partial<Record<Op, unknown>>)[op] as AnyRule | undefined;
