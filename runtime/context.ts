import { join } from 'node:path';
import { loadExamples, type Example } from './data/examples.js';
import { HumanError } from './errors.js';
import { decoderSpec } from './models/config.js';
import { linearLayers, type DecoderSpec, type LinearSpec } from './models/spec.js';
import { openModel, type ModelFolder } from './models/folder.js';
import { loadTokenizer, type Tokenizer } from './models/tokenizer.js';
import type { DataFormat, Device } from './protocol.js';
import { openBackend, type Backend } from './training/session.js';

/** A model on a device, with what is needed to train it and to talk to it. */
export interface Context {
  readonly backend: Backend;
  readonly model: ModelFolder;
  readonly spec: DecoderSpec;
  readonly tokenizer: Tokenizer;
  /** Linear layers that adapters can sit on, in order. */
  readonly sites: readonly LinearSpec[];
}

export interface ContextOptions {
  readonly device?: 'auto' | Device;
  readonly threads?: number;
  /** Folder for a converted GGUF. */
  readonly cache: string;
  readonly onMessage?: (text: string) => void;
}

/** Where a converted GGUF is kept: beside what the run reads and writes. */
export const cacheFolder = (beside: string): string => join(beside, '.security-vectors', 'cache');

/**
 * Opens a model: unsupported architectures are refused before a weight is read.
 * @throws HumanError naming what is missing or not supported
 */
export async function openContext(path: string, options: ContextOptions): Promise<Context> {
  const model = await openModel(path, { cache: options.cache, onMessage: options.onMessage });
  const spec = decoderSpec(model.config);
  if (!model.hasTokenizer) {
    throw new HumanError('this model folder has no tokenizer.', {
      place: join(model.folder, 'tokenizer.json'),
      remedy: 'Copy tokenizer.json and tokenizer_config.json of the model into it.',
    });
  }
  const tokenizer = await loadTokenizer(model.folder);
  if (tokenizer.vocabSize > spec.vocabSize) {
    throw new HumanError(`the tokenizer has ${tokenizer.vocabSize} tokens, the model only ${spec.vocabSize}.`, {
      place: model.folder,
      remedy: "Use the model's own tokenizer.",
    });
  }
  const backend = await openBackend(options.device ?? 'auto', options.threads ?? 0);
  return { backend, model, spec, tokenizer, sites: linearLayers(spec) };
}

export interface LoadedData {
  readonly path: string;
  readonly examples: Example[];
  readonly sha256: string;
}

/** Loads a data file for training or evaluation and reports the rows that cannot be used. A broken row stops it. */
export async function loadData(
  { tokenizer, spec }: Pick<Context, 'tokenizer' | 'spec'>,
  file: string,
  options: { format?: DataFormat; limit?: number; maxTokens?: number; answers?: 'required' | 'optional' },
  warn: (message: string, place: string, remedy: string) => void,
): Promise<LoadedData> {
  const { examples, refused, sha256 } = await loadExamples(file, tokenizer, {
    format: options.format ?? 'auto',
    limit: options.limit,
    answers: options.answers,
    maxTokens: Math.min(options.maxTokens ?? spec.contextLength, spec.contextLength),
    contextLength: spec.contextLength,
    strict: true,
  });
  if (refused.length > 0) {
    const lines = refused.slice(0, 5).map((r) => `line ${r.line}: ${r.reason}`);
    warn(
      `${refused.length} of ${refused.length + examples.length} rows are left out (${lines.join('; ')}${refused.length > 5 ? '; …' : ''}).`,
      `${file}:${refused[0]!.line}`,
      'Mend these rows or remove them.',
    );
  }
  return { path: file, examples, sha256 };
}
