/**
 * Models that llama-gguf-split cut into several files: `name-00001-of-00003.gguf` has the metadata, all have tensors.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { sum } from '../../../contract/sum.js';
import { HumanError } from '../../../support/errors.js';
import { readGguf } from './gguf.js';
import type { GgufFile } from './gguf.js';
import { readMetadata } from './metadata.js';

const PART = /^(.*-)(\d{5})(-of-)(\d{5})(\.gguf)$/i;
/** More than any model has; names are made for each. */
const MAX_PARTS = 1000;

/** The files of the model that a file belongs to, by its name; itself where it is not named like a part. */
export function partsOf(file: string): string[] {
  const match = PART.exec(basename(file));
  if (!match) return [file];
  const [, name, , of, last, ending] = match;
  const count = Number(last);
  if (count < 2 || count > MAX_PARTS) return [file];
  return Array.from({ length: count }, (_, i) =>
    join(dirname(file), `${name}${String(i + 1).padStart(5, '0')}${of}${last}${ending}`),
  );
}

/**
 * Metadata and tensor table of a whole model; no tensor is read. Any part leads to all.
 * @throws HumanError naming the part that is missing or does not belong to the others.
 */
export function readModelGguf(file: string): GgufFile & { parts: string[] } {
  const given = readGguf(file);
  const count = readMetadata(given).count('split.count', 1);
  if (count < 2) return { ...given, parts: [file] };
  const files = partsOf(file);
  const COPY_PARTS = 'Copy or download all parts of the model into one folder again, under their own names.';
  if (files.length !== count) {
    throw new HumanError(
      `the file is one of ${count} parts of a model, but is not named like one (…-00001-of-${String(count).padStart(5, '0')}.gguf).`,
      { place: file, remedy: COPY_PARTS },
    );
  }
  const missing = files.filter((part) => !existsSync(part)).map((part) => basename(part));
  if (missing.length > 0) {
    throw new HumanError(
      `${missing.length} of ${count} parts of the model are missing: ${missing.join(', ').slice(0, 200)}.`,
      {
        place: file,
        remedy: COPY_PARTS,
      },
    );
  }
  const parts = files.map((part) => (part === file ? given : readGguf(part)));
  const tensors: GgufFile['tensors'] = new Map();
  for (const [i, part] of parts.entries()) {
    const m = readMetadata(part);
    if (m.count('split.count', 1) !== count || m.count('split.no') !== i)
      m.reject('split.no', `this is not part ${i + 1} of ${count}`, COPY_PARTS);
    for (const [name, tensor] of part.tensors) {
      if (tensors.has(name)) m.reject(name.slice(0, 80), 'an earlier part has this tensor too', COPY_PARTS);
      tensors.set(name, { ...tensor, file: part.file });
    }
  }
  const first = parts[0];
  const total = readMetadata(first).count('split.tensors.count', tensors.size);
  if (total !== tensors.size) {
    throw new HumanError(`together the parts have ${tensors.size} tensors; the first one declares ${total}.`, {
      place: files[0],
      remedy: COPY_PARTS,
    });
  }
  return { ...first, size: sum(parts.map(({ size }) => size)), tensors, parts: files };
}
