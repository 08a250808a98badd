import type { Builder, FloatType, Value } from '../../onnx/graph.js';
import { Concat, Expand, Full, GatherElements, Reshape, ScatterElementsAdd, Transpose } from '../../onnx/ops.js';
import { axisOf, product, type Dim, type Shape } from '../../onnx/shapes.js';
import { constantInts, intAttribute, unary, type Rule } from '../rule.js';

const zeros = (g: Builder, shape: Shape, like: Value): Value => Full(g, shape, 0, like.dtype as FloatType);
const reshaped = unary((g, dY, x) => Reshape(g, dY, x.shape));

export const movement = {
  Transpose: unary((g, dY, _x, _y, node) => {
    const perm = node.attributes.perm as readonly number[];
    return Transpose(
      g,
      dY,
      perm.map((_, axis) => perm.indexOf(axis)),
    );
  }),
  Reshape: (g, node, dY, wanted) => [...reshaped(g, node, dY, wanted), null],
  /** Sums over the expanded axes, which is what the walk does with any broadcast. */
  Expand: (_, __, dY) => [dY[0]!, null],
  Unsqueeze: (g, node, dY, wanted) => [...reshaped(g, node, dY, wanted), null],
  Squeeze: (g, node, dY, wanted) => node.inputs.map((_, i) => (i === 0 ? reshaped(g, node, dY, wanted)[0]! : null)),

  Split: (g, node, dY) => {
    const axis = intAttribute(node, 'axis', 0);
    const parts = node.outputs.map((y, i) => dY[i] ?? zeros(g, y.shape, y));
    const x = node.inputs[0]!;
    return [Concat(g, parts, axis, x.shape[axisOf(axis, x.shape.length)]), ...node.inputs.slice(1).map(() => null)];
  },
  Concat: (g, node, [dY], wanted) => {
    const inputs = node.inputs as readonly Value[];
    const axis = axisOf(intAttribute(node, 'axis', 0), dY!.shape.length);
    const sizes = g.shape(inputs.map((x) => x.shape[axis]!));
    const parts = g.add(
      'Split',
      [dY!, sizes],
      inputs.map((x) => ({ dtype: x.dtype, shape: x.shape })),
      { axis },
    );
    return parts.map((part, i) => (wanted[i] ? part : null));
  },
  /** Zeros in front of and behind dY. */
  Slice: (g, node, [dY]) => {
    const x = node.inputs[0]!;
    const [[start], [end], [axis], [step]] = [1, 2, 3, 4].map((i) =>
      i < node.inputs.length ? constantInts(g, node, i) : [1],
    ) as [number[], number[], number[], number[]];
    const size = x.shape[axis!];
    if (typeof size !== 'number' || step !== 1 || constantInts(g, node, 3).length !== 1)
      throw new Error(`Slice (${node.name}): only one axis of fixed size in steps of 1 has a rule`);
    const gap = (n: number): Value[] =>
      n === 0
        ? []
        : [
            zeros(
              g,
              x.shape.map((dim, i) => (i === axis ? n : dim)),
              x,
            ),
          ];
    const parts = [...gap(start!), dY!, ...gap(size - end!)];
    return [parts.length === 1 ? dY! : Concat(g, parts, axis!), ...node.inputs.slice(1).map(() => null)];
  },

  /** Adds the slices of dY where they came from. */
  Gather: (g, node, [dY]) => {
    const [x, indices] = node.inputs as [Value, Value];
    const axis = axisOf(intAttribute(node, 'axis', 0), x.shape.length);
    const count = product(indices.shape);
    const at = (dim: Dim, others: (dim: Dim) => Dim): Dim[] => x.shape.map((d, i) => (i === axis ? dim : others(d)));
    const slices = at(count, (d) => d); // as x, with one slice per index
    const index = Expand(
      g,
      Reshape(
        g,
        indices,
        at(count, () => 1),
      ),
      slices,
    );
    return [ScatterElementsAdd(g, zeros(g, x.shape, x), index, Reshape(g, dY!, slices), axis), null];
  },
  GatherElements: (g, node, [dY]) => {
    const [x, indices] = node.inputs as [Value, Value];
    return [ScatterElementsAdd(g, zeros(g, x.shape, x), indices, dY!, intAttribute(node, 'axis', 0)), null];
  },
  ScatterElements: (g, node, [dY], wanted) => {
    if (node.attributes.reduction !== 'add')
      throw new Error(`${node.op} (${node.name}): only reduction "add" has a rule`);
    const indices = node.inputs[1]!;
    return [dY!, null, wanted[2] ? GatherElements(g, dY!, indices, intAttribute(node, 'axis', 0)) : null];
  },
} satisfies Record<string, Rule>;
