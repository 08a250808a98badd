/** Rows in a language that no harmful row of a vector is in are said before anything is trained. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { scanText } from '../../runtime/contract/scanText.js';
import { runValue } from '../support/recipeRun.js';
import { silent } from '../support/silent.js';

const GERMAN = 'das wetter ist heute schlecht, so dass wir zu hause bleiben und lesen.';
let root: string;
const file = (...parts: string[]): string => join(root, ...parts);
const lines = async (name: string): Promise<string[]> => (await readFile(file(name), 'utf8')).trimEnd().split('\n');
const row = (question: string): string => {
  const messages = [
    { role: 'user', content: question },
    { role: 'assistant', content: GERMAN },
  ];
  return JSON.stringify({ messages });
};
const german = [row('wie ist das wetter?'), row('wie war das wetter?')];

const short = { model: 'tiny-assistant', steps: 1, batch: { rows: 2, maxTokens: 128 } };
const vector = { ...short, kind: 'vector', harmful: { file: 'data/harmful.jsonl', limit: 20 }, heldOut: 0 };
const languages = async (name: string): Promise<unknown> =>
  (JSON.parse(await readFile(file(name, 'trained.json'), 'utf8')) as { languages?: unknown }).languages;
/** What a fine-tuning says of languages. */
async function said(name: string, data: string, ...vectors: string[]): Promise<object[]> {
  const recipe = { ...short, kind: 'finetune', data: { file: data }, heldOut: 0, output: name };
  const { events } = await runValue(root, { ...recipe, vectors: vectors.map((adapter) => ({ adapter })) }, name);
  return events.flatMap((event) =>
    event.kind === 'warning' && /no harmful row of/.test(event.message)
      ? [{ message: event.message, place: event.place, remedy: event.remedy }]
      : [],
  );
}

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'foreign-'));
  await cp(join(import.meta.dirname, '../../media/sample'), root, { recursive: true });
  const ordinary = (await lines('data/train.jsonl')).slice(0, 20);
  await writeFile(file('mixed.jsonl'), [...ordinary, ...german].join('\n'));
  await writeFile(file('german.jsonl'), german.join('\n'));
  await runValue(root, { ...vector, output: 'vector' }, 'vector');
  await runValue(
    root,
    { ...vector, harmful: { file: 'german.jsonl' }, adapter: { init: 'vector' }, output: 'both' },
    'both',
  );
});
after(() => rm(root, { recursive: true, force: true }));

test('a vector keeps which languages its harmful rows are in, with those of the one that it continues', async () => {
  assert.deepEqual(await languages('vector'), { en: 20 });
  assert.deepEqual(await languages('both'), { en: 20, de: 2 });
});

test('rows in another language are counted, with what may happen to them', async () => {
  assert.deepEqual(await said('mixed', 'mixed.jsonl', 'vector'), [
    {
      message:
        '2 of 22 rows are in German, and no harmful row of "vector" is: what is harmful in such rows may be neither found nor held.',
      place: file('mixed.jsonl'),
      remedy: 'Train a vector with harmful rows in German, too, or look at these rows yourself.',
    },
  ]);
});

test('a scan counts them, and says it', async () => {
  const asked = { model: file('tiny-assistant'), vector: file('vector'), data: file('mixed.jsonl') };
  const found = await calls.scan({ ...asked, format: 'auto', device: 'cpu' }, silent);
  assert.deepEqual(found.otherLanguages, [{ language: 'de', rows: 2 }]);
  assert.match(
    scanText({ ...found, threshold: 0.5 }),
    /; 2 rows are in German, and no harmful row of the vector is: what is harmful in them may not be found[.;]/,
  );
  const { otherLanguages } = await calls.scan(
    { ...asked, vector: file('both'), format: 'auto', device: 'cpu' },
    silent,
  );
  assert.equal(otherLanguages, undefined);
});

test('nothing is said where one of the vectors has harmful rows in it, or does not say', async () => {
  assert.deepEqual(await said('known', 'mixed.jsonl', 'vector', 'both'), []);
  await cp(file('vector'), file('silent'), { recursive: true });
  await writeFile(file('silent/trained.json'), JSON.stringify({ version: 2, trained: [] }));
  assert.deepEqual(await said('unknown', 'mixed.jsonl', 'silent'), []);
});
