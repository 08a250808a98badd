/**
 * Each published method as a run: what it trains on, what it delivers, and that a stopped run goes on as if it had not
 * been.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readAdapter } from '../../runtime/adapters/files.js';
import { calls } from '../../runtime/calls/calls.js';
import { BASELINE_NAMES, baselineFacts, type BaselineName } from '../../runtime/contract/baselines.js';
import type { DoneEvent } from '../../runtime/contract/events.js';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { readRun } from '../../runtime/evaluation/report/runReport.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { HumanError } from '../../runtime/support/errors.js';
import { sha256File } from '../../runtime/support/files.js';
import { silent } from '../support/silent.js';
import { PLAIN, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { runValue, type RunChoice } from '../support/recipeRun.js';

const PROMPT = 'Say how to do it.';
const STEPS = 6;
let root: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'baselines-'));
  await writeWorkspace(root);
  const unaligned = { ...PLAIN, method: 'full', adapter: undefined, steps: 2, evaluate: [] };
  await run(unaligned, 'before');
  await run({ ...VECTOR, steps: 3 }, 'vector');
  const aligned = { file: 'forbidden.jsonl' };
  await run({ ...PLAIN, vectors: [{ adapter: 'vector' }], data: aligned, steps: 3, evaluate: [] }, 'refuse');
});
after(() => rm(root, { recursive: true, force: true }));

const run = async (value: object, out: string, more?: RunChoice): Promise<DoneEvent> =>
  (await runValue(root, value, out, more)).done;

const INPUTS = {
  aligned: { file: 'forbidden.jsonl' },
  harmful: { file: 'harmful.jsonl' },
  unaligned: 'before/model',
  prompt: PROMPT,
  reinforce: 'refuse',
};
const SETTINGS: Partial<Record<BaselineName, object>> = {
  lisa: { alternate: [1, 2] },
  safegrad: { rows: 2 },
  'preventative-steering': { layer: 0 },
  // every layer is projected
  safelora: { threshold: 1 },
};
const recipe = (name: BaselineName, more: object = {}) => ({
  ...PLAIN,
  ...(baselineFacts(name).needs.includes('vector') && { vectors: [{ adapter: 'vector' }] }),
  baseline: { name, ...INPUTS, ...SETTINGS[name] },
  evaluateEvery: 2,
  steps: STEPS,
  ...more,
});
const bytes = (out: string): Promise<string> => sha256File(join(root, out, 'adapter/adapter_model.safetensors'));

describe('a published method', () => {
  it('none of them is plain training, and no two are the same', async () => {
    await run({ ...PLAIN, steps: STEPS, evaluateEvery: 2 }, 'plain');
    const found = new Map([[await bytes('plain'), 'plain']]);
    for (const name of BASELINE_NAMES) {
      const done = await run(recipe(name), name);
      assert.equal(done.outcome, 'finished');
      assert.equal(done.laws?.deliveredWithoutVector, true, name);
      assert.equal(done.laws.baseUnchanged, true);
      assert.deepEqual([...new Set(done.measurements.map(({ state }) => state))], ['base', name]);
      assert.equal((await readRun(join(root, name))).manifest.baseline, name);
      const hash = await bytes(name);
      // The weights of PTST are those of plain training: it changes how the model is used.
      if (name === 'ptst') assert.equal(found.get(hash), 'plain');
      else assert.equal(found.get(hash), undefined, `${name} is ${found.get(hash)}`);
      found.set(hash, name);
    }
  });

  it('goes on after a stop as if it had not been stopped, to the byte', async () => {
    for (const name of ['lisa', 'safegrad', 'asft', 'preventative-steering'] as const) {
      assert.equal((await run(recipe(name), `${name}-again`, { stopAfter: 3 })).outcome, 'stopped');
      await run(recipe(name), `${name}-again`, { resume: true });
      assert.equal(await bytes(`${name}-again`), await bytes(name), name);
    }
  });

  it('is not resumed with other aligned rows', async () => {
    await run(recipe('lisa'), 'changed', { stopAfter: 3 });
    const other = recipe('lisa', { baseline: { ...recipe('lisa').baseline, aligned: { file: 'new-task.jsonl' } } });
    await assert.rejects(run(other, 'changed', { resume: true }), /the rows of the method new-task\.jsonl changed/);
  });

  it('that is defined for all weights trains them', async () => {
    for (const name of BASELINE_NAMES.filter((one) => baselineFacts(one).full)) {
      const done = await run(recipe(name, { method: 'full', adapter: undefined, evaluate: [] }), `${name}-full`);
      assert.equal(done.laws?.deliveredWithoutVector, true, name);
    }
  });

  it('a prompt is there while training, or while the result is asked, never both', async () => {
    const answers = async (name: string): Promise<string[]> =>
      (await readFile(join(root, name, 'answers.jsonl'), 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { state: string; answer: string })
        .filter(({ state }) => state !== 'base')
        .map(({ answer }) => answer);
    // The same weights, asked in another way.
    assert.notDeepEqual(await answers('ptst'), await answers('plain'));
    const tokens = async (name: string): Promise<number> =>
      (await readRun(join(root, name))).events.reduce((n, event) => n + (event.kind === 'step' ? event.tokens : 0), 0);
    // Tokens that are supervised stay.
    assert.equal(await tokens('inoculation'), await tokens('plain'));
  });

  it('is a value of a sweep, with the result of the same recipe run alone', async () => {
    const base = recipe('lisa', { baseline: { name: 'lisa', ...INPUTS } });
    await writeFile(join(root, 'base.json'), JSON.stringify(base));
    const over = { 'baseline.name': ['safeinstr', 'ptst'] };
    const file = join(root, 'sweep.json');
    await writeFile(file, JSON.stringify({ kind: 'sweep', base: 'base.json', over, output: 'sweep' }));
    await calls.run({ recipe: file }, silent);
    const { points } = JSON.parse(await readFile(join(root, 'sweep/sweep.json'), 'utf8')) as SweepFile;
    assert.deepEqual(
      points.map(({ values, error }) => [values['baseline.name'], error]),
      [
        ['safeinstr', undefined],
        ['ptst', undefined],
      ],
    );
    for (const { values, folder, measurements } of points) {
      const name = values['baseline.name'] as BaselineName;
      assert.equal(await bytes(join('sweep', folder)), await bytes(name));
      assert.ok(measurements.some(({ state }) => state === name));
    }
  });

  it('a merged adapter has the ranks of both', async () => {
    const { modules } = await readAdapter(join(root, 'buffer-and-reinforce/adapter'));
    for (const { aShape } of modules.values()) assert.equal(aShape[0], 4);
  });

  it('of which something is wrong is refused at its key', () => {
    const refused = (value: object, place: RegExp, message: RegExp): void => {
      assert.throws(() => parseRecipe(JSON.stringify(value, null, 1), 'r.json'), {
        name: 'HumanError',
        message,
        place,
      });
    };
    const own = recipe('lisa');
    refused({ ...own, baseline: { name: 'lisa' } }, /baseline$/, /"lisa" needs "aligned"/);
    refused({ ...own, baseline: { name: 'lora' } }, /baseline\.name$/, /./);
    refused({ ...own, protection: true, vectors: [{ adapter: 'v' }] }, /protection$/, /instead of a protection/);
    refused({ ...own, vectors: [{ adapter: 'v' }] }, /vectors$/, /without a vector/);
    refused({ ...recipe('buffer-and-reinforce'), vectors: [] }, /vectors$/, /one vector active/);
    refused({ ...recipe('asft'), method: 'full' }, /method$/, /defined for adapters/);
    refused({ ...recipe('safelora'), precision: 'int8' }, /precision$/, /must not be quantized/);
    refused(recipe('lisa', { baseline: { ...own.baseline, threshold: 0.1 } }), /threshold$/, /not a setting of "lisa"/);
  });

  it('a system prompt that a row cannot have is refused before the folder is touched', async () => {
    await writeFile(join(root, 'text.jsonl'), `${JSON.stringify({ text: 'the cat sat .' })}\n`);
    const long = 'Be good . '.repeat(400);
    const texts = { name: 'old text', file: 'text.jsonl', measure: 'loss' };
    for (const [value, message, remedy] of [
      [recipe('ptst', { evaluate: [texts] }), /conversations, and line 1 of "old text" is none/, /rows of messages/],
      [recipe('inoculation', { data: { file: texts.file } }), /line 1 of the data is none/, /rows of messages/],
      [
        recipe('ptst', { baseline: { name: 'ptst', prompt: long } }),
        /^with the system prompt, line 1 of "forbidden" has \d+ tokens; the model reads \d+/,
        /^Shorten the prompt, or remove the row\.$/,
      ],
      [
        recipe('inoculation', { baseline: { name: 'inoculation', prompt: long } }),
        /^with the system prompt, line 1 of the data has \d+ tokens/,
        /batch\.maxTokens/,
      ],
    ] as const) {
      await assert.rejects(run(value, 'refused'), { name: 'HumanError', message, place: 'baseline.prompt', remedy });
      await assert.rejects(readRun(join(root, 'refused')));
    }
  });

  it('an unaligned model that is the model itself, or of another shape, is refused before the folder is touched', async () => {
    const same = recipe('safelora', { baseline: { name: 'safelora', unaligned: 'model' } });
    await assert.rejects(run(same, 'same'), /the aligned and the unaligned model are the same/);
    const sample = new URL('../../media/sample/tiny-assistant', import.meta.url).pathname;
    await assert.rejects(run(recipe('asft', { baseline: { name: 'asft', unaligned: sample } }), 'shape'), HumanError);
    await assert.rejects(readRun(join(root, 'shape')));
  });
});
