/** Rows of the data that an anchor holds: those that look harmful, and none that measures the run. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { FEW_ROWS, jsonLines, sampleWorkspace, type Workspace } from '../calls/support.js';
import { silent } from '../support/silent.js';

interface Row {
  messages: { role: string; content: string }[];
  label?: string;
}
let workspace: Workspace;
let ordinary: Row[];
let harmful: Row[];
let runs = 0;
before(async () => {
  workspace = await sampleWorkspace();
  const vector = await workspace.recipe('vector.json', {
    harmful: { file: '../data/harmful.jsonl' },
    benign: FEW_ROWS.benign,
    ...{ epochs: undefined, steps: 40, evaluateEvery: 40 },
  });
  await runRecipe(vector, silent);
  const rows = jsonLines<Row>(await readFile(workspace.file('data/train.jsonl'), 'utf8'));
  harmful = rows.filter(({ label }) => label === 'harmful').slice(0, 40);
  ordinary = rows.filter(({ label }) => label !== 'harmful').slice(0, 40);
});
after(() => workspace.remove());

const lines = (rows: readonly Row[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** How many rows of this data an anchor holds where a set of harm asks these. */
async function held(data: readonly Row[], asked: readonly Row[], protection: unknown = true): Promise<number> {
  await writeFile(workspace.file('data/mine.jsonl'), lines(data));
  await writeFile(workspace.file('eval/mine.jsonl'), lines(asked));
  const recipe = await workspace.recipe('protected.json', {
    data: { file: '../data/mine.jsonl' },
    evaluate: asked.length > 0 ? [{ name: 'mine', file: '../eval/mine.jsonl', measure: 'harm' }] : [],
    ...{ probes: undefined, epochs: undefined, steps: 1, generation: { maxNewTokens: 1 }, protection },
    output: `../adapters/${runs++}`,
  });
  let count = 0;
  const stop = new AbortController();
  const { outcome } = await runRecipe(recipe, {
    signal: stop.signal,
    onEvent(event) {
      if (event.kind !== 'state') return;
      count = Number(/^the anchor holds (\d+) of the rows that look harmful/.exec(event.message)?.[1] ?? count);
      // what is held is said before
      if (event.state === 'training') stop.abort();
    },
  });
  assert.equal(outcome, 'stopped');
  return count;
}

test('rows that look harmful are held; none that an evaluation set of harm asks', async () => {
  const all = await held([...harmful, ...ordinary], []);
  assert.ok(all >= 30, `${all} of 40`);
  assert.equal(await held([...harmful, ...ordinary], harmful.slice(0, 25)), await held([...harmful.slice(25), ...ordinary], [])); // oxfmt-ignore
  assert.equal(await held([...harmful, ...ordinary], [], { anchor: false }), 0);
  assert.equal(await held(ordinary, []), 0);
});

test('warnings that come at once are recorded one after the other', async () => {
  const data = [...harmful, ...ordinary];
  for (const name of ['mine', 'named']) await writeFile(workspace.file(`data/${name}.jsonl`), lines(data));
  const recipe = await workspace.recipe('protected.json', {
    ...{ data: { file: '../data/mine.jsonl' }, evaluate: [], probes: undefined, epochs: undefined, steps: 1 },
    protection: { ordinary: { file: '../data/named.jsonl' } },
    output: '../adapters/warned',
  });
  const said: RunEvent[] = [];
  await runRecipe(recipe, { signal: new AbortController().signal, onEvent: (event) => said.push(event) });
  const warnings = said.filter(({ kind }) => kind === 'warning');
  assert.ok(warnings.length >= 2, JSON.stringify(warnings));
  const kept = jsonLines<RunEvent>(await readFile(workspace.file('adapters/warned/events.jsonl'), 'utf8'));
  assert.deepEqual(
    kept.filter(({ kind }) => kind === 'warning'),
    warnings,
  );
});

test('nor one with a prompt that the vector held out: the verdict rests on these', async () => {
  const prompts = jsonLines<{ messages: Row['messages']; harmful: string; heldOut?: boolean }>(
    await readFile(workspace.file('vectors/forbidden-topic/prompts.jsonl'), 'utf8'),
  );
  const rows = prompts.flatMap(({ messages, harmful: content, heldOut }) =>
    heldOut ? [{ messages: [...messages, { role: 'assistant', content }] }] : [],
  );
  assert.ok(rows.length >= 16);
  assert.equal(await held([...rows, ...ordinary], []), 0);
  const others = await held([...harmful, ...ordinary], []);
  assert.equal(await held([...rows, ...harmful, ...ordinary], []), others);
});
