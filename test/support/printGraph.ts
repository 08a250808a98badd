import type { Graph, Value } from '../../runtime/onnx/graph.js';
import type { Attribute } from '../../runtime/onnx/operators.js';
import { shapeText } from '../../runtime/onnx/shapes.js';

const typed = (v: Value): string => `${v.name}: ${v.dtype}${shapeText(v.shape)}`;
function attribute(a: Attribute): string {
  if (typeof a !== 'object') return String(a);
  if ('float' in a) return String(a.float);
  if ('nodes' in a) return `{\n${printGraph(a).replace(/^/gm, '    ')}}`;
  return `[${a.join(', ')}]`;
}

/** The graph as text, one node a line. */
export function printGraph(graph: Graph): string {
  const lines = [`graph ${graph.name}`];
  for (const v of graph.inputs) lines.push(`  input ${typed(v)}`);
  for (const { value, data } of graph.initializers) {
    lines.push(
      `  ${data.kind === 'external' ? `weight ${typed(value)} = ${data.file}@${data.offset}` : `constant ${typed(value)} = ${data.bytes.length} bytes`}`,
    );
  }
  for (const node of graph.nodes) {
    const attributes = Object.entries<Attribute>(node.attributes).map(([key, a]) => `${key}=${attribute(a)}`);
    lines.push(
      `  ${node.outputs.map(typed).join(', ')} = ${node.op}(${[...node.inputs.map((v) => v.name), ...attributes].join(', ')})`,
    );
  }
  lines.push(`  return ${graph.outputs.map((v) => v.name).join(', ')}`);
  return `${lines.join('\n')}\n`;
}
