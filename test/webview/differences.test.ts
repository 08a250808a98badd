import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences } from '../../webview/chat/differences.js';
import { processorTime } from '../support/processorTime.js';

const marked = (text: string, other: string): string =>
  differences(text, other)
    .map(({ text, differs }) => (differs ? `[${text}]` : text))
    .join('');

test('words that the other text does not have are marked, and nothing is lost', () => {
  assert.equal(marked('I cannot help with that.', 'I cannot help with that.'), 'I cannot help with that.');
  assert.equal(marked('Sure. Take the lamp.', 'Sorry. Take a lamp.'), '[Sure.] Take [the] lamp.');
  assert.equal(marked('Order: 3 lamps. Thank you!', 'Order: 3 lamps.'), 'Order: 3 lamps. [Thank you!]');
  assert.equal(marked('a', ''), '[a]');
  assert.equal(marked('', 'a'), '');
  assert.equal(marked('one\n\ntwo', 'one three'), 'one\n\n[two]');
});

test('of very long texts the beginning is compared, in a moment', () => {
  const words = Array.from({ length: 20_000 }, (_, i) => `w${i}`);
  const computed = processorTime();
  const pieces = differences(words.join(' '), ['x', ...words].join(' '));
  assert.ok(computed() < 2000);
  assert.equal(pieces.map(({ text }) => text).join(''), words.join(' '));
  assert.equal(pieces[0]!.differs, false);
});
