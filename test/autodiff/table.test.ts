import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FROZEN, NO_GRADIENT, RULES } from '../../runtime/autodiff/table.js';
import type { Op } from '../../runtime/onnx/operators.js';
import * as ops from '../../runtime/onnx/ops.js';
import { Scan } from '../../runtime/onnx/scan.js';

/** Functions of ops.ts that add a node of another name. */
const OPERATOR: Readonly<Record<string, string>> = {
  ScatterElementsAdd: 'ScatterElements',
  Full: 'Expand',
  SliceAt: 'Slice',
  Probabilities: 'Softmax',
  MatrixTranspose: 'Transpose',
};
/** Functions of ops.ts that add no node. */
const HELPERS = new Set(['dtypeNumber']);
/** What Builder adds to read a dim. */
const DIMS = ['Shape', 'Squeeze'];

const operators = [...Object.keys(ops), Scan.name]
  .filter((name) => !HELPERS.has(name))
  .map((name) => (OPERATOR[name] ?? name) as Op);

test('every operator of ops.ts has a rule, or is listed as having no gradient or as frozen', () => {
  const missing = operators.filter((op) => !Object.hasOwn(RULES, op) && !NO_GRADIENT.has(op) && !FROZEN.has(op));
  assert.deepEqual(missing, [], 'add a rule and its checks, or list it in NO_GRADIENT or FROZEN');
});

test('no operator has a rule and is listed as having none', () => {
  assert.deepEqual(
    (Object.keys(RULES) as Op[]).filter((op) => NO_GRADIENT.has(op) || FROZEN.has(op)),
    [],
  );
});

test('the table knows no operator that a graph cannot have', () => {
  const known = new Set<string>([...operators, ...DIMS]);
  assert.deepEqual(
    [...Object.keys(RULES), ...NO_GRADIENT, ...FROZEN].filter((op) => !known.has(op)),
    [],
  );
});
