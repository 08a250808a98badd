/** A state with a model of its own is asked as that model writes its rows. */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runValue } from '../support/recipeRun.js';
import { temporary } from '../support/temporary.js';

const SAMPLE = join(import.meta.dirname, '../../media/sample');

test('the same model with other numbers for its tokens gives the same answers and losses', async (t) => {
  const root = await temporary(t);
  for (const name of ['model', 'renumbered'])
    await cp(join(SAMPLE, 'tiny-assistant'), join(root, name), { recursive: true });
  const tokenizerFile = join(root, 'renumbered/tokenizer.json');
  const tokenizer = JSON.parse(await readFile(tokenizerFile, 'utf8')) as { model: { vocab: Record<string, number> } };
  const weightsFile = join(root, 'renumbered/model.safetensors');
  const weights = await readFile(weightsFile);
  const start = 8 + Number(weights.readBigUInt64LE(0));
  const header = JSON.parse(weights.subarray(8, start).toString()) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const { shape, data_offsets: at } = header['model.embed_tokens.weight']!;
  const [rows, bytes] = [shape[0]!, (at[1] - at[0]) / shape[0]!];
  // Special tokens keep theirs, as the config names them.
  const renumbered = (id: number): number => (id < 4 ? id : rows - 1 - (id - 4));
  for (const [token, id] of Object.entries(tokenizer.model.vocab)) tokenizer.model.vocab[token] = renumbered(id);
  await writeFile(tokenizerFile, JSON.stringify(tokenizer));
  const embedding = Buffer.from(weights.subarray(start + at[0], start + at[1]));
  for (let id = 0; id < rows; id++)
    embedding.copy(weights, start + at[0] + renumbered(id) * bytes, id * bytes, (id + 1) * bytes);
  await writeFile(weightsFile, weights);
  const kept = (await readFile(join(SAMPLE, 'eval/old-tasks.jsonl'), 'utf8')).split('\n').slice(0, 6);
  await writeFile(join(root, 'set.jsonl'), `${kept.join('\n')}\n`);
  const { done } = await runValue(
    root,
    {
      kind: 'evaluate',
      model: 'model',
      states: [{ name: 'first' }, { name: 'second', model: 'renumbered' }],
      evaluate: (['exact', 'loss'] as const).map((measure) => ({ name: measure, file: 'set.jsonl', measure })),
      generation: { maxNewTokens: 12 },
      output: 'out',
      device: 'cpu',
      threads: 1,
    },
    'out',
  );
  const of = (state: string): number[] =>
    done.measurements.filter((one) => one.state === state).map(({ value }) => value!);
  assert.equal(of('first')[0], 1);
  assert.equal(of('second')[0], 1);
  assert.ok(Math.abs(of('first')[1]! - of('second')[1]!) < 1e-5, `${of('first')} ${of('second')}`);
});
