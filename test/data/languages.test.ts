/** Which languages rows are in. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Example } from '../../runtime/data/examples.js';
import { languagesOf, summed } from '../../runtime/data/languages.js';
import { Cancelled } from '../../runtime/support/errors.js';
import { example } from '../support/example.js';
import { ROOT } from '../docs/pages.js';

const ENGLISH = 'The weather is bad today, so that we stay at home and read a book.';
const GERMAN = 'Das Wetter ist heute schlecht, so dass wir zu Hause bleiben und lesen.';
const FRENCH = 'Il fait mauvais aujourd’hui, alors nous restons à la maison pour lire un livre.';

const row = (answer: string, more: Partial<Example> = {}): Example => ({ ...example(0, 'Well?'), answer, ...more });
const told = async (...rows: Example[]) => Object.fromEntries(await languagesOf(rows));

test('the answers tell it, most rows first; what they ask where these have few words', async () => {
  assert.deepEqual(
    [...(await languagesOf([row(GERMAN), row(ENGLISH), row(FRENCH), row(ENGLISH)]))],
    [
      ['en', 2],
      ['de', 1],
      ['fr', 1],
    ],
  );
  const prompt = [
    { role: 'system', content: `You are a helpful assistant. ${ENGLISH}` },
    { role: 'user', content: GERMAN },
  ] as const;
  assert.deepEqual(await told(row('Ja.', { prompt: [...prompt], promptText: `${ENGLISH} ${GERMAN}` })), { de: 1 });
  assert.deepEqual(await told(row('Ja.', { promptText: GERMAN })), { de: 1 });
});

test('of a conversation every answer that is learned, each language once', async () => {
  const prompt = [
    { role: 'user', content: 'Hm?' },
    { role: 'assistant', content: GERMAN },
    { role: 'user', content: 'And?' },
    { role: 'assistant', content: FRENCH },
    { role: 'user', content: 'And?' },
  ] as const;
  assert.deepEqual(await told(row(ENGLISH, { prompt: [...prompt], unlearned: [3] })), { de: 1, en: 1 });
  assert.deepEqual(await told(row(GERMAN, { prompt: [...prompt] })), { de: 1, fr: 1 });
});

test('of numbers, names and few words it is not told', async () => {
  assert.deepEqual(await told(row('12 + 30 = 42'), row('name: Max | item: mug | qty: 4'), row('Ja.')), {});
});

test('the rows of free-form text are English, all but those in German', async () => {
  const texts = JSON.parse(readFileSync(join(ROOT, 'test/protection/rows.json'), 'utf8')) as { answer: string }[];
  const found = await languagesOf(texts.map(({ answer }) => row(answer)));
  assert.deepEqual([...found.keys()], ['en']);
  assert.ok(found.get('en')! > 0.98 * texts.length, String(found.get('en')));
});

test('code is taken for another language in no row of a hundred', async () => {
  const lines = readFileSync(join(ROOT, 'runtime/data/parquet.ts'), 'utf8').split('\n');
  const parts = Array.from({ length: Math.floor(lines.length / 8) }, (_, i) =>
    lines.slice(8 * i, 8 * i + 8).join('\n'),
  );
  const found = await languagesOf(parts.map((part) => row(part)));
  const others = [...found].filter(([language]) => language !== 'en');
  assert.deepEqual(others, []);
});

test('two lists are summed, and reading them can be stopped', async () => {
  assert.deepEqual(
    [...summed(new Map([['en', 2]]), new Map([['de', 3]]))],
    [
      ['de', 3],
      ['en', 2],
    ],
  );
  await assert.rejects(languagesOf([row(ENGLISH)], { signal: AbortSignal.abort() }), Cancelled);
});
