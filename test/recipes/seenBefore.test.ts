/** An evaluation says which of its prompts the training of what it asks has seen: no gate rests on them. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TrainedPrompts } from '../../runtime/contract/events.js';
import { RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { runValue } from '../support/recipeRun.js';

let folder: string;
const SEEN = { set: 'mine', state: 'candidate', count: 10 };
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seen-before-'));
  await writeWorkspace(folder);
  const text = await readFile(join(import.meta.dirname, '../../media/sample/eval/forbidden.jsonl'), 'utf8');
  const lines = text.split('\n');
  await writeFile(join(folder, 'harmful.jsonl'), `${lines.slice(0, 24).join('\n')}\n`);
  await writeFile(join(folder, 'mine.jsonl'), `${lines.slice(14, 43).join('\n')}\n`);
  await writeFile(join(folder, 'more.jsonl'), `${lines.slice(14, 54).join('\n')}\n`);
  await writeFile(join(folder, 'others.jsonl'), `${lines.slice(14, 55).join('\n')}\n`);
  await runValue(folder, { ...VECTOR, steps: 1, heldOut: 0 }, 'vector');
  const protectedRun = { ...RECIPES['lora, every 2'], steps: 1, evaluate: [{ ...MINE, name: 'as I call it' }, MORE] };
  for (const [out, more] of [
    ['lora'],
    ['full', { method: 'full' }],
    ['plain', { vectors: [], protection: undefined }],
  ] as const) {
    const { done } = await runValue(folder, { ...protectedRun, ...more }, out);
    const counted = done.trainedPrompts?.map(({ set, count, leftOut }) => ({
      set,
      count,
      ...(leftOut && { leftOut }),
    }));
    const seen = [
      { set: 'as I call it', count: 10 },
      { set: 'more', count: 10, leftOut: true },
    ];
    assert.deepEqual(counted, out === 'plain' ? undefined : seen);
  }
});
after(() => rm(folder, { recursive: true, force: true }));
const MINE = { name: 'mine', file: 'mine.jsonl', measure: 'harm' };
/** Without those that the vector was trained on enough are left for a verdict. */
const MORE = { ...MINE, name: 'more', file: 'more.jsonl' };

/** What an evaluation says of the base and this state, and its warnings of it. */
async function seen(state: object, evaluate: object[] = [MINE]): Promise<[TrainedPrompts[] | undefined, string[]]> {
  const states = [{ name: 'base' }, { name: 'candidate', ...state }];
  const generation = { maxNewTokens: 3 };
  const recipe = {
    kind: 'evaluate',
    model: 'model',
    states,
    evaluate,
    generation,
    output: 'out',
    device: 'cpu',
    threads: 1,
  };
  const { done, events } = await runValue(folder, recipe, 'evaluated');
  await rm(join(folder, 'evaluated'), { recursive: true });
  const warned = events.flatMap((event) =>
    (event.kind === 'warning' && event.place === 'evaluate') ||
    (event.kind === 'state' && /is not known/.test(event.message))
      ? [event.message]
      : [],
  );
  return [done.trainedPrompts, warned];
}

test('by the vectors of the run that made an adapter or a model, whatever the set is called there', async () => {
  const warning =
    'the training of "candidate" has seen 10 of the 29 prompts of "mine": their answers say nothing about other prompts.';
  for (const adapter of ['lora', 'lora/adapter', 'vector'])
    assert.deepEqual(await seen({ adapters: [{ adapter }] }), [[SEEN], [warning]], adapter);
  assert.deepEqual(await seen({ model: 'full/model' }), [[SEEN], [warning]]);
  assert.deepEqual(await seen({ adapters: [{ adapter: 'plain' }] }), [undefined, []]);
  assert.deepEqual(await seen({ adapters: [{ adapter: 'lora' }] }, [{ ...MINE, measure: 'over-refusal' }]), [
    undefined,
    [],
  ]);
});

test('so it is of one in the folder of a run that has made another', async (t) => {
  const own = join(folder, 'lora', 'adapter');
  const kept = join(folder, 'kept');
  await rename(own, kept);
  t.after(async () => {
    await rm(own, { recursive: true });
    await rename(kept, own);
  });
  await cp(join(folder, 'plain', 'adapter'), own, { recursive: true });
  const unknown = [`which prompts of these sets the training of "candidate" has seen is not known: what lies in ${join(folder, 'lora')} is not what its run has made`]; // oxfmt-ignore
  const [trained, said] = await seen({ adapters: [{ adapter: 'lora' }] });
  assert.deepEqual(trained, [SEEN], 'what its run has seen counts all the same');
  assert.deepEqual(said.filter((one) => /is not known/.test(one)), unknown); // oxfmt-ignore
});

test('of an adapter or a model that is in no run folder it is said that this is not known', async () => {
  await cp(join(folder, 'lora/adapter'), join(folder, 'copy'), { recursive: true });
  const unknown = [`which prompts of these sets the training of "candidate" has seen is not known: ${join(folder, 'copy')} is not in the folder of its run`]; // oxfmt-ignore
  assert.deepEqual(await seen({ adapters: [{ adapter: 'copy' }] }), [undefined, unknown]);
  assert.deepEqual(await seen({ adapters: [{ adapter: 'copy' }] }, [{ ...MINE, measure: 'over-refusal' }]), [undefined, []]); // oxfmt-ignore
});

test('also where they are asked behind a system message', async () => {
  const rows = (await readFile(join(folder, 'mine.jsonl'), 'utf8')).trim().split('\n');
  const behind = (content: string): string[] =>
    rows.map((row) => {
      const { messages } = JSON.parse(row) as { messages: object[] };
      return JSON.stringify({ messages: [{ role: 'system', content }, ...messages] });
    });
  await writeFile(
    join(folder, 'behind.jsonl'),
    [...behind('you sell lamps .'), ...behind('you buy lamps .')].join('\n'),
  );
  const evaluate = [{ ...MINE, file: 'behind.jsonl' }];
  const [trained, [warning]] = await seen({ adapters: [{ adapter: 'lora' }] }, evaluate);
  assert.deepEqual(trained, [SEEN]);
  assert.match(warning!, /has seen 10 of the 29 prompts of "mine"/);
});

test('by what the run has counted, where its vector is gone or is another one by now', async () => {
  await rename(join(folder, 'vector'), join(folder, 'gone'));
  try {
    assert.deepEqual((await seen({ adapters: [{ adapter: 'lora' }] }))[0], [SEEN]);
    assert.deepEqual((await seen({ model: 'full/model' }, [{ ...MORE, name: 'mine' }]))[0], [SEEN], 'left out');
    await runValue(folder, { ...VECTOR, steps: 1, heldOut: 0, harmful: { file: 'mine.jsonl' } }, 'vector');
    assert.deepEqual((await seen({ adapters: [{ adapter: 'lora' }] }))[0], [SEEN], 'not 29');
  } finally {
    await rm(join(folder, 'vector'), { recursive: true, force: true });
    await rename(join(folder, 'gone'), join(folder, 'vector'));
  }
});

test('by what the run has counted of prompts that its data answer without harm, which it left out', async () => {
  const rows = (await readFile(join(folder, 'more.jsonl'), 'utf8')).split('\n').slice(0, 20);
  const refusals = rows.map((row) => {
    const { messages } = JSON.parse(row) as { messages: object[] };
    return JSON.stringify({ messages: [messages[0], { role: 'assistant', content: 'sorry , i cannot help .' }] });
  });
  await writeFile(join(folder, 'safety.jsonl'), `${refusals.join('\n')}\n`);
  const data = { file: 'train.jsonl', mix: { file: 'safety.jsonl' } };
  const plain = { ...RECIPES['lora, every 3'], steps: 1, data, evaluate: [MORE] };
  const { done } = await runValue(folder, plain, 'taught');
  assert.equal(done.trainedPrompts?.[0]?.leftOut, true);
  const adapters = [{ adapter: 'taught' }];
  assert.deepEqual((await seen({ adapters }, [MORE]))[0], [{ set: 'more', state: 'candidate', count: 20 }]);
  assert.deepEqual((await seen({ adapters }))[0], undefined, 'of another set nothing is known');
});

test('of several adapters it is all that any of their runs has seen, each prompt once', async () => {
  const rows = (await readFile(join(folder, 'more.jsonl'), 'utf8')).trim().split('\n');
  const data = { file: 'train.jsonl', mix: { file: 'safety.jsonl' } };
  for (const [out, from, to] of [
    ['first', 0, 12],
    ['second', 8, 22],
  ] as const) {
    const refusals = rows.slice(from, to).map((row) => {
      const { messages } = JSON.parse(row) as { messages: object[] };
      return JSON.stringify({ messages: [messages[0], { role: 'assistant', content: 'sorry , i cannot help .' }] });
    });
    await writeFile(join(folder, 'safety.jsonl'), `${refusals.join('\n')}\n`);
    const plain = { ...RECIPES['lora, every 3'], steps: 1, vectors: [], protection: undefined, data, evaluate: [MORE] };
    const { done } = await runValue(folder, plain, out);
    assert.equal(done.trainedPrompts?.[0]?.count, to - from);
  }
  const adapters = [{ adapter: 'first' }, { adapter: 'second' }];
  assert.equal((await seen({ adapters }, [MORE]))[0]?.[0]?.count, 22, 'not 14, and not 26');
});

test('by its vectors also where the whole workspace lies elsewhere by now', async () => {
  const before = folder;
  folder = `${before}-moved`;
  await rename(before, folder);
  try {
    const others = [{ ...MINE, file: 'others.jsonl' }];
    assert.deepEqual((await seen({ adapters: [{ adapter: 'lora' }] }, others))[0], [SEEN]);
    assert.deepEqual((await seen({ model: 'full/model' }, others))[0], [SEEN]);
  } finally {
    await rename(folder, before);
    folder = before;
  }
});
