/** What is wrong with a file of JSON is said in words. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';

const { checked, parseJson } = await import('../../extension/host/checkedFile.js');

test('a fault of the notation is in words, not by the name that a parser has for it', () => {
  for (const [text, message] of [
    ['{ "model": "a",\n model: "b" }', 'this is not JSON: invalid symbol.'],
    ['{ "a": 1,\n 5 }', 'this is not JSON: property name expected.'],
    ['{ "a": 1,\n "b": [1 2] }', 'this is not JSON: comma expected.'],
  ] as const)
    assert.deepEqual(parseJson(text).fault, { line: 2, message });
});

test('a file of a newer version is neither to be repaired nor to be deleted: the extension is to be updated', () => {
  const schema = z.object({ version: z.literal(2), name: z.string() });
  const said = (version: unknown) => {
    try {
      return checked({ version, name: 'a' }, schema, '/w/manifest.json').name;
    } catch (error) {
      const { message, remedy, place } = (error as { data: { message: string; remedy: string; place: string } }).data;
      return `${place}: ${message} ${remedy}`;
    }
  };
  assert.equal(said(2), 'a');
  assert.equal(
    said(3),
    '/w/manifest.json: a newer version of the extension has written this file. Update the extension.',
  );
  for (const wrong of [1, '3', undefined, null, Number.NaN])
    assert.equal(
      said(wrong),
      '/w/manifest.json: "version" is missing or has the wrong type. Repair the file or delete it.',
    );
});
