import type { AttributeArgument, AttributesOf, InputsOf, Op, OutputsOf } from './operators.js';
import { namesOf, numberOf, shapeText, type Dim, type Shape } from './shapes.js';

export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'uint8'
  | 'uint4'
  | 'int8'
  | 'bool';
export type FloatType = 'float32' | 'float64';

/** A tensor between two nodes. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface NodeOf<O extends Op> {
  readonly op: O;
  /** Where it belongs: `layers.0/attention/q_proj`; a backward node has its forward node's name with `'` after it. */
  readonly name: string;
  readonly inputs: InputsOf<O>;
  readonly outputs: OutputsOf<O>;
  readonly attributes: AttributesOf<O>;
}
/** A node of any operator; `node.op` tells the compiler which inputs and attributes it has. */
export type Node = { [O in Op]: NodeOf<O> }[Op];

/** Where the bytes of a constant are: in the graph, or at a place in a file of the model's folder (read in place). */
export type TensorData =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'external'; readonly file: string; readonly offset: number; readonly bytes: number };

export interface Initializer {
  readonly value: Value;
  readonly data: TensorData;
}

/** A graph is data: nodes in order, each after the nodes it reads from. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly initializers: readonly Initializer[];
  readonly nodes: readonly Node[];
}

/** An output of a node to be added; without a name it gets one. */
interface NewValue {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly name?: string;
}

/**
 * Builds a graph, or continues one (`new Builder(name, { from })`). It knows names, constants and dims; ops.ts
 * knows what an operator does with shapes.
 */
export class Builder {
  readonly name: string;
  /** dtype of all computed floats: float32, or float64 where rules are proven. */
  readonly float: FloatType;
  readonly inputs: Value[] = [];
  readonly initializers: Initializer[] = [];
  readonly outputs: Value[] = [];
  private readonly list: Node[] = [];
  /** The node that makes a value, by the value's name. */
  private readonly producers = new Map<string, Node>();
  private readonly names: Set<string>;
  /** The number to try next behind a name: those before it are taken. */
  private readonly numbers = new Map<string, number>();
  private readonly constants = new Map<string, Value>();
  private readonly dims = new Map<string, Value>();
  private readonly sources = new Map<string, { value: Value; axis: number }>();
  private path: string[] = [];
  private fixedName: string | undefined;

  /** @param options `reserved`: names that no new value may have. */
  constructor(name: string, options: { float?: FloatType; from?: Graph; reserved?: Iterable<string> } = {}) {
    this.name = name;
    this.float = options.float ?? 'float32';
    this.names = new Set(options.reserved);
    const from = options.from;
    if (from) {
      for (const value of from.inputs) this.adopt(value);
      this.initializers.push(...from.initializers);
      for (const { value } of from.initializers) this.names.add(value.name);
      for (const node of from.nodes) this.append(node);
      this.outputs.push(...from.outputs);
    }
  }

  get nodes(): readonly Node[] {
    return this.list;
  }

  /** The node that makes a value; undefined for inputs and initializers. */
  producer(value: Value): Node | undefined {
    return this.producers.get(value.name);
  }

  /** Adds a node of another graph unchanged. */
  append(node: Node): void {
    this.list.push(node);
    for (const value of node.outputs) {
      this.names.add(value.name);
      this.producers.set(value.name, node);
      this.measure(value, false);
    }
  }

  private adopt(value: Value): Value {
    this.inputs.push(value);
    this.names.add(value.name);
    this.measure(value, true);
    return value;
  }

  /** Dims are read from the first value that has them: products of several names from inputs only. */
  private measure(value: Value, products: boolean): void {
    value.shape.forEach((dim, axis) => {
      if (typeof dim !== 'string' || this.sources.has(dim)) return;
      if (products || (namesOf(dim).length === 1 && numberOf(dim) === 1)) this.sources.set(dim, { value, axis });
    });
  }

  /** A name that is not used yet. */
  unique(base: string): string {
    let name = base;
    if (this.names.has(base)) {
      let i = this.numbers.get(base) ?? 2;
      do name = `${base}.${i++}`;
      while (this.names.has(name));
      this.numbers.set(base, i);
    }
    this.names.add(name);
    return name;
  }

  /** Names of nodes added inside start with `name/`. */
  scope<T>(name: string, body: () => T): T {
    this.path.push(name);
    try {
      return body();
    } finally {
      this.path.pop();
    }
  }

  /** Nodes added inside have exactly this name (backward nodes carry their forward node's). */
  named<T>(name: string, body: () => T): T {
    const before = this.fixedName;
    this.fixedName = name;
    try {
      return body();
    } finally {
      this.fixedName = before;
    }
  }

  /** A graph input. The first input with a dim named `B` is where `B` is read from. */
  input(name: string, dtype: DType, shape: Shape): Value {
    if (this.names.has(name)) throw new Error(`the graph ${this.name} has "${name}" twice`);
    return this.adopt({ name, dtype, shape: [...shape] });
  }

  /** An input for a value of another graph: of its type, and named like it. */
  argument({ name, dtype }: Value, shape: Shape): Value {
    return this.adopt({ name: this.unique(name), dtype, shape: [...shape] });
  }

  output(value: Value): void {
    if (!this.outputs.includes(value)) this.outputs.push(value);
  }

  /** Gives a value a name of its own in the outputs (`loss`), whatever node made it. */
  outputAs(name: string, value: Value): Value {
    const named = this.add('Identity', [value], { ...value, name });
    this.outputs.push(named);
    return named;
  }

  /** Adds a node with one output; ops.ts is the usual way. */
  add<O extends Op>(op: O, inputs: InputsOf<O>, output: NewValue, ...[attributes]: AttributeArgument<O>): Value {
    const y = this.value(op, output);
    this.push(op, inputs, [y], attributes);
    return y;
  }

  /** Adds a node with any number of outputs. */
  addMany<O extends Op>(
    op: O,
    inputs: InputsOf<O>,
    outputs: readonly NewValue[],
    ...[attributes]: AttributeArgument<O>
  ): Value[] {
    const values = outputs.map((output) => this.value(op, output));
    this.push(op, inputs, values, attributes);
    return values;
  }

  /** Adds the node of a value again: the same in another place. */
  repeat(node: Node, value: Value): Value {
    return this.repeatAll(node)[node.outputs.findIndex(({ name }) => name === value.name)];
  }

  /** The same, with all outputs. */
  repeatAll({ op, inputs, outputs, attributes }: Node): Value[] {
    const again = outputs.map(({ dtype, shape }) => this.value(op, { dtype, shape }));
    this.push(op, inputs, again, attributes);
    return again;
  }

  private value(op: Op, { name, dtype, shape }: NewValue): Value {
    if (name !== undefined && this.names.has(name)) throw new Error(`the graph ${this.name} has "${name}" twice`);
    return { name: name ?? this.unique(this.where ? `${this.where}/${op}` : op), dtype, shape: [...shape] };
  }

  /** A builder for the body of a node added here: its nodes have the same names. */
  body(name: string): Builder {
    const body = new Builder(name, { float: this.float });
    body.fixedName = this.where;
    return body;
  }

  private get where(): string {
    return this.fixedName ?? this.path.join('/');
  }

  private push(op: Op, inputs: readonly Value[], outputs: readonly Value[], attributes: unknown = {}): void {
    this.append({ op, name: this.where, inputs, outputs, attributes } as Node);
  }

  /** A constant of the compute type, shape [] or [n]; equal constants are one. */
  scalar(value: number, dtype: FloatType = this.float): Value {
    return this.constant(dtype, [], dtype === 'float64' ? new Float64Array([value]) : new Float32Array([value]));
  }

  /** An int64 constant of shape [n]. */
  ints(values: readonly number[]): Value {
    return this.constant('int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** An int64 constant of shape []. */
  int(value: number): Value {
    return this.constant('int64', [], BigInt64Array.of(BigInt(value)));
  }

  /** The data of an initializer; undefined for other values. */
  initializer(value: Value): TensorData | undefined {
    return this.initializers.find((i) => i.value.name === value.name)?.data;
  }

  /** A constant in the graph. Small equal ones are shared. */
  constant(dtype: DType, shape: Shape, data: ArrayBufferView, name?: string): Value {
    const bytes = new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer);
    const key =
      bytes.length <= 64 && name === undefined
        ? `${dtype}${shapeText(shape)}${Buffer.from(bytes).toString('hex')}`
        : undefined;
    const known = key === undefined ? undefined : this.constants.get(key);
    if (known) return known;
    const value: Value = { name: this.unique(name ?? 'constant'), dtype, shape: [...shape] };
    this.initializers.push({ value, data: { kind: 'inline', bytes } });
    if (key !== undefined) this.constants.set(key, value);
    return value;
  }

  /** A weight that is read in place: `bytes` at `offset` of `file`, relative to the model's folder. */
  external(name: string, dtype: DType, shape: Shape, place: { file: string; offset: number; bytes: number }): Value {
    if (this.names.has(name)) throw new Error(`the graph ${this.name} has "${name}" twice`);
    this.names.add(name);
    const value: Value = { name, dtype, shape: [...shape] };
    this.initializers.push({ value, data: { kind: 'external', ...place } });
    return value;
  }

  /** An int64 value of shape [1] with the size of a dim. */
  dim(dim: Dim): Value {
    if (typeof dim === 'number') return this.ints([dim]);
    const known = this.dims.get(dim);
    if (known) return known;
    const names = namesOf(dim);
    const source = this.sources.get(dim);
    let value: Value;
    if (source) {
      const { value: x, axis } = source;
      value = this.named('dims', () =>
        this.add('Shape', [x], { dtype: 'int64', shape: [1] }, { start: axis, end: axis + 1 }),
      );
    } else {
      if (names.length === 1 && numberOf(dim) === 1)
        throw new Error(`no input of the graph ${this.name} has the dim ${dim}`);
      const parts = [...names, ...(numberOf(dim) === 1 ? [] : [numberOf(dim)])].map((part) => this.dim(part));
      value = parts.reduce((a, b) => this.named('dims', () => this.add('Mul', [a, b], { dtype: 'int64', shape: [1] })));
    }
    this.dims.set(dim, value);
    return value;
  }

  /**
   * An int64 value of shape [rank] with the sizes of a shape. A constant where at most one dim has a name, if `infer`
   * allows −1 for it.
   */
  shape(shape: Shape, infer = false): Value {
    const symbolic = shape.filter((dim) => typeof dim === 'string');
    if (symbolic.length === 0 || (infer && symbolic.length === 1))
      return this.ints(shape.map((dim) => (typeof dim === 'string' ? -1 : dim)));
    const key = shapeText(shape);
    const known = this.dims.get(key);
    if (known) return known;
    const parts = shape.map((dim) => this.dim(dim));
    const value = this.named('dims', () =>
      this.add('Concat', parts, { dtype: 'int64', shape: [shape.length] }, { axis: 0 }),
    );
    this.dims.set(key, value);
    return value;
  }

  graph(): Graph {
    return {
      name: this.name,
      inputs: [...this.inputs],
      outputs: [...this.outputs],
      initializers: [...this.initializers],
      nodes: [...this.list],
    };
  }
}
