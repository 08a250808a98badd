/** An adapter that training starts from keeps its own settings, and the recipe says nothing else of them. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runValue } from '../support/recipeRun.js';

let root: string;
const file = (...parts: string[]): string => join(root, ...parts);
const json = async (...parts: string[]): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(file(...parts), 'utf8')) as Record<string, unknown>;

const short = { model: 'tiny-assistant', steps: 1, batch: { rows: 4, maxTokens: 64 } };
const tuning = { ...short, kind: 'finetune', data: { file: 'data/train.jsonl', limit: 8 }, output: 'adapter' };
const vector = { ...short, kind: 'vector', harmful: { file: 'data/harmful.jsonl', limit: 8 }, output: 'vector' };
const own = { rank: 4, alpha: 8, sites: ['q_proj', 'v_proj'] };

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'start-adapter-'));
  await cp(join(import.meta.dirname, '../../media/sample'), root, { recursive: true });
  await runValue(root, { ...tuning, adapter: own }, 'init');
});
after(() => rm(root, { recursive: true, force: true }));

test('settings of a LoRA that the first adapter does not have are refused', async () => {
  const refused: [object, string, RegExp][] = [
    [{ rank: 8 }, 'adapter.rank', /"rank" is 8, and the adapter that training starts from has 4/],
    [{ ...own, alpha: 16 }, 'adapter.alpha', /"alpha" is 16, .* has 8/],
    [{ sites: 'all-linear' }, 'adapter.sites', /"sites" is "all-linear", .* has \["q_proj","v_proj"\]/],
  ];
  for (const recipe of [tuning, vector])
    for (const [written, place, message] of refused)
      await assert.rejects(runValue(root, { ...recipe, adapter: { ...written, init: 'init' } }, 'refused'), {
        ...{ name: 'HumanError', place, message },
        remedy: 'Leave it out: an adapter named by "init" keeps its own rank, alpha and sites.',
      });
});

test('its own settings may be written or left out; the run keeps the recipe as it is written', async () => {
  for (const [name, written] of Object.entries({ none: {}, all: { ...own, sites: '.*[qv]_proj' } })) {
    await runValue(root, { ...tuning, adapter: { ...written, init: 'init' } }, name);
    const { r, lora_alpha, target_modules } = await json(name, 'adapter/adapter_config.json');
    assert.deepEqual({ rank: r, alpha: lora_alpha, sites: target_modules }, own);
    assert.deepEqual((await json(name, 'recipe.json')).adapter, { ...written, init: 'init' });
  }
});

test('an adapter that was trained with dropout is trained without, and says so in its config', async () => {
  await cp(file('init'), file('dropped'), { recursive: true });
  const config = file('dropped/adapter/adapter_config.json');
  await writeFile(
    config,
    JSON.stringify({ ...(await json('dropped/adapter/adapter_config.json')), lora_dropout: 0.1 }),
  );
  for (const [name, recipe] of Object.entries({ tuned: tuning, vector })) {
    const { events } = await runValue(root, { ...recipe, adapter: { init: 'dropped' } }, name);
    const warnings = events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
    assert.equal(
      warnings.filter((text) => /trained with a dropout of 0\.1; it is now trained without/.test(text)).length,
      1,
    );
    assert.equal((await json(name, 'adapter/adapter_config.json')).lora_dropout, 0);
  }
});

test('a fine-tuning that starts from a security vector is told so: what that says is delivered', async () => {
  await runValue(root, { ...vector, output: 'harm' }, 'harm');
  const told = async (recipe: object, name: string): Promise<(string | undefined)[]> => {
    const { events } = await runValue(root, { ...recipe, adapter: { init: 'harm' } }, name);
    return events.flatMap((event) =>
      event.kind === 'warning' && event.message.includes('is a security vector') ? [event.place] : [],
    );
  };
  assert.deepEqual(await told(tuning, 'from-vector'), ['adapter.init']);
  assert.deepEqual(await told(vector, 'longer'), []);
});

test('a warm-up that is as long as the run is told: its learning rate is never reached', async () => {
  for (const [name, recipe] of Object.entries({ tuned: tuning, vector })) {
    const warned = async (warmupSteps: number): Promise<string[]> => {
      const optimizer = { learningRate: 1e-3, warmupSteps };
      const { events } = await runValue(root, { ...recipe, optimizer, steps: 2 }, `${name}-${warmupSteps}`);
      return events.flatMap((event) =>
        event.kind === 'warning' && event.place === 'optimizer.warmupSteps' ? [event.message] : [],
      );
    };
    assert.deepEqual(await warned(2), ['the warm-up has 2 steps, and the run 2: its learning rate is never reached.']);
    assert.deepEqual([await warned(1), await warned(0.9)], [[], []]);
  }
});
