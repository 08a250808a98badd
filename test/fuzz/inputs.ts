/** Inputs as text: the corpus of a kind (one compressed file) and its findings (one readable file each). */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

const FOLDER = import.meta.dirname;

/** JSON, with marks for what JSON has no word for: bytes, large integers, numbers without end. */
export function encode(input: unknown): string {
  return JSON.stringify(input, function (this: Record<string, unknown>, key, value: unknown) {
    const own = this[key];
    if (own instanceof Uint8Array) return { $bytes: Buffer.from(own).toString('base64') };
    if (typeof own === 'bigint') return { $bigint: String(own) };
    if (typeof own === 'number' && !Number.isFinite(own)) return { $number: String(own) };
    return value;
  });
}

export function decode(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    const { $bytes, $bigint, $number } = value as Record<string, unknown>;
    if (typeof $bytes === 'string') return Buffer.from($bytes, 'base64');
    if (typeof $bigint === 'string') return BigInt($bigint);
    if (typeof $number === 'string') return Number($number);
    return value;
  });
}

const corpusFile = (kind: string): string => join(FOLDER, 'corpus', `${kind}.br`);

/** Inputs that reached code which others of the kind did not. */
export function readCorpus<T>(kind: string): T[] {
  const file = corpusFile(kind);
  if (!existsSync(file)) return [];
  const text = brotliDecompressSync(readFileSync(file)).toString();
  return text.split('\n').map((line) => decode(line) as T);
}

/** Keeps as many of the inputs, from the first on, as `mostBytes` have room for. */
export function writeCorpus(kind: string, inputs: readonly unknown[], mostBytes: number): void {
  const lines = inputs.map(encode);
  const packed = (count: number): Buffer =>
    brotliCompressSync(lines.slice(0, count).join('\n'), {
      // A window over the whole text: entries differ little from each other.
      params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_QUALITY]: 9 },
    });
  let count = lines.length;
  let bytes = packed(count);
  while (bytes.length > mostBytes) {
    count = Math.floor((count * 7) / 8);
    bytes = packed(count);
  }
  if (count === 0) return;
  mkdirSync(dirname(corpusFile(kind)), { recursive: true });
  writeFileSync(corpusFile(kind), bytes);
}

/** An input that once was a fault, and how it must end now. */
export interface Finding<T> {
  what: string;
  must: 'valid' | 'refused';
  input: T;
}

const findingsFolder = (kind: string): string => join(FOLDER, 'findings', kind);

export function readFindings<T>(kind: string): (Finding<T> & { name: string })[] {
  const folder = findingsFolder(kind);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => ({ ...(decode(readFileSync(join(folder, name), 'utf8')) as Finding<T>), name }));
}

/** @returns the file, named by the input. */
export function writeFinding(kind: string, finding: Finding<unknown>): string {
  const text = encode(finding);
  const file = join(findingsFolder(kind), `${createHash('sha256').update(text).digest('hex').slice(0, 8)}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${text}\n`);
  return file;
}
