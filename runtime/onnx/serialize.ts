import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Graph, Initializer, Node, Value } from './graph.js';
import { DOMAINS, type Attribute } from './operators.js';
import { dtypeNumber } from './ops.js';
import { onnxScan } from './scan.js';

/** ONNX versions we write. */
const IR_VERSION = 10;
const OPSET = 21;

type Write = (w: BinaryWriter) => void;
const message = (w: BinaryWriter, field: number, write: Write): void => {
  w.tag(field, WireType.LengthDelimited).fork();
  write(w);
  w.join();
};
const string = (w: BinaryWriter, field: number, value: string): BinaryWriter =>
  w.tag(field, WireType.LengthDelimited).string(value);
const int = (w: BinaryWriter, field: number, value: number): BinaryWriter => w.tag(field, WireType.Varint).int64(value);
const entry = (w: BinaryWriter, field: number, key: string, value: string): void =>
  message(w, field, () => {
    string(w, 1, key);
    string(w, 2, value);
  });

function writeAttribute(w: BinaryWriter, name: string, a: Attribute): void {
  string(w, 1, name);
  if (typeof a === 'number') int(int(w, 3, a), 20, 2);
  else if (typeof a === 'string') int(string(w, 4, a), 20, 3);
  else if ('float' in a) int(w.tag(2, WireType.Bit32).float(a.float), 20, 1);
  else if ('nodes' in a) {
    message(w, 6, () => writeGraph(w, a, sortedLateFirst(a.nodes)));
    int(w, 20, 5);
  } else {
    for (const i of a) int(w, 8, i);
    int(w, 20, 7);
  }
}

function writeNode(w: BinaryWriter, node: Node): void {
  const { inputs, attributes } = node.op === 'Scan' ? onnxScan(node) : node;
  for (const v of inputs) string(w, 1, v.name);
  for (const v of node.outputs) string(w, 2, v.name);
  // onnxruntime requires unique node names; the first output's is, and starts with the node's own
  string(w, 3, node.outputs[0].name);
  string(w, 4, node.op);
  for (const [name, a] of Object.entries<Attribute>(attributes)) message(w, 5, () => writeAttribute(w, name, a));
  const domain = DOMAINS[node.op];
  if (domain !== undefined) string(w, 7, domain);
}

function writeTensor(w: BinaryWriter, { value, data }: Initializer): void {
  for (const dim of value.shape) int(w, 1, Number(dim));
  int(w, 2, dtypeNumber(value.dtype));
  string(w, 8, value.name);
  if (data.kind === 'inline') w.tag(9, WireType.LengthDelimited).bytes(data.bytes);
  else {
    entry(w, 13, 'location', data.file);
    entry(w, 13, 'offset', String(data.offset));
    entry(w, 13, 'length', String(data.bytes));
    int(w, 14, 1);
  }
}

function writeValue(w: BinaryWriter, value: Value): void {
  string(w, 1, value.name);
  message(w, 2, () =>
    message(w, 1, () => {
      int(w, 1, dtypeNumber(value.dtype));
      message(w, 2, () => {
        for (const dim of value.shape)
          message(w, 1, () => (typeof dim === 'number' ? int(w, 1, dim) : string(w, 2, dim)));
      });
    }),
  );
}

/** Nodes after those that they read from, as a body must have them, and otherwise late ones first (see `serialize`). */
function sortedLateFirst(nodes: readonly Node[]): Node[] {
  const madeHere = new Set(nodes.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
  const left = [...nodes];
  const sorted: Node[] = [];
  while (left.length > 0) {
    const at = left.findLastIndex(({ inputs }) => inputs.every(({ name }) => !madeHere.has(name)));
    const [node] = left.splice(at, 1);
    for (const { name } of node.outputs) madeHere.delete(name);
    sorted.push(node);
  }
  return sorted;
}

function writeGraph(w: BinaryWriter, graph: Graph, nodes: readonly Node[]): void {
  for (const node of nodes) message(w, 1, () => writeNode(w, node));
  string(w, 2, graph.name);
  for (const initializer of graph.initializers) message(w, 5, () => writeTensor(w, initializer));
  for (const v of graph.inputs) message(w, 11, () => writeValue(w, v));
  for (const v of graph.outputs) message(w, 12, () => writeValue(w, v));
  // onnxruntime infers the shapes of all values; where they are given it does not invent and compare names for dims,
  // which takes seconds for a few thousand nodes
  const outputs = new Set(graph.outputs.map((v) => v.name));
  for (const node of nodes)
    for (const v of node.outputs) if (!outputs.has(v.name)) message(w, 13, () => writeValue(w, v));
}

/**
 * The graph as a ModelProto (onnx.proto), little-endian as ONNX asks.
 *
 * onnxruntime (default order, GraphViewer) does not run nodes as they stand in the file: it goes depth-first from the
 * results and takes the input whose node stands last in the file first. Nodes in the file's usual order thus run late
 * work early: casts of all weights before the forward pass, weight gradients after the whole backward pass, with
 * everything they need kept alive. For `order: 'execution'` the last node is written first, so that a run follows
 * `graph.nodes`: half the memory of a training step. `'standard'` is the order the ONNX specification asks for, for
 * files that other programs read.
 */
export function serialize(
  graph: Graph,
  options: { metadata?: Record<string, string>; order?: 'execution' | 'standard' } = {},
): Uint8Array {
  const { metadata = {}, order = 'execution' } = options;
  const nodes = order === 'execution' ? [...graph.nodes].reverse() : graph.nodes;
  const w = new BinaryWriter();
  int(w, 1, IR_VERSION);
  string(w, 2, 'security-vectors');
  message(w, 7, () => writeGraph(w, graph, nodes));
  message(w, 8, () => {
    string(w, 1, '');
    int(w, 2, OPSET);
  });
  for (const domain of new Set(graph.nodes.flatMap(({ op }) => DOMAINS[op] ?? [])))
    message(w, 8, () => {
      string(w, 1, domain);
      int(w, 2, 1);
    });
  for (const [key, value] of Object.entries(metadata)) entry(w, 14, key, value);
  return w.finish();
}
