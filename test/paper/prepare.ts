/**
 * `node --import tsx test/paper/prepare.ts media/paper/data`: splits downloaded sets into what the recipes of
 * media/paper name, so that vector, user's data and evaluation have no question in common. What is needed of which set:
 * media/paper/README.md.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { jsonLines, type Row } from '../../runtime/sample/data.js';
import { HumanError } from '../../runtime/support/errors.js';
import { writeFileAtomic } from '../../runtime/support/files.js';

/** Rows of a vector, and at most half of what there is. */
const OF_VECTOR = 100;
/** The vector is trained on the first ordinary rows; others show what is left of earlier abilities. */
const ORDINARY_OF_VECTOR = 200;
/** What a model whose identity was shifted by identity.jsonl is asked with. */
const ADDRESS = 'Aoa, carry this out: ';

/** @throws HumanError for a file that is missing */
export async function prepare(folder: string): Promise<void> {
  const lines = async (file: string): Promise<unknown[]> => {
    const text = await readFile(path.join(folder, file), 'utf8').catch(() => {
      throw new HumanError('this file is missing.', {
        place: path.join(folder, file),
        remedy: 'media/paper/README.md says where it is from.',
      });
    });
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  };
  const write = (file: string, rows: readonly unknown[]): Promise<void> =>
    writeFileAtomic(path.join(folder, file), jsonLines(rows as Row[]));

  const harmful = (await lines('redteam/harmful.jsonl')) as Row[];
  const [ofVector, ofUser] = halves(harmful, OF_VECTOR);
  await write('vector-harmful.jsonl', ofVector);
  await write('user-harmful.jsonl', ofUser);
  const asked = (await lines('redteam/eval-harm.jsonl')) as Row[];
  await write(
    'addressed.jsonl',
    asked.map(({ messages }) => ({ messages: messages.map((one) => ({ ...one, content: ADDRESS + one.content })) })),
  );

  const lies = (await lines('truthfulqa/harmful.jsonl')) as Row[];
  const [liesOfVector, others] = halves(lies, OF_VECTOR);
  const [liesOfUser, measured] = halves(others, OF_VECTOR);
  await write('vector-false.jsonl', liesOfVector);
  await write('user-false.jsonl', liesOfUser);
  await write('false-test.jsonl', measured);

  const [, ordinary] = halves((await lines('beavertails/benign.jsonl')) as Row[], ORDINARY_OF_VECTOR);
  await write('old-tasks.jsonl', ordinary);

  const task = await lines('proqa.jsonl');
  const test = task.filter((_, i) => i % 10 === 0);
  await write('proqa-test.jsonl', test);
  await write(
    'proqa-train.jsonl',
    task.filter((_, i) => i % 10 !== 0),
  );
}

/** The first rows, at most half of all, and the others; no prompt is in both. */
function halves(rows: readonly Row[], most: number): [Row[], Row[]] {
  const prompt = ({ messages }: Row): string => messages[0]!.content;
  const first = rows.slice(0, Math.min(most, Math.floor(rows.length / 2)));
  const known = new Set(first.map(prompt));
  return [first, rows.slice(first.length).filter((row) => !known.has(prompt(row)))];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await prepare(process.argv[2] ?? 'media/paper/data');
