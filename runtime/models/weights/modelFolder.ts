import type { JsonObject } from '../../support/jsonFile.js';
import type { PackedWeight } from './packedWeight.js';
import type { TensorInfo } from './safetensors.js';

/** A model: its config and where its tensors lie. No weight is in memory. */
export interface ModelFolder {
  /** What the user gave. */
  path: string;
  /** Absolute Hugging Face folder: the given one, or the one converted from a GGUF file. */
  folder: string;
  config: JsonObject;
  /** By Hugging Face name, in file order. Shapes are not checked against the config here. */
  tensors: Map<string, TensorInfo>;
  /** Weights that are held in blocks, by the parameter's name; where `tensors` has them too, these are used. */
  packed?: ReadonlyMap<string, PackedWeight>;
  /**
   * Copies of the tensors that are not packed, by their names, which are mapped instead: `tensors` are not aligned, or
   * lie on another drive than `packed`.
   */
  beside?: ReadonlyMap<string, TensorInfo>;
  hasTokenizer: boolean;
  generationConfig?: JsonObject;
  /** SHA-256 of the GGUF file that it was converted from. */
  gguf?: string;
}
