/**
 * Dims and their algebra. The legend, used alike everywhere:
 *
 *     B rows of a batch       T positions of this call     P positions in the KV cache    S = P + T
 *     L supervised positions  M positions with a teacher   V vocabulary                   C hidden size
 *     H query heads           K key/value heads            G = H / K                      D head size
 *     N blocks of queries     Q positions of a block       J keys that a block meets
 *     I places before a block W places of keys: T, and some before them
 *     J512 the keys that a block meets through a window of 512
 *     X chunks of L           Y chunks of M
 *     F MLP size              R LoRA rank
 *
 * A dim is a number or a product of names with a leading number: `B`, `B*T`, `4*B`.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];

interface Product {
  number: number;
  names: string[];
}

function parse(dim: Dim): Product {
  if (typeof dim === 'number') return { number: dim, names: [] };
  const product: Product = { number: 1, names: [] };
  for (const part of dim.split('*')) {
    if (/^\d+$/.test(part)) product.number *= Number(part);
    else product.names.push(part);
  }
  return product;
}

/** Names of a dim: `['B', 'T']` for `4*B*T`. */
export const namesOf = (dim: Dim): string[] => parse(dim).names;
/** The number in front: 4 for `4*B*T`. */
export const numberOf = (dim: Dim): number => parse(dim).number;

function unparse({ number, names }: Product): Dim {
  if (names.length === 0 || number === 0) return number;
  const sorted = [...names].sort();
  return (number === 1 ? sorted : [String(number), ...sorted]).join('*');
}

/** The product in canonical form, so that equal dims are equal values. */
export function product(dims: Shape): Dim {
  const total: Product = { number: 1, names: [] };
  for (const dim of dims) {
    const p = parse(dim);
    total.number *= p.number;
    total.names.push(...p.names);
  }
  return unparse(total);
}

/** How many numbers a tensor of this shape has. */
export const elementsOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

export const shapeText = (shape: Shape): string => `[${shape.join(', ')}]`;

/** The shape of an elementwise result; undefined where the shapes do not fit. */
export function broadcast(a: Shape, b: Shape): Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x === y || y === 1) result.push(x);
    else if (x === 1) result.push(y);
    else return undefined;
  }
  return result;
}

/** A non-negative axis. */
export function axisOf(axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= rank) throw new Error(`axis ${axis} of a value with ${rank} axes`);
  return a;
}
