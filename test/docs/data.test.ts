/** docs/data.md against the reader of rows and the data that ships. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { saidText } from '../../runtime/contract/generation.js';
import { learnedAnswers } from '../../runtime/data/rowContent.js';
import { formatOf, labelOf, readContent } from '../../runtime/data/schemas.js';
import { fileOfUse, PUBLIC_SETS } from '../../runtime/contract/publicSets.js';
import { DATA_FORMATS } from '../../runtime/contract/recipeWords.js';
import { code, read, rows, section } from './pages.js';

const TEXT = read('docs/data.md');
const lines = (file: string): string[] => read(file).trimEnd().split('\n');

test('every row format is listed, and its example is read as that format', () => {
  const listed = rows(TEXT.split('\n## ')[0]!).map(([format, row]) => [code(format!)[0]!, code(row!)[0]!, row!]);
  assert.deepEqual(listed.map(([format]) => format).sort(), DATA_FORMATS.filter((name) => name !== 'auto').sort());
  for (const [format, example] of listed) {
    const row = JSON.parse(example!) as Parameters<typeof formatOf>[0];
    assert.equal(formatOf(row), format);
    readContent(row, formatOf(row)!);
  }
  const aliases = listed.flatMap(([format, , text]) => {
    const stands = [...text!.matchAll(/`(\w+)` may stand for `(\w+)`|`(\w+)` for `(\w+)`/g)];
    return stands.map(([, a, b, c, d]) => ({ format: format!, alias: (a ?? c)!, field: (b ?? d)! }));
  });
  assert.equal(aliases.length, 3);
  for (const { format, alias, field } of aliases) {
    const row = JSON.parse(listed.find(([name]) => name === format)![1]!) as Record<string, unknown>;
    const { [field]: value, ...others } = row;
    const known = formatOf(row)!;
    assert.deepEqual(
      readContent({ ...others, [alias]: value }, known),
      readContent(row, known),
      `${alias} in ${format}`,
    );
  }
});

test('the row with tools is read: its calls are answers', () => {
  const row = JSON.parse(/```json\n(.*?)```/s.exec(section(TEXT, '## Tools'))![1]!) as Parameters<typeof formatOf>[0];
  const content = readContent(row, formatOf(row)!);
  assert.ok(content.kind === 'chat' && content.tools !== undefined);
  assert.deepEqual(learnedAnswers(content.messages, content.unlearned), [1, 3]);
  assert.deepEqual(content.messages.map(saidText), [
    'What is the weather in Rome?',
    'weather({"city":"Rome"})',
    '21 °C, no wind',
    'It is 21 °C.',
  ]);
});

test('the labels are those that are read', () => {
  const labels = [...TEXT.matchAll(/`"label": "(\w+)"`/g)].map((match) => match[1]!);
  assert.deepEqual(labels, ['harmful', 'benign']);
  for (const label of labels) assert.equal(labelOf({ label }), label);
});

test('the rows that vectors have are counted', () => {
  const count = (file: string): number => lines(file).length;
  const [harmful, benign] = [count('media/sample/data/harmful.jsonl'), count('media/sample/data/benign.jsonl')];
  const [trait, ordinary] = [count('media/smollm2/data/trait.jsonl'), count('media/smollm2/data/benign.jsonl')];
  const text = `vector has ${harmful} harmful and ${benign} ordinary ones, the one for SmolLM2 ${trait} and ${ordinary}`;
  assert.ok(TEXT.replaceAll('\n', ' ').includes(text), text);
});

test('the public sets are those of the table, with their splits and the files that are written', () => {
  const listed = rows(section(TEXT, '## Public data sets')).map(([set, splits, files]) => ({
    repository: /^\[([^\]]+)\]\(https:\/\/huggingface\.co\/datasets\/\1\)/.exec(set!)?.[1],
    splits: code(splits!),
    files: code(files!),
  }));
  const expected = PUBLIC_SETS.map(({ repository, sources }) => ({
    repository,
    splits: sources.map(({ split }) => split),
    files: sources.flatMap((source) => source.rows.map(({ use }) => fileOfUse(use))),
  }));
  assert.deepEqual(listed, expected);
});
