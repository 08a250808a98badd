/** Granite 4 in GGUF: Granite, whose MLP has other names and gate and up in layers of their own. */
import { layersOf, type DecoderSpec, type LinearSpec } from '../../../decoder/spec.js';

/** Rows of a layer: the `index`th of `count` equal parts of `module`. */
interface Part {
  module: string;
  index: number;
  count: number;
}

/** The model as GGUF has it, and where the layers are to be found that it has otherwise, by their names there. */
export function inParts(spec: DecoderSpec): { spec: DecoderSpec; parts: ReadonlyMap<string, Part> } {
  const parts = new Map<string, Part>();
  if (spec.family !== 'granitemoehybrid') return { spec, parts };
  const layers = layersOf(spec.layers.length, (i) => {
    const layer = spec.layers[i];
    const { mlp } = layer;
    if (mlp.kind !== 'gated-fused') return layer;
    const name = `${layer.name}.mlp`;
    const part = (own: string, of: LinearSpec, index: number, count: number): LinearSpec => {
      parts.set(`${name}.${own}`, { module: of.name, index, count });
      return { ...of, name: `${name}.${own}`, out: of.out / count };
    };
    const gate = part('gate_proj', mlp.gateUp, 0, 2);
    const up = part('up_proj', mlp.gateUp, 1, 2);
    const down = part('down_proj', mlp.down, 0, 1);
    return { ...layer, mlp: { name, kind: 'gated', activation: mlp.activation, gate, up, down } };
  });
  return { spec: { ...spec, layers }, parts };
}

/** The layers that are parts of one in GGUF, or that one itself. */
export function partsOf(parts: ReadonlyMap<string, Part>, module: string): [name: string, part: Part][] {
  const found = [...parts].filter(([, part]) => part.module === module);
  return found.length > 0 ? found : [[module, { module, index: 0, count: 1 }]];
}

export function partOf(values: Float32Array, { index, count }: Pick<Part, 'index' | 'count'>): Float32Array {
  const length = values.length / count;
  return values.subarray(index * length, (index + 1) * length);
}
