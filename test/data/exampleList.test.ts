import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadData } from '../../runtime/context/context.js';
import { firstOf, pieces, subset } from '../../runtime/data/exampleList.js';
import { loadExamples } from '../../runtime/data/examples.js';
import { openRowIndex } from '../../runtime/data/rowIndex.js';
import { openScratch, type Scratch } from '../../runtime/data/scratch.js';
import { Cancelled } from '../../runtime/support/errors.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import type { Tokenizer } from '../../runtime/models/text/tokenizer.js';
import { batchPlan } from '../../runtime/recipes/training/steps.js';
import { watch } from '../support/faults.js';

const smollm2 = join(import.meta.dirname, '../fixtures/smollm2');
let folder: string;
let tokenizer: Tokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'example-list-'));
  tokenizer = await loadTokenizer(smollm2);
});
after(() => rm(folder, { recursive: true }));

/** Rows of every kind and of many lengths, one in seven of them unusable. */
async function mixed(rows: number): Promise<string> {
  const lines = Array.from({ length: rows }, (_, i) => {
    if (i % 7 === 3) return '{"messages": []}';
    const messages = [
      { role: 'user', content: `Question ${i}: ${'why '.repeat(i % 23)}é?` },
      { role: 'assistant', content: `Because of ${i}.` },
    ];
    return JSON.stringify({ messages, ...(i % 2 ? { label: 'harmful' } : {}) });
  });
  const file = join(folder, 'mixed.jsonl');
  await writeFile(file, lines.join('\n'));
  return file;
}

test('rows that rest on disk are the rows that stay in memory, by index and in order', async () => {
  const file = await mixed(300);
  const place = join(folder, 'scratch');
  const scratch = openScratch(place);
  const memory = await loadExamples(file, tokenizer, { scratch });
  assert.ok(Array.isArray(memory.examples));
  const disk = await loadExamples(file, tokenizer, { scratch, tokensInMemory: 2000 });
  assert.ok(!Array.isArray(disk.examples));
  const all = [...memory.examples];
  assert.deepEqual([...disk.examples], all);
  assert.deepEqual({ ...disk, examples: [] }, { ...memory, examples: [] });
  assert.equal(disk.skippedRows, 43);
  for (const i of [0, 256, 5, 100, 99]) assert.deepEqual(disk.examples.at(i), all[i]);
  assert.equal(disk.examples.at(-1), undefined);
  assert.equal(disk.examples.at(257), undefined);
  // a step's batch is the same whichever way the rows are kept
  const step = (examples: typeof disk.examples) => batchPlan(examples, { rows: 4, accumulate: 2, seed: 3 })(70);
  assert.deepEqual(step(disk.examples), step(memory.examples));
  const some = subset(disk.examples, [256, 7]);
  assert.deepEqual([...some], [all[256], all[7]]);
  assert.deepEqual(firstOf(disk.examples, 3), all.slice(0, 3));
  assert.deepEqual(firstOf(all.slice(0, 2), 3), all.slice(0, 2));
  assert.deepEqual(
    [...pieces(disk.examples, 100)].map((piece) => piece.length),
    [100, 100, 57],
  );
  // nothing to clean up, even when the program is killed
  assert.deepEqual(await readdir(place), []);
  scratch.close();
  assert.throws(() => disk.examples.at(256), /EBADF|bad file/i);
});

test('folders that were made for temporary files go with them, and what is somebody else’s stays', async () => {
  const made = join(folder, 'made');
  const [one, other] = [1, 2].map(() => openScratch(join(made, 'cache'))) as [Scratch, Scratch];
  one.open();
  other.open();
  one.close();
  // where it has room, also when the first one has just removed the folder
  other.open();
  assert.deepEqual(await readdir(made), ['cache']);
  other.close();
  assert.ok(!existsSync(made));
  one.open();
  await writeFile(join(made, 'theirs'), '');
  one.close();
  assert.deepEqual(await readdir(made), ['theirs']);
  other.open();
  other.close();
  assert.deepEqual(await readdir(made), ['theirs']);
});

test('data of a place that is read-only are read all the same', async () => {
  const file = await mixed(20);
  const end = watch({ root: folder, fault: 'erofs:1' });
  const scratch = openScratch(join(folder, 'read-only'));
  try {
    const { rows } = await openRowIndex(file, { scratch });
    assert.equal(rows.length, [...rows].length);
    const { examples } = await loadExamples(file, tokenizer, { scratch, tokensInMemory: 0 });
    assert.ok(!Array.isArray(examples));
    assert.equal([...examples].length, examples.length);
  } finally {
    end();
    scratch.close();
  }
  assert.ok(!existsSync(join(folder, 'read-only')));
});

test('loading reports its progress, and stops when asked', async () => {
  // Progress is that of the file's bytes: most of them are of a field that nobody tokenises.
  const text = JSON.stringify({ prompt: 'Why?', completion: 'So.', note: 'x'.repeat(2000) });
  const file = join(folder, 'long.jsonl');
  await writeFile(file, `${text}\n`.repeat(1000));
  const scratch = openScratch(folder);
  const spec = decoderSpec({
    ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], hidden_size: 8, num_hidden_layers: 1 },
    ...{ num_attention_heads: 2, intermediate_size: 8, vocab_size: tokenizer.vocabSize, rms_norm_eps: 1e-5 },
    ...{ hidden_act: 'silu', max_position_embeddings: 512 },
  });
  const abort = new AbortController();
  const shares: number[] = [];
  const say = (message: string, share: number): void => {
    assert.equal(message, 'reading long.jsonl');
    shares.push(share);
    if (share > 0.5) abort.abort();
  };
  await assert.rejects(
    loadData({ tokenizer, spec, scratch }, file, {}, { warn: assert.fail, progress: say, signal: abort.signal }),
    Cancelled,
  );
  assert.ok(shares.length >= 3 && shares[0]! < 0.25, shares.join());
  assert.ok(
    shares.every((share, i) => share > (shares[i - 1] ?? 0) && share < 0.75),
    shares.join(),
  );
});
