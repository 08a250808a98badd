import { Environment, Interpreter, parse } from '@huggingface/jinja';
import {
  Bool,
  Callable,
  Dict,
  DICT_METHODS,
  each,
  equal,
  escapeHtml,
  Float,
  isNumber,
  isSafe,
  itemOf,
  List,
  METHODS,
  Missing,
  Nothing,
  repeated,
  safe,
  Series,
  str,
  Text,
  Tuple,
  Whole,
} from './jinjaValues.js';
import type { Value } from './jinjaValues.js';
import { constant, filter, type Node } from './jinjaFilters.js';
import { percent } from './jinjaFormat.js';
import { compare } from './jinjaOrder.js';
import { NO_ITEM, tokensOf } from './jinjaTokens.js';

/**
 * Jinja as Jinja2 and Python run it. @huggingface/jinja 0.5 is JavaScript underneath: `'' != false` is false there,
 * `strip('\n')` takes all white space, a name set in one round of a loop is still set in the next, `{{ true }}` writes
 * "true". Where it knows less than Jinja2 it fails, which is left alone; here is where it writes something else.
 */
export type Program = ReturnType<typeof parse>;
type Statement = NonNullable<Parameters<Interpreter['evaluate']>[0]>;

/**
 * A template as a program.
 * @throws Error of the library for one that is not valid.
 */
export function parseTemplate(source: string): Program {
  const lines = source.replace(/\r\n?/g, '\n');
  const program = parse(tokensOf(lines));
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
    if (node && Object.hasOwn(NODES, node.type)) return NODES[node.type](node, scope, this);
    return this.original(node, scope);
  }
  original(node: Node | undefined, scope: Environment): Value {
    return super.evaluate(node, scope);
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
  TupleLiteral: (node, scope, at) => {
    const items = (node.value as Node[]).filter(({ type, value }) => type !== 'Identifier' || value !== NO_ITEM);
    return new Tuple(items.map((item) => at.value(item, scope)));
  },
  ObjectLiteral: (node, scope, at) => {
    const entries = new Map<string | number, Value>();
    for (const [key, value] of node.value as Map<unknown, unknown>) {
      const name = at.value(key, scope);
      if (!(name instanceof Text || name instanceof Whole)) throw new Error(`a ${name.type} cannot be a key`);
      entries.set(name.value, at.value(value, scope));
    }
    return new Dict(entries);
  },
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

const ORDER: Partial<Record<string, (difference: number) => boolean>> = {
  '<': (difference) => difference < 0,
  '<=': (difference) => difference <= 0,
  '>': (difference) => difference > 0,
  '>=': (difference) => difference >= 0,
};

function binary(node: Node, scope: Environment, at: PythonInterpreter): Value {
  const operator = (node.operator as { value: string }).value;
  if (operator === 'and' || operator === 'or') return at.original(node, scope);
  const left = at.value(node.left, scope);
  const right = at.value(node.right, scope);
  if (operator === '==' || operator === '!=') return new Bool(equal(left, right) === (operator === '=='));
  if ((operator === 'in' || operator === 'not in') && right instanceof List)
    return new Bool(right.value.some((item) => equal(item, left)) === (operator === 'in'));
  if ((operator === 'in' || operator === 'not in') && right instanceof Dict)
    return new Bool((itemOf(right.value, left) !== undefined) === (operator === 'in'));
  if ((operator === 'in' || operator === 'not in') && right instanceof Series)
    return new Bool(right.take().some((item) => equal(item, left)) === (operator === 'in'));
  if (operator === '+' && left instanceof Text && right instanceof Text && (isSafe(left) || isSafe(right)))
    return safe(escapeHtml(left) + escapeHtml(right));
  const order = ORDER[operator];
  if (order) return new Bool(order(compare(left, right)));
  if (operator === '+' && left instanceof Tuple && right instanceof Tuple)
    return new Tuple([...left.value, ...right.value]);
  if (operator === '+' && left instanceof List && left instanceof Tuple !== right instanceof Tuple)
    throw new Error(`it adds a ${left.type} and a ${right.type}`);
  if (operator === '%' && left instanceof Text) return percent(left, right);
  if (operator === '~') return new Text(str(left) + str(right));
  if (operator === '+' && left instanceof Text !== right instanceof Text)
    throw new Error(`it adds a ${left.type} and a ${right.type}`);
  if (operator === '*' && left instanceof Text && right instanceof Whole) return repeated(left.value, right.value);
  if (operator === '*' && left instanceof Whole && right instanceof Text) return repeated(right.value, left.value);
  if (operator === '%' && isNumber(left) && isNumber(right) && Number(right.value) !== 0) {
    const [divided, by] = [Number(left.value), Number(right.value)];
    const rest = divided % by;
    const number = rest !== 0 && rest < 0 !== by < 0 ? rest + by : rest;
    return left instanceof Float || right instanceof Float ? new Float(number) : new Whole(number);
  }
  return at.original({ ...node, left: constant(left), right: constant(right) }, scope);
}

function member(node: Node, scope: Environment, at: PythonInterpreter): Value {
  const object = at.value(node.object, scope);
  const property = node.property as Node;
  if (object instanceof Missing) throw new Error('it reads a field of something that is not defined');
  if (object instanceof Series) return new Missing(undefined);
  if (node.computed === true && property.type !== 'SliceExpression') {
    const key = at.value(property, scope);
    if (object instanceof Text && key instanceof Whole) {
      const character = Array.from(object.value).at(key.value);
      return character === undefined ? new Missing(undefined) : new Text(character);
    }
    if (object instanceof Dict && !(key instanceof Text)) return itemOf(object.value, key) ?? new Missing(undefined);
    return at.original({ ...node, object: constant(object), property: constant(key) }, scope);
  }
  const name = property.type === 'Identifier' ? (property.value as string) : '';
  if (name === 'length' && (object instanceof Text || object instanceof List)) return new Missing(undefined);
  // As in Python, a method hides a key of its name.
  if (object instanceof Dict && Object.hasOwn(DICT_METHODS, name)) {
    const method = DICT_METHODS[name];
    return new Callable((args) => method(object.value, args));
  }
  if (object instanceof Text && Object.hasOwn(METHODS, name)) {
    const method = METHODS[name];
    if (isSafe(object) && name === 'format') throw new Error('format() of this kind');
    return new Callable((args) => {
      const result = method(object.value, args);
      return isSafe(object) && result instanceof Text ? safe(result.value) : result;
    });
  }
  const found = at.original({ ...node, object: constant(object) }, scope);
  // A part of a tuple is one.
  return object instanceof Tuple && found instanceof List ? new Tuple(found.value) : found;
}

/** A test that the library knows differently. */
function test(name: string, value: Value): boolean | undefined {
  const sized = value instanceof Text || value instanceof List || value instanceof Dict || value instanceof Missing;
  if (name === 'iterable') return sized || value instanceof Series;
  if (name === 'sequence') return sized;
  if (name === 'number') return isNumber(value);
  if (name === 'float') return value instanceof Float;
  return undefined;
}

/** A loop: every round has names of its own, texts have characters, what is not defined has nothing. */
function loop(node: Node, scope: Environment, at: PythonInterpreter): Value {
  const iterable = node.iterable as Node;
  const select = iterable.type === 'SelectExpression' ? iterable : undefined;
  const bound = (item: Value): Environment => {
    const inner = new Environment(scope);
    unpack(node.loopvar as Node, item, inner);
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

function unpack(target: Node, item: Value, scope: Environment): void {
  if (target.type === 'Identifier') {
    scope.setVariable(target.value as string, item);
    return;
  }
  const names = target.value as Node[];
  if (!(item instanceof List) || item.value.length !== names.length) throw new Error('it cannot unpack a list');
  names.forEach((name, i) => {
    unpack(name, item.value[i], scope);
  });
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

/** A macro sees the names of its definition, not of its call. */
function macro(node: Node, scope: Environment, at: PythonInterpreter): Value {
  const none = at.original(node, scope);
  const macro = scope.lookupVariable((node.name as Node).value as string) as Value & {
    value: (args: Value[], scope: Environment) => Value;
  };
  const run = macro.value;
  macro.value = (args, from) => {
    const inner = new Environment(scope);
    if (from.variables.has('caller')) inner.setVariable('caller', from.lookupVariable('caller'));
    return run(args, inner);
  };
  return none;
}
