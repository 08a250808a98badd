import assert from 'node:assert/strict';
import { backward } from '../../runtime/autodiff/backward.js';
import { Builder, type FloatType, type Value } from '../../runtime/onnx/graph.js';
import type { Shape } from '../../runtime/onnx/shapes.js';
import { random } from '../../runtime/support/random.js';
import { countOf, load, type Sizes } from './run.js';

export interface GradientCheck {
  /** Differentiated inputs by name. */
  readonly inputs: Readonly<Record<string, Shape>>;
  /** Other inputs and their numbers: indices, conditions, frozen weights. */
  readonly fixed?: Readonly<
    Record<string, { dtype: 'int64' | 'bool' | FloatType; shape: Shape; values: readonly number[] }>
  >;
  /** Sizes of named dims. */
  readonly sizes?: Sizes;
  /** Maps a standard normal number into the function's domain. */
  readonly domain?: (x: number) => number;
  readonly float?: FloatType;
  /** The function rounds to float32 inside: differences are coarse. */
  readonly rounded?: boolean;
  readonly build: (g: Builder, inputs: Readonly<Record<string, Value>>) => Value;
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/**
 * One random projection (Griewank & Walther, Evaluating Derivatives, ch. 3): ⟨v, Jᵀu⟩ from the backward graph against
 * ⟨u, (f(x + hv) − f(x − hv)) / 2h⟩. Each input is also differentiated alone, with the same result to the bit, so that
 * no rule needs another input to be wanted.
 */
export async function checkGradient(check: GradientCheck, seed: number | string = 1): Promise<void> {
  const { inputs, fixed = {}, sizes = {}, domain = (x: number): number => x, float = 'float64', build } = check;
  const rng = random(seed);
  const normal = (n: number): number[] => Array.from({ length: n }, () => rng.normal());

  const g = new Builder('check', { float });
  const values: Record<string, Value> = {};
  for (const [name, shape] of Object.entries(inputs)) values[name] = g.input(name, float, shape);
  for (const [name, { dtype, shape }] of Object.entries(fixed)) values[name] = g.input(name, dtype, shape);
  const y = build(g, values);
  const u = g.input('u', float, y.shape);
  g.output(y);
  const forward = g.graph();

  const names = Object.keys(inputs);
  const wrt = names.map((name) => values[name]!);
  const x = Object.fromEntries(names.map((name) => [name, normal(countOf(values[name]!, sizes)).map(domain)]));
  const v = Object.fromEntries(names.map((name) => [name, normal(x[name]!.length)]));
  const rest = Object.fromEntries(Object.entries(fixed).map(([name, { values: numbers }]) => [name, numbers]));
  const seedValues = normal(countOf(u, sizes));

  const gradientsOf = async (of: readonly Value[]): Promise<number[][]> => {
    const { graph, gradients } = backward(forward, y, of, { seed: u });
    const runner = await load(graph, sizes);
    const out = await runner.run({ ...x, ...rest, u: seedValues });
    await runner.dispose();
    return gradients.map((d, i) => {
      assert.deepEqual(d.shape, of[i]!.shape);
      assert.equal(d.dtype, of[i]!.dtype);
      const numbers = out[d.name]!;
      assert.equal(numbers.length, x[of[i]!.name]!.length);
      return numbers;
    });
  };
  const together = await gradientsOf(wrt);
  if (wrt.length > 1) {
    for (const [i, value] of wrt.entries()) assert.deepEqual(await gradientsOf([value]), [together[i]]);
  }

  const exact = float === 'float64' && !check.rounded;
  const h = exact ? 1e-5 : 1e-2;
  const runner = await load(forward, sizes);
  const at = async (step: number): Promise<number[]> => {
    const moved = names.map((name) => [name, x[name]!.map((xi, i) => xi + step * v[name]![i]!)]);
    return (await runner.run({ ...rest, u: seedValues, ...Object.fromEntries(moved) }))[y.name]!;
  };
  const [after, before] = [await at(h), await at(-h)];
  await runner.dispose();
  const expected = dot(
    seedValues,
    after.map((a, i) => (a - before[i]!) / (2 * h)),
  );
  const actual = names.reduce((sum, name, i) => sum + dot(v[name]!, together[i]!), 0);
  assert.ok(Math.abs(expected) > 1e-6, 'the check moves nothing');
  const tolerance = exact ? 1e-8 : 3e-3;
  const error = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
  assert.ok(error < tolerance, `⟨v, Jᵀu⟩ is ${actual}, differences give ${expected} (error ${error})`);
}
