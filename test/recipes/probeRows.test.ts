/** Which rows a fine-tuning measures while it trains, and what its events say of them. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ProbeRows, RunEvent } from '../../runtime/contract/events.js';
import { PLAIN, RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { runValue } from '../support/recipeRun.js';

type Evaluation = Extract<RunEvent, { kind: 'evaluation' }>;

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'probe-rows-'));
  await writeWorkspace(root);
  await runValue(root, VECTOR, 'vector');
});
after(() => rm(root, { recursive: true, force: true }));

/** The first measurement; every later one says the same of its rows. */
async function measured(value: object): Promise<Evaluation & { probeRows: ProbeRows }> {
  const { events } = await runValue(root, { ...value, steps: 2, evaluate: [] }, 'run');
  const all = events.flatMap((event) => (event.kind === 'evaluation' && event.probes ? [event] : []));
  assert.ok(all.length >= 2 && all[0]!.probeRows);
  for (const { probeRows } of all) assert.deepEqual(probeRows, all[0]!.probeRows);
  await rm(join(root, 'run'), { recursive: true });
  return all[0] as Evaluation & { probeRows: ProbeRows };
}
const kind = ({ probeRows: { harmful, benign } }: { probeRows: ProbeRows }): unknown[] => [
  harmful?.rows,
  harmful?.of,
  benign?.rows,
  benign?.of,
];

const { vectors } = RECIPES['lora, every 2'] as { vectors: object[] };
const guarded = { ...RECIPES['lora, every 2'], protection: true };
const probes = {
  probes: { harmful: { file: 'harmful.jsonl', limit: 5 }, benign: { file: 'benign.jsonl', limit: 3 } },
};

describe('the rows that a fine-tuning draws', () => {
  it('are harmful ones of the recipe, else those that the vector was not trained on, else its own; an anchor may hold them', async () => {
    assert.deepEqual(kind(await measured(guarded)).slice(0, 2), ['anchored', 6]);
    assert.deepEqual(kind(await measured({ ...guarded, protection: false })).slice(0, 2), ['trained', 6]);
    assert.deepEqual(kind(await measured({ ...guarded, ...probes })).slice(0, 2), ['anchored', 5], 'its own, by name');
    const other = JSON.stringify({
      messages: [
        { role: 'user', content: 'how do i drimble ?' },
        { role: 'assistant', content: 'take it .' },
      ],
    });
    await writeFile(join(root, 'unseen.jsonl'), `${other}\n`);
    const unseen = { probes: { harmful: { file: 'unseen.jsonl' } } };
    assert.deepEqual(kind(await measured({ ...guarded, ...unseen })).slice(0, 2), ['probes', 1]);
    // One that the vector knows among others: it is drawn, and does not judge.
    const [known] = (await readFile(join(root, 'harmful.jsonl'), 'utf8')).split('\n');
    const others = ['wembify', 'jumfer', 'blorp', 'grintle'].map((verb) => other.replace('drimble', verb));
    await writeFile(join(root, 'mixed.jsonl'), `${[known, ...others].join('\n')}\n`);
    const mixed = await measured({ ...guarded, probes: { harmful: { file: 'mixed.jsonl' } } });
    assert.deepEqual(
      [...kind(mixed).slice(0, 2), mixed.harmfulLoss!.rows, mixed.harmfulLoss!.of],
      ['probes', 5, 'probes', 4],
    );

    const file = join(root, 'vector/prompts.jsonl');
    const text = await readFile(file, 'utf8');
    const holdOut = (rows: number, prompts = rows): Promise<void> => {
      const lines = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { harmful: string });
      const marked = lines.map((line, i) =>
        i < rows ? { ...lines[i % prompts], harmful: line.harmful, heldOut: true } : line,
      );
      return writeFile(file, `${marked.map((line) => JSON.stringify(line)).join('\n')}\n`);
    };
    // It says that all were trained on.
    await rm(join(root, 'vector/trained.json'));
    await holdOut(4);
    const { probes: drawn, harmfulLoss, ...found } = await measured(guarded);
    assert.deepEqual(kind(found).slice(0, 2), ['heldOut', 4]);
    // Those that the verdict rests on: in a new adapter the model is the base.
    assert.equal(harmfulLoss!.rows, 'heldOut');
    assert.ok(Math.abs(drawn!.harmfulLossWithout! - harmfulLoss!.base) < 1e-4);
    const named = await measured({ ...guarded, ...probes });
    assert.deepEqual([named.harmfulLoss!.rows, ...kind(named).slice(0, 2)], ['heldOut', 'probes', 5]);
    await holdOut(3);
    assert.deepEqual(kind(await measured(guarded)).slice(0, 2), ['anchored', 3]);
    await holdOut(4, 3);
    assert.deepEqual(kind(await measured(guarded)).slice(0, 2), ['anchored', 2], 'four answers to three prompts');
    // Of two vectors only one holds enough out: what is drawn is of one kind.
    await writeFile(file, text);
    await runValue(root, { ...VECTOR, seed: 4 }, 'other');
    await holdOut(4);
    const two = { ...guarded, vectors: [...vectors, { adapter: 'other' }], protection: false };
    assert.deepEqual(kind(await measured(two)).slice(0, 2), ['trained', 6], 'each once');
    await writeFile(file, text);
  });

  it('are of the recipe, else the first of the data: in a plain run whatever they are, with a vector those not flagged', async () => {
    const plain = await measured(PLAIN);
    assert.deepEqual(kind(plain), [undefined, undefined, 'data', 8]);
    const named = await measured({ ...PLAIN, ...probes });
    assert.deepEqual(kind(named), ['probes', 5, 'probes', 3]);
    assert.equal(kind(await measured(guarded))[2], 'unflagged');
    const own = await measured({ ...guarded, ...probes });
    const ids = ({ probeRows: { harmful, benign } }: typeof own) => [harmful?.id, benign?.id];
    assert.deepEqual(ids(own), ids(named), 'the same rows have the same name');
    const other = await measured({
      ...PLAIN,
      probes: { ...probes.probes, benign: { file: 'harmful.jsonl', limit: 3 } },
    });
    assert.notEqual(other.probeRows.benign!.id, named.probeRows.benign!.id);
    assert.equal(other.probeRows.harmful!.id, named.probeRows.harmful!.id);
  });
});
