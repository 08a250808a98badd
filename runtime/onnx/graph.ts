import { namesOf, numberOf, product, shapeText, type Dim, type Shape } from './shapes.js';

export type DType = 'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'uint8' | 'int8' | 'bool';
export type FloatType = 'float32' | 'float64';

/** A tensor between two nodes. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export type Attribute = number | { readonly float: number } | string | readonly number[];

export interface Node {
  /** ONNX operator name. */
  readonly op: string;
  /** Where it stands: `layers.0/attention/q_proj`; a backward node has its forward node's name with `'` behind it. */
  readonly name: string;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  /** Integers are INT, `{float}` is FLOAT, arrays are INTS. */
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Operator domain; '' is ONNX's own. */
  readonly domain?: string;
}

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

/**
 * Builds a graph, or goes on building one (`new Builder(name, { from })`). Knows names, constants and dims; what an
 * operator does with shapes stands in ops.ts.
 */
export class Builder {
  readonly name: string;
  /** dtype of all computed floats: float32, or float64 where rules are proven. */
  readonly float: FloatType;
  readonly inputs: Value[] = [];
  readonly initializers: Initializer[] = [];
  readonly nodes: Node[] = [];
  readonly outputs: Value[] = [];
  private readonly names = new Set<string>();
  private readonly constants = new Map<string, Value>();
  private readonly dims = new Map<string, Value>();
  private readonly sources = new Map<string, { value: Value; axis: number }>();
  private path: string[] = [];
  private fixedName: string | undefined;

  constructor(name: string, options: { float?: FloatType; from?: Graph } = {}) {
    this.name = name;
    this.float = options.float ?? 'float32';
    const from = options.from;
    if (from) {
      for (const value of from.inputs) this.adopt(value);
      this.initializers.push(...from.initializers);
      for (const { value } of from.initializers) this.names.add(value.name);
      this.nodes.push(...from.nodes);
      for (const node of from.nodes) for (const value of node.outputs) this.names.add(value.name);
      this.outputs.push(...from.outputs);
    }
  }

  private adopt(value: Value): Value {
    this.inputs.push(value);
    this.names.add(value.name);
    value.shape.forEach((dim, axis) => {
      if (typeof dim === 'string' && namesOf(dim).length === 1 && numberOf(dim) === 1 && !this.sources.has(dim)) {
        this.sources.set(dim, { value, axis });
      }
    });
    return value;
  }

  /** A name nobody has yet. */
  unique(base: string): string {
    let name = base;
    for (let i = 2; this.names.has(name); i++) name = `${base}.${i}`;
    this.names.add(name);
    return name;
  }

  /** Names of nodes made inside start with `name/`. */
  scope<T>(name: string, body: () => T): T {
    this.path.push(name);
    try {
      return body();
    } finally {
      this.path.pop();
    }
  }

  /** Nodes made inside have exactly this name (backward nodes carry their forward node's). */
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

  output(value: Value): void {
    if (!this.outputs.includes(value)) this.outputs.push(value);
  }

  /** Gives a value a name of its own in the outputs (`loss`), whatever node made it. */
  outputAs(name: string, value: Value): Value {
    const [named] = this.add('Identity', [value], [{ dtype: value.dtype, shape: value.shape, name }]);
    this.outputs.push(named!);
    return named!;
  }

  /** Adds a node; ops.ts is the usual way. */
  add(
    op: string,
    inputs: readonly (Value | null)[],
    outputs: readonly { dtype: DType; shape: Shape; name?: string }[],
    attributes: Record<string, Attribute> = {},
    domain = '',
  ): Value[] {
    const where = this.fixedName ?? this.path.join('/');
    const values = outputs.map(({ dtype, shape, name }): Value => {
      const unique = name ?? this.unique(where ? `${where}/${op}` : op);
      if (name !== undefined && this.names.has(name)) throw new Error(`the graph ${this.name} has "${name}" twice`);
      this.names.add(unique);
      return { name: unique, dtype, shape: [...shape] };
    });
    this.nodes.push({ op, name: where, inputs, outputs: values, attributes, ...(domain ? { domain } : {}) });
    return values;
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

  /** A weight that stays where it is: `bytes` at `offset` of `file`, relative to the model's folder. */
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
    let value: Value;
    if (names.length === 1 && numberOf(dim) === 1) {
      const source = this.sources.get(dim);
      if (!source) throw new Error(`no input of the graph ${this.name} has the dim ${dim}`);
      value = this.named(
        'dims',
        () =>
          this.add('Shape', [source.value], [{ dtype: 'int64', shape: [1] }], {
            start: source.axis,
            end: source.axis + 1,
          })[0]!,
      );
    } else {
      const parts = [...names, ...(numberOf(dim) === 1 ? [] : [numberOf(dim)])].map((part) => this.dim(part));
      value = parts.reduce((a, b) =>
        this.named('dims', () => this.add('Mul', [a, b], [{ dtype: 'int64', shape: [1] }])[0]!),
      );
    }
    this.dims.set(dim, value);
    return value;
  }

  /** An int64 value of shape [rank] with the sizes of a shape. A constant where at most one dim has a name, if `infer` allows −1 for it. */
  shape(shape: Shape, infer = false): Value {
    const symbolic = shape.filter((dim) => typeof dim === 'string');
    if (symbolic.length === 0 || (infer && symbolic.length === 1))
      return this.ints(shape.map((dim) => (typeof dim === 'string' ? -1 : dim)));
    const key = shapeText(shape);
    const known = this.dims.get(key);
    if (known) return known;
    const parts = shape.map((dim) => this.dim(dim));
    const value = this.named(
      'dims',
      () => this.add('Concat', parts, [{ dtype: 'int64', shape: [shape.length] }], { axis: 0 })[0]!,
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
      nodes: [...this.nodes],
    };
  }
}

/** Elements of a shape, as a dim. */
export const sizeOf = (value: Value): Dim => product(value.shape);
