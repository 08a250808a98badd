import { HumanError } from '../../../support/errors.js';
import { shown } from '../../../support/jsonFile.js';
import type { Activation } from '../../decoder/spec.js';

/** A larger size is a mistake, and sizes decide how much is built. */
const MAX_SIZE = 2 ** 24;

const ACTIVATIONS: Record<string, Activation> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_python_tanh: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_accurate: 'gelu-tanh',
  relu: 'relu',
  relu2: 'relu-squared',
  quick_gelu: 'gelu-quick',
};

/**
 * Reads config.json key by key and knows which keys were read. Every error names the key, its value and what is
 * supported.
 */
export class ConfigReader {
  private readonly known = new Set<string>();

  constructor(
    private readonly config: Record<string, unknown>,
    /** Where the keys are, in errors: `config.json`, `config.json: rope_scaling`. */
    private readonly place = 'config.json',
  ) {}

  reject(key: string, why: string, remedy = 'Use a model without it.'): never {
    throw new HumanError(`${key} = ${shown(this.config[key], 60)}: ${why}.`, { place: this.place, remedy });
  }

  /** The value, undefined when missing. */
  raw(key: string): unknown {
    this.known.add(key);
    return Object.hasOwn(this.config, key) ? this.config[key] : undefined;
  }

  /** The key changes nothing in what is computed. */
  ignore(key: string): void {
    this.known.add(key);
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined && this.raw(key) !== null;
  }

  get isEmpty(): boolean {
    return Object.keys(this.config).length === 0;
  }

  /** The keys of both; where both have one, the other's value. */
  with(other: ConfigReader): ConfigReader {
    return new ConfigReader({ ...this.config, ...other.config }, other.place);
  }

  wasRead(key: string): boolean {
    return this.known.has(key);
  }

  /** A number; without a default the key must be there. */
  number(key: string, fallback?: number): number {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value))
      this.reject(key, 'a number is needed', 'Check that config.json is complete.');
    return value;
  }

  /** A count from 1 on. */
  size(key: string, fallback?: number): number {
    const value = this.number(key, fallback);
    if (!Number.isInteger(value) || value < 1 || value > MAX_SIZE)
      this.reject(key, `a whole number from 1 to ${MAX_SIZE} is needed`, 'Check that config.json is complete.');
    return value;
  }

  /** A positive number. */
  positive(key: string, fallback?: number): number {
    const value = this.number(key, fallback);
    if (value <= 0) this.reject(key, 'a number above 0 is needed', 'Check that config.json is complete.');
    return value;
  }

  /** Missing gives the default, null is false, as in Python. */
  boolean(key: string, fallback: boolean): boolean {
    const given = this.raw(key);
    const value = given === undefined ? fallback : (given ?? false);
    if (typeof value !== 'boolean') this.reject(key, 'true or false is needed', 'Correct config.json.');
    return value;
  }

  /** Missing and null differ for some keys: missing gives the default, null gives undefined. */
  optionalSize(key: string, fallback?: number): number | undefined {
    return this.raw(key) === null
      ? undefined
      : this.raw(key) === undefined && fallback === undefined
        ? undefined
        : this.size(key, fallback);
  }

  optionalPositive(key: string, fallback?: number): number | undefined {
    return this.raw(key) === null
      ? undefined
      : this.raw(key) === undefined && fallback === undefined
        ? undefined
        : this.positive(key, fallback);
  }

  activation(key: string, fallback: string): Activation {
    const name = this.raw(key) ?? fallback;
    const activation = typeof name === 'string' && Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
    return (
      activation ??
      this.reject(key, `this activation is not supported (supported: ${Object.keys(ACTIVATIONS).join(', ')})`)
    );
  }

  /** A list with an entry for each of `count` layers, or undefined. */
  perLayer<T extends string | number>(key: string, count: number, allowed: readonly T[]): T[] | undefined {
    const value = this.raw(key) ?? undefined;
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length < count || !value.every((v): v is T => allowed.includes(v as T)))
      this.reject(key, `a list of ${count} entries out of ${allowed.join(', ')} is needed`);
    return value.slice(0, count);
  }

  /** Rejects every value but these; missing and null are fine. */
  only(key: string, allowed: readonly unknown[], why: string): void {
    const value = this.raw(key) ?? undefined;
    if (value !== undefined && !allowed.includes(value)) this.reject(key, why);
  }

  /** A reader of an object under a key. */
  object(key: string): ConfigReader | undefined {
    const value = this.raw(key) ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== 'object' || Array.isArray(value))
      this.reject(key, 'an object is needed', 'Correct config.json.');
    return new ConfigReader(value as Record<string, unknown>, `${this.place}: ${key}`);
  }

  /** A list of `count` positive numbers. */
  positives(key: string, count: number): number[] {
    const value = this.raw(key);
    if (
      !Array.isArray(value) ||
      value.length !== count ||
      !value.every((v) => typeof v === 'number' && Number.isFinite(v) && v > 0)
    )
      this.reject(key, `a list of ${count} positive numbers is needed`, 'Correct config.json.');
    return value as number[];
  }
}
