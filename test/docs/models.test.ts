/** docs/models.md against the tables of families, GGUF architectures and types, and export formats. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SUPPORTED_FAMILIES } from '../../runtime/models/families/table.js';
import { ARCHITECTURES } from '../../runtime/models/gguf/architectures/table.js';
import { READABLE_TYPES } from '../../runtime/models/gguf/file/types.js';
import { notInTransformersJs } from '../../runtime/export/transformersJs.js';
import { EXPORT_FORMATS } from '../../runtime/contract/exports.js';
import { code, json, read, ROOT, rows, section } from './pages.js';

const TEXT = read('docs/models.md');

/** Names in `code` of the paragraph that starts so. */
const list = (text: string, start: string): string[] => {
  const paragraph = text.split('\n\n').find((one) => one.trimStart().startsWith(start));
  assert.ok(paragraph, `there is no paragraph "${start}…"`);
  return code(paragraph.slice(paragraph.indexOf(':')));
};

test('every family is listed, and has a reference that it is compared with', () => {
  assert.deepEqual(list(section(TEXT, '## Families'), 'Values of').sort(), [...SUPPORTED_FAMILIES].sort());
  const references = 'test/fixtures/reference';
  const checked = readdirSync(join(ROOT, references))
    .map((folder) => `${references}/${folder}/config.json`)
    .filter((file) => existsSync(join(ROOT, file)))
    .map((file) => (json(file) as { model_type: string }).model_type);
  for (const family of SUPPORTED_FAMILIES) assert.ok(checked.includes(family), `${family} has no reference`);
});

test('every GGUF architecture and tensor type is listed', () => {
  const text = section(TEXT, '## GGUF');
  assert.deepEqual(list(text, 'Architectures:').sort(), Object.keys(ARCHITECTURES).sort());
  assert.deepEqual(list(text, 'Tensor types:').sort(), [...READABLE_TYPES].sort());
});

test('every export format is listed', () => {
  const listed = rows(section(TEXT, '## Export')).map(([cell]) => code(cell!)[0]);
  assert.deepEqual(listed, [...EXPORT_FORMATS]);
});

test('every family whose ONNX folder transformers.js does not load is listed', () => {
  const listed = list(section(TEXT, '## Export'), 'Not loaded by transformers.js');
  const families = new Set<string>(SUPPORTED_FAMILIES);
  const wanted = [...families].filter((model_type) => notInTransformersJs({ model_type }) !== undefined);
  assert.deepEqual(listed.filter((name) => families.has(name)).sort(), wanted.sort());
});
