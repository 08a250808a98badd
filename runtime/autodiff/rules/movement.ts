import type { Builder, FloatType, Value } from '../../onnx/graph.js';
import {
  Add,
  Concat,
  Expand,
  Full,
  GatherElements,
  Pad,
  Reshape,
  ScatterElementsAdd,
  Slice,
  Sub,
  Transpose,
} from '../../onnx/ops.js';
import { axisOf, product, type Dim, type Shape } from '../../onnx/shapes.js';
import { constantInt, type Rules } from './rule.js';

const zeros = (g: Builder, shape: Shape, like: Value): Value => Full(g, shape, 0, like.dtype as FloatType);

export const movement = {
  Transpose: (g, { attributes: { perm } }, [dY]) => {
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    return [Transpose(g, dY, inverse)];
  },
  Reshape: (g, { inputs: [x] }, [dY]) => [Reshape(g, dY, x.shape), null],
  Unsqueeze: (g, { inputs: [x] }, [dY]) => [Reshape(g, dY, x.shape), null],
  Squeeze: (g, { inputs: [x] }, [dY]) => [Reshape(g, dY, x.shape), null],
  /** Sums over the expanded axes, which is what the walk does with any broadcast. */
  Expand: (_, __, [dY]) => [dY, null],

  Split: (g, { inputs: [x], outputs, attributes: { axis } }, dY) => {
    const parts = outputs.map((y, i) => dY[i] ?? zeros(g, y.shape, y));
    return [Concat(g, parts, axis, x.shape[axisOf(axis, x.shape.length)]), null];
  },
  Concat: (g, { inputs, attributes }, [dY], needsGrad) => {
    const axis = axisOf(attributes.axis, dY.shape.length);
    const sizes = g.shape(inputs.map((x) => x.shape[axis]));
    const slices = inputs.map(({ dtype, shape }) => ({ dtype, shape }));
    const parts = g.addMany('Split', [dY, sizes], slices, { axis });
    return parts.map((part, i) => (needsGrad[i] ? part : null));
  },
  /** Zeros before and after dY. */
  Slice: (g, { inputs: [x, starts, ends, axes] }, [dY]) => {
    const axis = constantInt(g, axes);
    if (!g.initializer(starts) || !g.initializer(ends)) {
      const none = (count: number): Value[] => (count === 0 ? [] : [g.ints(new Array<number>(count).fill(0))]);
      const others = x.shape.length - 1 - axis;
      const behind = Sub(g, g.dim(x.shape[axis]), ends);
      const pads = Concat(g, [...none(axis), starts, ...none(others + axis), behind, ...none(others)], 0);
      return [Pad(g, dY, pads, x.shape), null, null, null];
    }
    const [start, end] = [constantInt(g, starts), constantInt(g, ends)] as const;
    const size = x.shape[axis];
    if (typeof size !== 'number') throw new Error('Slice: only an axis of fixed size has a rule');
    const gap = (n: number): Value[] => {
      const shape = x.shape.map((dim, i) => (i === axis ? n : dim));
      return n === 0 ? [] : [zeros(g, shape, x)];
    };
    const parts = [...gap(start), dY, ...gap(size - end)];
    return [parts.length === 1 ? dY : Concat(g, parts, axis), null, null, null];
  },

  /** The part of dY that is not padding. */
  Pad: (g, { inputs: [x, pads] }, [dY]) => {
    const rank = x.shape.length;
    const before = Slice(g, pads, 0, 0, rank);
    const axes = g.ints(x.shape.map((_, axis) => axis));
    const end = Add(g, before, g.shape(x.shape));
    return [g.add('Slice', [dY, before, end, axes], { dtype: x.dtype, shape: x.shape }), null];
  },

  /** Adds the slices of dY where they came from. */
  Gather: (g, { inputs: [x, indices], attributes }, [dY]) => {
    const axis = axisOf(attributes.axis, x.shape.length);
    const count = product(indices.shape);
    const at = (dim: Dim, others: (dim: Dim) => Dim): Dim[] => x.shape.map((d, i) => (i === axis ? dim : others(d)));
    const slices = at(count, (d) => d); // as x, with one slice per index
    const column = at(count, () => 1);
    const index = Expand(g, Reshape(g, indices, column), slices);
    return [ScatterElementsAdd(g, zeros(g, x.shape, x), index, Reshape(g, dY, slices), axis), null];
  },
  GatherElements: (g, { inputs: [x, indices], attributes: { axis } }, [dY]) => [
    ScatterElementsAdd(g, zeros(g, x.shape, x), indices, dY, axis),
    null,
  ],
  ScatterElements: (g, { inputs: [, indices], attributes: { axis } }, [dY], needsGrad) => [
    dY,
    null,
    needsGrad[2] ? GatherElements(g, dY, indices, axis) : null,
  ],
} satisfies Rules;
