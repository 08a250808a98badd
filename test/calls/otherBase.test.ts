/** An adapter names the weights that it was trained on: wherever it meets a model, one of other weights is refused. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROLE_FILE } from '../../runtime/adapters/files.js';
import { calls } from '../../runtime/calls/calls.js';
import { runRecipe } from '../../runtime/calls/run.js';
import { PLAIN, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { silent } from '../support/silent.js';

let root: string;
const file = (...parts: string[]): string => join(root, ...parts);
const at = (name: string) => ({ path: file(name), scale: 1 });
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'other-base-'));
  await writeWorkspace(root);
  await run({ ...VECTOR, output: 'run' });
  await cp(file('run/adapter'), file('own'), { recursive: true });
  for (const name of ['foreign', 'silent']) await cp(file('own'), file(name), { recursive: true });
  const written = JSON.parse(await readFile(file('own', ROLE_FILE), 'utf8')) as { baseModel: object };
  const other = { ...written, baseModel: { ...written.baseModel, name: 'another', sha256: 'f'.repeat(64) } };
  await writeFile(file('foreign', ROLE_FILE), JSON.stringify(other));
  await rm(file('silent', ROLE_FILE));
});
after(() => rm(root, { recursive: true, force: true }));

async function run(value: object): Promise<void> {
  const recipe = file('recipe.json');
  await writeFile(recipe, JSON.stringify(value));
  await runRecipe(recipe, { ...silent, force: true });
}

const evaluated = { model: 'model', generation: { maxNewTokens: 3 }, batch: { rows: 2 }, threads: 1, device: 'cpu' };
const sets = PLAIN.evaluate.slice(1);
const rank2 = { rank: 2, alpha: 4 };

/** By what is done with the adapter. */
const USES: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
  'to answer': (name) =>
    calls.generate(
      {
        model: file('model'),
        adapters: [at(name)],
        ids: [5, 6, 7],
        options: { maxNewTokens: 1, temperature: 0, topP: 1 },
      },
      silent,
    ),
  'to score rows': (name) =>
    calls.score({ model: file('model'), adapters: [at(name)], data: file('train.jsonl'), device: 'cpu' }, silent),
  'to be evaluated': (name) =>
    run({ ...evaluated, kind: 'evaluate', adapters: [{ adapter: name }], evaluate: sets, output: 'evaluated' }),
  'in a state of an evaluation': (name) =>
    run({
      ...evaluated,
      kind: 'evaluate',
      states: [{ name: 'b' }, { name: 's', model: 'model', adapters: [{ adapter: name }] }],
      evaluate: sets,
      output: 'states',
    }),
  'to start a fine-tuning from': (name) =>
    run({ ...PLAIN, adapter: { ...rank2, init: name }, steps: 1, evaluate: [], output: 'tuned' }),
  'to start a vector from': (name) =>
    run({ ...VECTOR, adapter: { ...rank2, init: name }, steps: 1, output: 'started' }),
  'to be exported': async (name) => {
    await calls.export({ model: file('model'), adapters: [at(name)], format: 'peft', out: file('out') }, silent);
    await rm(file('out'), { recursive: true });
  },
  'to be combined': async (name) => {
    await calls.combine({ model: file('model'), adapters: [at('silent'), at(name)], out: file('sum') }, silent);
    await rm(file('sum'), { recursive: true });
  },
};

for (const [what, use] of Object.entries(USES))
  test(`an adapter of other weights is refused ${what}; its own and one that names none are taken`, async () => {
    const refused = {
      name: 'HumanError',
      message: /^it was trained on other weights \(another\)/,
      place: file('foreign'),
    };
    await assert.rejects(use('foreign'), refused);
    await use('own');
    await use('silent');
  });

test('an adapter belongs to no model that another one was merged into', async () => {
  const format = 'safetensors';
  await run({ ...PLAIN, adapter: rank2, steps: 1, evaluate: [], output: 'task' });
  await calls.export({ model: file('model'), adapters: [at('task')], format, out: file('merged') }, silent);
  const options = { maxNewTokens: 1, temperature: 0, topP: 1 };
  const asked = calls.generate({ model: file('merged'), adapters: [at('own')], ids: [5], options }, silent);
  await assert.rejects(asked, /other weights/);
});
