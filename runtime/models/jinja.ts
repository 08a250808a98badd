import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';

/**
 * Jinja as Jinja2 and Python run it. @huggingface/jinja 0.5 is JavaScript underneath: `'' != false` is false there,
 * `strip('\n')` takes all white space, a name set in one round of a loop is still set in the next, `{{ true }}` writes
 * "true". Where it knows less than Jinja2 it fails, which is left alone; here is where it writes something else.
 */
export type Program = ReturnType<typeof parse>;
export type Value = ReturnType<Interpreter['evaluate']>;
type Statement = NonNullable<Parameters<Interpreter['evaluate']>[0]>;

/** A node of the library's tree, as far as it is read here. */
interface Node {
  type: string;
  [field: string]: unknown;
}

/** The class of the library's values for this one; it does not export them. */
const classOf = <T>(example: unknown): new (value: T) => Value & { value: T } =>
  new Environment().set('example', example).constructor as new (value: T) => Value & { value: T };
const Text = classOf<string>('');
const Bool = classOf<boolean>(true);
const Whole = classOf<number>(1);
const Float = classOf<number>(0.5);
const List = classOf<Value[]>([]);
const Dict = classOf<Map<string, Value>>({});
const Nothing = classOf<null>(null);
const Missing = classOf<undefined>(undefined);
const Callable = classOf<(args: Value[], scope: Environment) => Value>(() => null);

/**
 * A template as a program.
 * @throws Error of the library for one that is not valid.
 */
export function parseTemplate(source: string): Program {
  const lines = source.replace(/\r\n?/g, '\n');
  const program = parse(tokenize(lines, { lstrip_blocks: true, trim_blocks: true }));
  markOutput(program as unknown as Node);
  return program;
}

const STATEMENTS = new Set('Set If For Macro CallStatement FilterStatement Break Continue Comment'.split(' '));
const BODIES = ['body', 'alternate', 'defaultBlock'];

/** Wraps what stands in `{{ }}`, so that it can be written as Python writes it. */
function markOutput(node: Node): void {
  for (const field of BODIES) {
    if (!Array.isArray(node[field])) continue;
    node[field] = (node[field] as Node[]).map((part) => {
      if (STATEMENTS.has(part.type)) markOutput(part);
      else if (part.type !== 'StringLiteral') return derived(part, { type: 'Output', expression: part });
      return part;
    });
  }
}

/** Another node of the same class, which the library's own walks look at. */
const derived = (node: Node, fields: Node): Node =>
  Object.assign(Object.create(Object.getPrototypeOf(node) as object) as Node, fields);
const constant = (value: Value): Node => ({ type: 'Constant', value });

/** `break` or `continue`, with what the blocks that it leaves have written. */
class Jump extends Error {
  text = '';
  constructor(readonly out: boolean) {
    super();
  }
}

export class PythonInterpreter extends Interpreter {
  override evaluate(statement: Statement | undefined, scope: Environment): Value {
    const node = statement as Node | undefined;
    if (node && Object.hasOwn(NODES, node.type)) return NODES[node.type]!(node, scope, this);
    return this.original(node, scope);
  }
  original(node: Node | undefined, scope: Environment): Value {
    return super.evaluate(node as unknown as Statement | undefined, scope);
  }
  value(node: unknown, scope: Environment): Value {
    return this.evaluate(node as Statement | undefined, scope);
  }
}

const NODES: Record<string, (node: Node, scope: Environment, at: PythonInterpreter) => Value> = {
  Constant: (node) => node.value as Value,
  Output: (node, scope, at) => new Text(str(at.value(node.expression, scope))),
  Break: () => {
    throw new Jump(true);
  },
  Continue: () => {
    throw new Jump(false);
  },
  Program: (node, scope, at) => new Text(block(node.body, scope, at)),
  If: (node, scope, at) =>
    new Text(block(at.value(node.test, scope).__bool__().value ? node.body : node.alternate, scope, at)),
  For: loop,
  Macro: macro,
  BinaryExpression: binary,
  MemberExpression: member,
  FilterExpression: (node, scope, at) => filter(at.value(node.operand, scope), node.filter as Node, scope, at),
  TestExpression: (node, scope, at) => {
    const operand = at.value(node.operand, scope);
    const own = test((node.test as Node).value as string, operand);
    if (own !== undefined) return new Bool(own !== node.negate);
    return at.original({ ...node, operand: constant(operand) }, scope);
  },
};

/** What statements write; those that only set something give none. */
function block(body: unknown, scope: Environment, at: PythonInterpreter): string {
  let text = '';
  for (const statement of body as Node[]) {
    try {
      const value = at.value(statement, scope);
      if (!(value instanceof Nothing)) text += str(value);
    } catch (error) {
      if (error instanceof Jump) error.text = text + error.text;
      throw error;
    }
  }
  return text;
}

/** `str` of a value. Lists and the like are refused: nobody means to write them into a conversation. */
function str(value: Value): string {
  if (value instanceof Text) return value.value;
  if (value instanceof Missing) return '';
  if (value instanceof Nothing) return 'None';
  if (value instanceof Bool) return value.value ? 'True' : 'False';
  if (value instanceof Whole || value instanceof Float) return value.toString();
  throw new Error(`it writes a ${value.type} as text`);
}

/** Python's `==`: by value, and a number is no text. */
function equal(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return Number(a.value) === Number(b.value);
  if (a instanceof List && b instanceof List)
    return a.value.length === b.value.length && a.value.every((item, i) => equal(item, b.value[i]!));
  if (a instanceof Dict && b instanceof Dict)
    return (
      a.value.size === b.value.size &&
      [...a.value].every(([key, item]) => b.value.has(key) && equal(item, b.value.get(key)!))
    );
  return a.type === b.type && a.value === b.value;
}

const isNumber = (value: Value): boolean => value instanceof Whole || value instanceof Float || value instanceof Bool;

function binary(node: Node, scope: Environment, at: PythonInterpreter): Value {
  const operator = (node.operator as { value: string }).value;
  if (operator === 'and' || operator === 'or') return at.original(node, scope);
  const left = at.value(node.left, scope);
  const right = at.value(node.right, scope);
  if (operator === '==' || operator === '!=') return new Bool(equal(left, right) === (operator === '=='));
  if ((operator === 'in' || operator === 'not in') && right instanceof List)
    return new Bool(right.value.some((item) => equal(item, left)) === (operator === 'in'));
  if (operator === '~') return new Text(str(left) + str(right));
  if (operator === '+' && left instanceof Text !== right instanceof Text)
    throw new Error(`it adds a ${left.type} and a ${right.type}`);
  if (operator === '%' && left instanceof Whole && right instanceof Whole && right.value !== 0)
    return new Whole(left.value - right.value * Math.floor(left.value / right.value));
  return at.original({ ...node, left: constant(left), right: constant(right) }, scope);
}

function member(node: Node, scope: Environment, at: PythonInterpreter): Value {
  const object = at.value(node.object, scope);
  const property = node.property as Node;
  if (object instanceof Missing) throw new Error('it reads a field of something that is not defined');
  if (node.computed === true && property.type !== 'SliceExpression') {
    const key = at.value(property, scope);
    if (object instanceof Text && key instanceof Whole) {
      const character = Array.from(object.value).at(key.value);
      return character === undefined ? new Missing(undefined) : new Text(character);
    }
    return at.original({ ...node, object: constant(object), property: constant(key) }, scope);
  }
  const name = property.type === 'Identifier' ? (property.value as string) : '';
  if (name === 'length' && !(object instanceof Dict)) return new Missing(undefined);
  if (object instanceof Text && Object.hasOwn(METHODS, name)) {
    const method = METHODS[name]!;
    return new Callable((args) => method(object.value, args));
  }
  return at.original({ ...node, object: constant(object) }, scope);
}

/** White space of Python's `str`, which is not that of JavaScript. */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const WORDS = new RegExp(`[^${SPACE}]+`, 'g');
const isSpace = new RegExp(`[${SPACE}]`);

function strip(text: string, [given]: Value[], left: boolean, right: boolean): Value {
  const set = given instanceof Text ? new Set(given.value) : undefined;
  if (given !== undefined && !set && !(given instanceof Nothing)) throw new Error('it strips what is no text');
  const characters = Array.from(text);
  const taken = (character: string | undefined): boolean =>
    character !== undefined && (set ? set.has(character) : isSpace.test(character));
  let [from, to] = [0, characters.length];
  if (left) while (from < to && taken(characters[from])) from++;
  if (right) while (to > from && taken(characters[to - 1])) to--;
  return new Text(characters.slice(from, to).join(''));
}

const capitalize = (text: string): string => {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
};

const METHODS: Record<string, (text: string, args: Value[]) => Value> = {
  strip: (text, args) => strip(text, args, true, true),
  lstrip: (text, args) => strip(text, args, true, false),
  rstrip: (text, args) => strip(text, args, false, true),
  capitalize: (text) => new Text(capitalize(text)),
  title: (text) => new Text(text.replace(/\p{L}+/gu, capitalize)),
  split: (text, args) => {
    const [separator, most] = args;
    const limit = most instanceof Whole && most.value >= 0 ? most.value : Infinity;
    if (args.length > 2 || (most !== undefined && !(most instanceof Whole))) throw new Error('split() of this kind');
    let parts: string[];
    if (separator instanceof Text) {
      if (separator.value === '') throw new Error('empty separator');
      parts = text.split(separator.value);
      if (parts.length > limit + 1) parts.push(parts.splice(limit).join(separator.value));
    } else if (separator === undefined || separator instanceof Nothing) {
      const words = [...text.matchAll(WORDS)];
      parts = words.slice(0, limit).map(([word]) => word);
      if (words.length > limit) parts.push(text.slice(words[limit]!.index));
    } else throw new Error('split() of this kind');
    return new List(parts.map((part) => new Text(part)));
  },
};

const OF_TEXT = new Set('trim upper lower title capitalize string replace indent'.split(' '));
const OF_LIST = new Set('list first last map selectattr rejectattr sort unique reverse items join'.split(' '));

/** What a filter gives, where the library gives something else. */
function filter(given: Value, call: Node, scope: Environment, at: PythonInterpreter): Value {
  const name = (call.type === 'CallExpression' ? (call.callee as Node).value : call.value) as string;
  const args = (): Value[] => ((call.args as Node[] | undefined) ?? []).map((arg) => at.value(arg, scope));
  let operand = given;
  if (OF_TEXT.has(name)) operand = new Text(str(given));
  else if (given instanceof Missing && OF_LIST.has(name)) operand = new List([]);
  else if (given instanceof Missing && /^(length|count|int|float)$/.test(name)) operand = new Text('');
  if (operand instanceof Text) {
    if (name === 'trim') return strip(operand.value, args(), true, true);
    if (name === 'capitalize' || name === 'title') return METHODS[name]!(operand.value, []);
    if (name === 'length' || name === 'count') return new Whole(Array.from(operand.value).length);
    if (name !== 'join' && OF_LIST.has(name)) operand = new List(each(operand));
    if (name === 'list') return operand;
  }
  if (operand instanceof List) {
    if ((name === 'first' || name === 'last') && operand.value.length === 0) return new Missing(undefined);
    if (name === 'join') operand = new List(operand.value.map((item) => new Text(str(item))));
    if (name === 'selectattr' || name === 'rejectattr')
      return new List(choose(operand.value as Value[], name === 'selectattr', args(), scope, at));
  }
  if (
    name === 'tojson' &&
    ((call.args as Node[] | undefined) ?? []).some((arg) => arg.type !== 'KeywordArgumentExpression')
  )
    throw new Error('tojson() of this kind');
  const node = { type: 'FilterExpression', operand: constant(operand), filter: call };
  return at.original(node, scope);
}

function choose(items: Value[], keep: boolean, args: Value[], scope: Environment, at: PythonInterpreter): Value[] {
  const [path, name, other] = args;
  if (!(path instanceof Text) || (name !== undefined && !(name instanceof Text)))
    throw new Error('selectattr() of this kind');
  return items.filter((item) => {
    let value = item;
    for (const part of path.value.split('.'))
      value = (value instanceof Dict ? value.value.get(part) : undefined) ?? new Missing(undefined);
    return keep === (name === undefined ? value.__bool__().value : passes(name.value, value, other, scope, at));
  });
}

function passes(
  name: string,
  value: Value,
  other: Value | undefined,
  scope: Environment,
  at: PythonInterpreter,
): boolean {
  const equals = ['equalto', 'eq', '=='].includes(name);
  if (other) {
    if (equals || name === 'ne' || name === '!=') return equal(value, other) === equals;
    if (name === 'in' && other instanceof List) return other.value.some((item) => equal(item, value));
    throw new Error(`the test "${name}" of this kind`);
  }
  const tested = { type: 'TestExpression', operand: constant(value), negate: false, test: { value: name } };
  return at.value(tested, scope).value === true;
}

/** A test that the library knows differently. */
function test(name: string, value: Value): boolean | undefined {
  const sized = value instanceof Text || value instanceof List || value instanceof Dict || value instanceof Missing;
  if (name === 'iterable' || name === 'sequence') return sized;
  if (name === 'number') return isNumber(value);
  return undefined;
}

/** A loop: every round has names of its own, texts have characters, what is not defined has nothing. */
function loop(node: Node, scope: Environment, at: PythonInterpreter): Value {
  const iterable = node.iterable as Node;
  const select = iterable.type === 'SelectExpression' ? iterable : undefined;
  const target = node.loopvar as Node;
  const bound = (item: Value): Environment => {
    const inner = new Environment(scope);
    if (target.type === 'Identifier') inner.setVariable(target.value as string, item);
    else {
      const names = target.value as Node[];
      if (!(item instanceof List) || item.value.length !== names.length) throw new Error('it cannot unpack a list');
      names.forEach((name, i) => inner.setVariable(name.value as string, item.value[i]!));
    }
    return inner;
  };
  const items = each(at.value(select ? select.lhs : iterable, scope)).filter(
    (item) => !select || at.value(select.test, bound(item)).__bool__().value,
  );
  let text = '';
  // Jinja2's `else` is for loops of which no round came to its end.
  let ended = false;
  for (const [i, item] of items.entries()) {
    const inner = bound(item);
    inner.setVariable('loop', round(items, i));
    try {
      text += block(node.body, inner, at);
      ended = true;
    } catch (error) {
      if (!(error instanceof Jump)) throw error;
      text += error.text;
      if (error.out) break;
    }
  }
  return new Text(ended ? text : text + block(node.defaultBlock, new Environment(scope), at));
}

function each(value: Value): Value[] {
  if (value instanceof List) return value.value;
  if (value instanceof Dict) return [...(value.value as Map<string, Value>).keys()].map((key) => new Text(key));
  if (value instanceof Text) return Array.from(value.value, (character) => new Text(character));
  if (value instanceof Missing) return [];
  throw new Error(`it loops over a ${value.type}`);
}

function round(items: Value[], i: number): Value {
  const count = items.length;
  const numbers = { index: i + 1, index0: i, revindex: count - i, revindex0: count - i - 1, length: count };
  return new Dict(
    new Map<string, Value>([
      ...Object.entries(numbers).map(([name, number]): [string, Value] => [name, new Whole(number)]),
      ['first', new Bool(i === 0)],
      ['last', new Bool(i === count - 1)],
      ['previtem', items[i - 1] ?? new Missing(undefined)],
      ['nextitem', items[i + 1] ?? new Missing(undefined)],
    ]),
  );
}

/** A macro sees the names of where it is written, not of where it is called. */
function macro(node: Node, scope: Environment, at: PythonInterpreter): Value {
  const none = at.original(node, scope);
  const made = scope.lookupVariable((node.name as Node).value as string) as Value & {
    value: (args: Value[], scope: Environment) => Value;
  };
  const run = made.value;
  made.value = (args, from) => {
    const inner = new Environment(scope);
    if (from.variables.has('caller')) inner.setVariable('caller', from.lookupVariable('caller'));
    return run(args, inner);
  };
  return none;
}
