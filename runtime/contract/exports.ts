/** What leaves the engine: exported models, combined adapters, published folders. */

export const EXPORT_FORMATS = ['safetensors', 'peft', 'onnx', 'gguf'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface CombineResult {
  path: string;
  sha256: string;
  /** Of the result, and what an exact one takes. */
  rank: number;
  exactRank: number;
  /** Where it was cut: the share of the update's norm that was lost, in all and in the layer where that is most. */
  error?: number;
  worst?: { layer: string; error: number };
  /** What it was made of: each by the hash of its matrices, with its factor or how it was projected on. */
  from: { path: string; sha256: string; scale?: number; projected?: 'off' | 'onto' }[];
}

export interface PublishPlan {
  repository: string;
  isPublic: boolean;
  what: 'adapter' | 'vector' | 'model';
  /** Hub name of the base model. */
  base: string | null;
  /** All that leaves the machine. */
  files: { path: string; size: number; sha256: string }[];
  /** Files of earlier uploads in the repository that would be mixed up with these: they are removed there. */
  removed: string[];
  /** README.md. */
  card: string;
  /** Of all of this. */
  sha256: string;
}
