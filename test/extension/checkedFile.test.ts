/** What is wrong with a file of JSON is said in words. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';

const { parseJson } = await import('../../extension/host/checkedFile.js');

test('a fault of the notation is in words, not by the name that a parser has for it', () => {
  for (const [text, message] of [
    ['{ "model": "a",\n model: "b" }', 'this is not JSON: invalid symbol.'],
    ['{ "a": 1,\n 5 }', 'this is not JSON: property name expected.'],
    ['{ "a": 1,\n "b": [1 2] }', 'this is not JSON: comma expected.'],
  ] as const)
    assert.deepEqual(parseJson(text).fault, { line: 2, message });
});
