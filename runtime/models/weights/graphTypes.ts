import type { DType } from '../../onnx/graph.js';
import type { Dtype } from './safetensors.js';

/** Types of tensors that graphs read where they lie in a file, and what graphs call them. */
const GRAPH_TYPES = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  U8: 'uint8',
} as const satisfies Partial<Record<Dtype, DType>>;
type Stored = keyof typeof GRAPH_TYPES;

export const graphType = (dtype: Dtype): DType => GRAPH_TYPES[dtype as Stored];

export const fileType = (dtype: DType): Dtype =>
  (Object.keys(GRAPH_TYPES) as Stored[]).find((stored) => GRAPH_TYPES[stored] === dtype)!;
