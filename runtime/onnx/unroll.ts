import { Builder, type Graph, type Node, type NodeOf, type Value } from './graph.js';
import { Add, Concat, Gather, Unsqueeze } from './ops.js';
import { mapValues, Renaming } from './rewrite.js';
import { runsOf, scanInputs } from './scan.js';
import { namesOf, numberOf, product, type Dim } from './shapes.js';

/** The dims that say how often the bodies of a graph run, each with an axis of an input that has it. */
export function scanCounts(graph: Graph): { readonly dim: Dim; readonly input: string; readonly axis: number }[] {
  const dims = new Set(graph.nodes.flatMap((node) => (node.op === 'Scan' ? [runsOf(node)] : [])));
  return [...dims].map((dim) => {
    const from = graph.inputs.find(({ shape }) => shape.includes(dim));
    if (!from) throw new Error(`${graph.name}: no input tells how often a Scan runs (${dim})`);
    return { dim, input: from.name, axis: from.shape.indexOf(dim) };
  });
}

/**
 * The same graph without Scans, for a device that has none: each body as often as it runs, one run behind the other, so
 * that what a run computes is freed before the next, as in a Scan.
 * @param times how often a body runs, by the dim that says so
 */
export function unrollScans(graph: Graph, times: (count: Dim) => number): Graph {
  const reserved = graph.nodes.flatMap(({ outputs }) => outputs.map(({ name }) => name));
  const g = new Builder(graph.name, { from: { ...graph, nodes: [] }, reserved });
  const names = new Renaming(g);
  graph.nodes.forEach((node, i) => {
    if (node.op !== 'Scan') return g.append(node);
    const first = g.nodes.length;
    const results = g.named(node.name, () => runs(g, node, times(runsOf(node)), String(i)));
    results.forEach((y, j) => names.set(y, node.outputs[j].name, first));
  });
  return withoutRepeats(names.apply(g.graph()));
}

/** The graph without integers that were computed before: all layers cut their keys at the same places. */
function withoutRepeats(graph: Graph): Graph {
  const kept = new Set(graph.outputs.map(({ name }) => name));
  const known = new Map<string, Node>();
  const same = new Map<string, Value>();
  const nodes = graph.nodes.filter((node) => {
    const { op, inputs, outputs, attributes } = node;
    if (outputs.some(({ name, dtype }) => dtype !== 'int64' || kept.has(name))) return true;
    // of a shape the dims are enough: a name means one size
    const read = op === 'Shape' ? inputs[0].shape : inputs.map(({ name }) => same.get(name)?.name ?? name);
    const key = JSON.stringify([op, attributes, read]);
    const before = known.get(key);
    if (before) outputs.forEach(({ name }, i) => same.set(name, before.outputs[i]));
    else known.set(key, node);
    return !before;
  });
  return mapValues({ ...graph, nodes }, (value) => same.get(value.name) ?? value);
}

/** The results of a Scan, from as many copies of its body's nodes. @param id part of the names of what is inside */
function runs(g: Builder, node: NodeOf<'Scan'>, times: number, id: string): Value[] {
  const { body, sums } = node.attributes;
  const { from, slices, whole } = scanInputs(node);
  const constants = body.initializers.map(({ value, data }): [string, Value] => {
    if (data.kind !== 'inline') throw new Error(`Scan (${node.name}) reads a weight within its body`);
    return [value.name, g.constant(value.dtype, value.shape, data.bytes)];
  });
  const around = new Set([...node.inputs, ...node.outputs].flatMap(({ shape }) => shape.flatMap(namesOf)));
  let totals = from;
  const stacks = body.outputs.slice(sums).map((): Value[] => []);
  for (let run = 0; run < times; run++) {
    const given = [...slices.map((x) => Gather(g, x, g.int(run))), ...whole];
    const known = new Map([...constants, ...body.inputs.map(({ name }, i): [string, Value] => [name, given[i]])]);
    // a dim of the body alone, such as the keys that a block meets, has another size in each run, and the same in all
    // bodies that run so often; many names take onnxruntime long to load
    const renamed = (name: string): string => (around.has(name) ? name : `${name}_${runsOf(node)}${run}`);
    const dim = (one: Dim): Dim => product([numberOf(one), ...namesOf(one).map(renamed)]);
    const { nodes, outputs } = mapValues(
      body,
      (value) => known.get(value.name) ?? { ...value, name: `${value.name}:${id}:${run}`, shape: value.shape.map(dim) },
    );
    for (const one of nodes) g.append(one);
    totals = totals.map((total, i) => Add(g, total, outputs[i]));
    stacks.forEach((stack, i) => stack.push(Unsqueeze(g, outputs[sums + i], [0])));
  }
  const stacked = stacks.map((stack, i) => Concat(g, stack, 0, node.outputs[sums + i].shape[0]));
  return [...totals, ...stacked];
}
