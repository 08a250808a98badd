/** A Hugging Face model as a GGUF file that llama.cpp loads: the reverse of convert.ts. */
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { HumanError } from '../../support/errors.js';
import { decoderSpec } from '../families/config.js';
import type { ModelFolder } from '../weights/modelFolder.js';
import { WRITTEN_AS } from './architectures/table.js';
import { planConversion } from './convert.js';
import { ggufMetadata } from './architectures/shared/exportMetadata.js';
import { ROPE_TENSORS } from './architectures/shared/rope.js';
import { tokenizerMetadata } from './exportTokenizer.js';
import type { Architecture, Sizes } from './architectures/shared/layout.js';
import { isObject } from '../../contract/isObject.js';
import { sum } from '../../contract/sum.js';
import type { JsonObject } from '../../support/jsonFile.js';
import { inParts, partOf } from './architectures/shared/parts.js';
import { toGgufOrder } from './tensors.js';
import { WRITTEN_TYPES, writeGgufFile } from './file/writeFile.js';
import type { GgufTensorToWrite, WrittenType } from './file/writeFile.js';
import { readFloat32 } from '../weights/safetensors.js';
import type { TensorInfo } from '../weights/safetensors.js';
import { parameters } from '../decoder/spec.js';
import type { DecoderSpec } from '../decoder/spec.js';
import { findTensor } from '../decoder/weights.js';

interface WriteGgufOptions {
  /** Type of the matrices; vectors are F32, and rows that are not whole blocks are F16. */
  type: WrittenType;
  /** A tensor's new values, such as merged ones; undefined takes those of the model. */
  changed?: (info: TensorInfo) => Promise<Float32Array | undefined>;
}

export function ggufArchitecture({ family }: DecoderSpec): Architecture {
  const written = WRITTEN_AS.get(family);
  if (written) return written;
  throw new HumanError(`the family ${family} is not written to GGUF.`, {
    place: 'config.json: model_type',
    remedy: `These are: ${[...WRITTEN_AS.keys()].join(', ')}. Export as safetensors instead.`,
  });
}

/** The name that a module or parameter of a model for text and images has in the text model alone. */
const textName = (name: string): string => name.replace(/^model\.language_model\./, 'model.');

/** A parameter's GGUF name. */
export function ggufName(
  { outer, inner, layers }: Architecture,
  name: string,
  twoNorms: boolean,
): { name: string; local: string } | undefined {
  const match = /^(.*)\.(weight|bias)$/.exec(textName(name));
  if (!match) return undefined;
  const [, module, part] = match;
  const inLayer = module.startsWith(`${layers}.`) ? /^(\d+)\.(.+)$/.exec(module.slice(layers.length + 1)) : null;
  const table = inLayer ? inner : outer;
  // Falcon 40B: ln_mlp takes the place of the one norm.
  const suffix = inLayer ? (twoNorms && inLayer[2] === 'ln_mlp' ? 'input_layernorm' : inLayer[2]) : module;
  const row = suffix.replace(/\.\d+$/, '.*');
  const base = Object.keys(table).find((key) => table[key] === suffix || table[key] === row);
  if (base === undefined) return undefined;
  return { name: `${inLayer ? `blk.${inLayer[1]}.` : ''}${base}.${part}`, local: `${base}.${part}` };
}

/** The metadata key of a parameter that is a number of its layer. */
function numberKey({ layers, numbers = {} }: Architecture, name: string): string | undefined {
  const local = name.startsWith(`${layers}.`) ? name.slice(layers.length + 1).replace(/^\d+\./, '') : '';
  return Object.keys(numbers).find((key) => numbers[key].name === local);
}

export function sizesOf(spec: DecoderSpec): Sizes {
  const { attention, mlp } = spec.layers[0];
  const inner = mlp.kind === 'gated' ? mlp.gate.out : mlp.kind === 'plain' ? mlp.up.out : mlp.gateUp.out / 2;
  return {
    hidden: spec.hidden,
    inner,
    layers: spec.layers.length,
    heads: attention.heads,
    kvHeads: attention.kvHeads,
    headDim: attention.headDim,
    ropeDim: spec.layers.find((layer) => layer.attention.rope)?.attention.rope?.dim ?? attention.headDim,
    context: spec.contextLength,
    vocab: spec.vocabSize,
  };
}

/**
 * Writes the file, reads its metadata back and compares what it computes with what the model computes.
 * @returns how other programs will differ from the model's own
 * @throws HumanError for a family, a tokenizer or a config that GGUF cannot express; no file is left then.
 */
export async function writeGguf(
  file: string,
  model: Pick<ModelFolder, 'path' | 'folder' | 'config' | 'tensors' | 'hasTokenizer'>,
  { type, changed }: WriteGgufOptions,
): Promise<string[]> {
  const { spec: whole, parts } = inParts(decoderSpec(model.config));
  const architecture = ggufArchitecture(whole);
  const spec = architecture.windows ? whole : withinWindow(whole);
  const sizes = sizesOf(spec);
  const config: JsonObject = isObject(model.config.text_config) ? model.config.text_config : model.config;
  const { entries, tensors: extra } = ggufMetadata(architecture, spec, config, sizes);
  const twoNorms = spec.family === 'falcon' && spec.layers[0].mlpIn !== undefined;
  const stacked = new Map<string, GgufTensorToWrite[]>();
  const numbers = new Map(
    Object.entries(architecture.numbers ?? {}).map(([key, { only }]): [string, number[]] => [
      key,
      only === undefined ? [] : new Array<number>(sizes.layers).fill(only),
    ]),
  );
  for (const [parameter, shape] of parameters(spec)) {
    const module = parameter.slice(0, parameter.lastIndexOf('.'));
    const part = parts.get(module) ?? { module, index: 0, count: 1 };
    const there = parameter.replace(module, part.module);
    const info = findTensor(model.tensors, there, [shape[0] * part.count, ...shape.slice(1)]);
    const valuesOf = async (): Promise<Float32Array> =>
      partOf((await changed?.(info)) ?? (await readFloat32(info)), part);
    const key = numberKey(architecture, parameter);
    if (key !== undefined) {
      numbers.get(key)!.push(...(await valuesOf()));
      continue;
    }
    const found = ggufName(architecture, parameter, twoNorms);
    if (!found)
      throw new HumanError(`GGUF has no name for this tensor.`, {
        place: `${info.file}: ${info.name}`,
        remedy: 'Export as safetensors instead.',
      });
    const change = architecture.change?.(found.local, sizes);
    const stored = change?.kind === 'transpose' ? [...shape].reverse() : shape;
    const tensor: GgufTensorToWrite = {
      name: found.name,
      shape: stored,
      type: typeFor(type, stored),
      values: async () => {
        const values = await valuesOf();
        return change ? toGgufOrder(values, change, shape[0], `${info.file}: ${info.name}`) : values;
      },
    };
    stacked.set(found.name, [...(stacked.get(found.name) ?? []), tensor]);
  }
  checkPlaces(architecture, spec, new Set([...extra.map(({ name }) => name), ...stacked.keys()]));
  const tensors = [...stacked.values()].map((rows) => (rows.length === 1 ? rows[0] : stack(rows)));
  const tokenizer = model.hasTokenizer
    ? await tokenizerMetadata(model.folder, sizes.vocab)
    : { entries: { 'tokenizer.ggml.model': { text: 'no_vocab' } }, notes: [], rename: (given: string) => given };
  await writeGgufFile(
    file,
    {
      'general.architecture': { text: architecture.name },
      'general.type': { text: 'model' },
      'general.name': { text: tokenizer.rename(basename(model.path)) },
      'general.file_type': { u32: WRITTEN_TYPES[type].fileType },
      'general.quantization_version': { u32: 2 },
      ...entries,
      ...Object.fromEntries([...numbers].map(([key, f32s]) => [key, { f32s }])),
      ...tokenizer.entries,
    },
    [...extra, ...tensors],
  );
  await checkMeaning(file, spec).catch(async (error: unknown) => {
    await rm(file, { force: true });
    throw error;
  });
  return tokenizer.notes;
}

/** llama.cpp loads no file with a tensor more or less than it has a place for. */
function checkPlaces(
  { name: arch, biases = { may: [] }, head, ropeTensors = [] }: Architecture,
  spec: DecoderSpec,
  tensors: ReadonlySet<string>,
): void {
  const reject = (what: string): never => {
    throw new HumanError(`llama.cpp does not load the architecture ${arch} ${what}.`, {
      place: 'config.json',
      remedy: 'Export as safetensors instead.',
    });
  };
  if (head && (head === 'tied') !== spec.head.tied)
    reject(head === 'own' ? 'with a tied head' : 'with a head of its own');
  for (const name of ROPE_TENSORS) if (tensors.has(name) && !ropeTensors.includes(name)) reject(`with ${name}`);
  const linear = ['attn_qkv', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
  for (const name of linear.filter((layer) => tensors.has(`blk.0.${layer}.weight`))) {
    const has = tensors.has(`blk.0.${name}.bias`);
    const must = 'must' in biases && biases.must.includes(name);
    if (has && !must && !(name === 'attn_qkv' || ('may' in biases && biases.may.includes(name))))
      reject(`with a bias in ${name}`);
    if (!has && must) reject(`without a bias in ${name}`);
  }
}

/** Where GGUF cannot express windows: up to their length they change nothing, so that becomes the context. */
function withinWindow(spec: DecoderSpec): DecoderSpec {
  const windows = spec.layers.map(({ attention }) => attention.window ?? Infinity);
  return { ...spec, contextLength: Math.min(spec.contextLength, ...windows) };
}

/** Tensors of one name as rows of one. */
const stack = (rows: GgufTensorToWrite[]): GgufTensorToWrite => ({
  ...rows[0],
  shape: [rows.length, ...rows[0].shape],
  values: async () => {
    const all = await Promise.all(rows.map(({ values }) => values()));
    const out = new Float32Array(sum(all.map(({ length }) => length)));
    all.forEach((values, row) => out.set(values, row * values.length));
    return out;
  },
});

function typeFor(type: WrittenType, shape: readonly number[]): WrittenType {
  if (shape.length < 2) return 'F32';
  return shape.at(-1)! % WRITTEN_TYPES[type].block === 0 ? type : 'F16';
}

/** What the written metadata mean is what the model's config means, down to the frequencies of rope. */
async function checkMeaning(file: string, spec: DecoderSpec): Promise<void> {
  const back = decoderSpec((await planConversion(file)).config);
  const meaning = ({ family: _family, architecture: _architecture, ...rest }: DecoderSpec): unknown =>
    JSON.parse(
      JSON.stringify(rest, (key, value: unknown) =>
        key === 'theta' || (key === 'window' && (value as number) >= rest.contextLength) ? undefined : alike(value),
      ),
    );
  const [before, after] = [meaning(spec), meaning(back)];
  if (isDeepStrictEqual(before, after)) return;
  throw new HumanError(`this config cannot be expressed in GGUF (${firstDifference(before, after, '')}).`, {
    place: file,
    remedy: 'Export as safetensors instead.',
    kind: 'failed',
  });
}

/** Metadata are float32; frequencies may differ in their last bits. */
const alike = (value: unknown): unknown => {
  if (typeof value === 'string') return textName(value);
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
};

function firstDifference(a: unknown, b: unknown, path: string): string {
  if (typeof a === 'object' && typeof b === 'object' && a && b) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const [x, y] = [(a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]];
      if (!isDeepStrictEqual(x, y)) return firstDifference(x, y, path === '' ? key : `${path}.${key}`);
    }
  }
  return `${path}: ${String(JSON.stringify(a)).slice(0, 60)} becomes ${String(JSON.stringify(b)).slice(0, 60)}`;
}
