/** Words that recipes choose from. */

/** Row formats; `auto` finds the format and reports it. */
export const DATA_FORMATS = ['auto', 'messages', 'completion', 'alpaca', 'sharegpt', 'text', 'tokens'] as const;
export type DataFormat = (typeof DATA_FORMATS)[number];

/**
 * How a set is measured: `harm` and `over-refusal` judge answers, `exact` compares them with the expected answer,
 * `contains` looks for `phrases`, `loss` gives nats per token.
 */
export const MEASURES = ['harm', 'over-refusal', 'exact', 'contains', 'loss'] as const;
export type MeasureKind = (typeof MEASURES)[number];

/** What a fine-tuning does with rows that look harmful, see docs/recipes.md. */
export const FLAGGED = ['auto', 'vector', 'exclude', 'cut', 'absorb'] as const;
export type FlaggedStrategy = (typeof FLAGGED)[number];

/** Name of the evaluation set that a fine-tuning takes from its own data (`heldOut`). */
export const HELD_OUT_SET = 'held out';
/** More rows of a file than this tell nothing new: the others are trained on. */
export const MOST_HELD_OUT = 512;

/** What onnxruntime may compute on, with the names that people know. */
export const DEVICE_NAMES = { cpu: 'CPU', webgpu: 'WebGPU', cuda: 'CUDA', dml: 'DirectML' } as const;
export type Device = keyof typeof DEVICE_NAMES;
export type DeviceChoice = 'auto' | Device;
export const DEVICE_CHOICES: readonly DeviceChoice[] = ['auto', ...(Object.keys(DEVICE_NAMES) as Device[])];

/** How the frozen weights of a model are held: as they are, or in blocks of 8 or 4 bits. */
export const PRECISIONS = ['float32', 'int8', 'int4'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Where and how the weights of a model are computed with, outside recipes. */
export interface Computing {
  device?: DeviceChoice;
  /** Of the base model's frozen weights. */
  precision?: Precision;
}
