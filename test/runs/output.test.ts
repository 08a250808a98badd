/** A run never destroys what it did not make: every recipe kind × every input × every place of the output. */
import assert from 'node:assert/strict';
import {
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { HumanError } from '../../runtime/support/errors.js';
import { sha256 } from '../../runtime/support/files.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import { recipeInputs } from '../../runtime/contract/recipeInputs.js';
import { recipeSchemas, type RunRecipe } from '../../runtime/contract/recipe.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { runRecipe } from '../../runtime/calls/run.js';
import { finishReplacement, planOutput, type OutputOptions } from '../../runtime/runs/output.js';
import { writeModel } from '../kills/workspace.js';
import { silent } from '../support/silent.js';

const SAMPLE = fileURLToPath(new URL('../../media/sample', import.meta.url));
const set = { name: 'forbidden', file: 'data/harmful.jsonl', measure: 'harm', limit: 2 };

/** Recipes of one step that name every kind of input. */
const RECIPES: Record<RunRecipe['kind'], Record<string, unknown>> = {
  vector: {
    kind: 'vector',
    model: 'tiny-assistant',
    harmful: { file: 'data/harmful.jsonl', limit: 4 },
    benign: { file: 'data/benign.jsonl', limit: 4 },
    adapter: { rank: 2, alpha: 4, init: 'kept/init' },
    steps: 1,
    output: 'new',
  },
  finetune: {
    kind: 'finetune',
    model: 'tiny-assistant',
    data: { file: 'data/train.jsonl', limit: 4 },
    adapter: { rank: 2, alpha: 4, init: 'kept/init' },
    vectors: [{ adapter: 'kept/vector' }],
    protection: { ordinary: { file: 'data/benign.jsonl', limit: 2 } },
    probes: { harmful: { file: 'data/harmful.jsonl', limit: 2 }, benign: { file: 'data/benign.jsonl', limit: 2 } },
    evaluate: [set],
    judges: ['refusal-phrases', { classifier: 'kept/judge', refused: 'REFUSAL' }],
    generation: { maxNewTokens: 2 },
    steps: 1,
    output: 'new',
  },
  evaluate: {
    kind: 'evaluate',
    model: 'tiny-assistant',
    adapters: [{ adapter: 'kept/init' }],
    states: [{ name: 'all', model: 'other-model', adapters: [{ adapter: 'kept/vector' }] }],
    evaluate: [set],
    judges: ['refusal-phrases', { classifier: 'kept/judge', refused: 'REFUSAL' }],
    generation: { maxNewTokens: 2 },
    output: 'new',
  },
};

/** Every entry below a folder with its content: what must not change. */
async function picture(folder: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    const found = await lstat(path);
    all[name] = found.isSymbolicLink()
      ? `-> ${await readlink(path)}`
      : found.isFile()
        ? sha256(await readFile(path))
        : 'folder';
  }
  return all;
}

describe('the output folder', () => {
  let root: string;
  const file = (...parts: string[]): string => join(root, ...parts);

  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'output-')));
    await cp(join(SAMPLE, 'data'), file('data'), { recursive: true });
    // small ones, as every file is looked at again and again
    for (const name of ['tiny-assistant', 'other-model']) await writeModel(file(name));
    await mkdir(file('kept/judge'), { recursive: true });
    await writeFile(file('kept/judge/config.json'), '{}');
    // the vector and the adapter that training starts from are real runs
    const vector = { ...RECIPES.vector, adapter: { rank: 2, alpha: 4 }, output: 'kept/vector' };
    await writeFile(file('vector.json'), JSON.stringify(vector));
    await runRecipe(file('vector.json'), silent);
    await runRecipe(file('vector.json'), { ...silent, output: file('kept/init') });
  });
  after(() => rm(root, { recursive: true, force: true }));

  it('every path that a recipe can name is known as an input', () => {
    for (const [kind, recipe] of Object.entries(RECIPES)) {
      const known = recipeInputs(parseRecipe(JSON.stringify(recipe), 'recipe.json')).map((input) => input.key);
      const named = Object.entries(leaves(recipe))
        .filter(([, value]) => typeof value === 'string' && /^(kept|data|tiny|other)/.test(value))
        .map(([key]) => key);
      assert.deepEqual(known.sort(), named.sort(), kind);
      // and the recipes above leave none out
      const schema = JSON.stringify(z.toJSONSchema(recipeSchemas[kind as RunRecipe['kind']], { io: 'input' }));
      const keys = new Set(
        [...schema.matchAll(/"(file|model|init|adapter|classifier)":\{[^{}]*"minLength":1/g)].map((m) => m[1]),
      );
      assert.deepEqual(keys, new Set(named.map((key) => key.split('.').at(-1))), kind);
    }
  });

  for (const kind of Object.keys(RECIPES) as RunRecipe['kind'][]) {
    const inputs = recipeInputs(parseRecipe(JSON.stringify(RECIPES[kind]), 'recipe.json'));
    for (const { key, path } of [...inputs, { key: 'recipe', path: 'recipe.json' }]) {
      for (const place of ['equal', 'above', 'below', 'linked'] as const) {
        it(`${kind}, ${key}: an output ${place} is refused, and not one byte changes`, async () => {
          const link = file('link');
          await rm(link, { force: true });
          if (place === 'linked') await symlink(file(path), link);
          const output = { equal: path, above: dirname(path), below: join(path, 'x'), linked: 'link' }[place];
          await writeFile(file('recipe.json'), JSON.stringify({ ...RECIPES[kind], output }));
          const was = await picture(root);
          for (const options of [{}, { force: true }, { resume: true }]) {
            await assert.rejects(runRecipe(file('recipe.json'), { ...silent, ...options }), HumanError);
            assert.deepEqual(await picture(root), was);
          }
        });
      }
    }
  }

  it('a folder that no run wrote is refused with the name of what is in the way', async () => {
    await rm(file('link'), { force: true });
    const mine = file('mine');
    await mkdir(join(mine, 'adapter'), { recursive: true });
    await writeFile(join(mine, 'manifest.json'), '{"version": 1, "name": "of something else"}');
    await writeFile(join(mine, 'notes.md'), 'mine');
    const was = await picture(root);
    for (const options of [{}, { force: true }, { resume: true }]) {
      await assert.rejects(
        runRecipe(file('vector.json'), { ...silent, ...options, output: mine }),
        /not empty and no run wrote it: it holds "adapter", "manifest\.json", "notes\.md"/,
      );
      assert.deepEqual(await picture(root), was);
    }
    await assert.rejects(runRecipe(file('vector.json'), { ...silent, output: join(mine, 'notes.md') }), /is a file/);
    await rm(mine, { recursive: true });
  });

  it('a run that is called "next" is none that replaces the folder around it', async () => {
    const mine = file('adapters');
    await cp(file('kept/vector'), join(mine, 'next'), { recursive: true });
    for (const name of ['adapter/adapter_model.safetensors', 'model/model.safetensors', 'report.html', 'notes.md']) {
      await mkdir(dirname(join(mine, name)), { recursive: true });
      await writeFile(join(mine, name), 'mine');
    }
    const was = await picture(root);
    for (const options of [{}, { force: true }, { resume: true }]) {
      await assert.rejects(
        runRecipe(file('vector.json'), { ...silent, ...options, output: mine }),
        /not empty and no run wrote it/,
      );
      assert.deepEqual(await picture(root), was);
    }
    await rm(mine, { recursive: true });
  });

  it('what a finished run of an earlier version does not name as its own stays when it is replaced', async () => {
    const output = file('earlier');
    await cp(file('kept/vector'), output, { recursive: true });
    const { files: _, ...manifest } = JSON.parse(await readFile(join(output, 'manifest.json'), 'utf8')) as Manifest;
    await writeFile(join(output, 'manifest.json'), JSON.stringify(manifest));
    await mkdir(join(output, 'model'));
    await writeFile(join(output, 'model/model.safetensors'), 'mine');
    await runRecipe(file('vector.json'), { ...silent, output, force: true });
    assert.equal(await readFile(join(output, 'model/model.safetensors'), 'utf8'), 'mine');
    await rm(output, { recursive: true });
  });

  it('a finished run is not replaced without a word, and there is nothing in it to resume', async () => {
    const was = await picture(root);
    await assert.rejects(runRecipe(file('vector.json'), silent), (error: HumanError) => {
      assert.match(error.message, /holds the finished run "vector" of 20/);
      assert.match(error.remedy!, /--force.*--out DIR/);
      assert.deepEqual([error.kind, error.code], ['input', 'exists']);
      return true;
    });
    await assert.rejects(
      runRecipe(file('vector.json'), { ...silent, resume: true }),
      /nothing to resume: this run is finished/,
    );
    assert.deepEqual(await picture(root), was);
  });

  it('a run with a checkpoint is not started over without a word', async () => {
    const folder = file('unfinished');
    const manifest = JSON.parse(await readFile(file('kept/init/manifest.json'), 'utf8')) as Manifest;
    await mkdir(join(folder, 'checkpoint'), { recursive: true });
    await writeFile(
      join(folder, 'manifest.json'),
      JSON.stringify({ ...manifest, outcome: 'stopped', done: undefined }),
    );
    const planned = async (options: OutputOptions): Promise<string> => (await planOutput(folder, [], options)).folder;
    assert.equal(await planned({}), folder, 'without a checkpoint nothing is lost');
    await writeFile(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
    await assert.rejects(planOutput(folder, [], {}), (error: HumanError) => {
      assert.match(error.message, /holds the run ".*" of 20\d\d.*, which has not reached its end/);
      assert.match(error.remedy!, /--resume.*--force.*--out DIR/);
      assert.equal(error.code, 'exists');
      return true;
    });
    for (const option of ['resume', 'force']) assert.equal(await planned({ [option]: true }), folder);
    await rm(folder, { recursive: true });
  });

  it('inputs that are wrong are found before anything is touched, also when a finished run is to be replaced', async () => {
    // An adapter without its run has no prompts for an anchor.
    await cp(file('kept/init/adapter'), file('kept/bare'), { recursive: true });
    for (const [kind, changes] of Object.entries({
      vector: [{ harmful: { file: 'gone.jsonl' } }, { benign: { file: 'gone.jsonl' } }, { adapter: { init: 'gone' } }],
      finetune: [
        { data: { file: 'gone.jsonl' } },
        { vectors: [{ adapter: 'gone' }] },
        { adapter: { init: 'gone' } },
        { probes: { harmful: { file: 'gone.jsonl' } } },
        { probes: { benign: { file: 'gone.jsonl' } } },
        { evaluate: [{ ...set, file: 'gone.jsonl' }] },
        { protection: { anchor: {} }, vectors: [{ adapter: 'kept/bare' }] },
        { protection: { ordinary: { file: 'gone.jsonl' } } },
        {}, // its classifier is none
      ],
      evaluate: [
        { adapters: [{ adapter: 'gone' }], states: undefined },
        { states: [{ name: 'a', model: 'gone' }] },
        { states: [{ name: 'a', adapters: [{ adapter: 'gone' }] }] },
        { evaluate: [{ ...set, file: 'gone.jsonl' }] },
        {},
      ],
    })) {
      for (const change of changes) {
        const judges = Object.keys(change).length > 0 ? { judges: undefined } : {};
        const recipe = { ...RECIPES[kind as RunRecipe['kind']], ...judges, ...change };
        await writeFile(file('recipe.json'), JSON.stringify(recipe));
        const was = await picture(root);
        for (const options of [{}, { force: true, output: file('kept/vector-copy') }]) {
          if ('output' in options) await cp(file('kept/vector'), options.output!, { recursive: true });
          const before = 'output' in options ? await picture(options.output!) : {};
          await assert.rejects(runRecipe(file('recipe.json'), { ...silent, ...options }), (error: Error) => {
            assert.ok(error instanceof HumanError || (error as { code?: string }).code === 'ENOENT', error.stack);
            return true;
          });
          if ('output' in options) {
            assert.deepEqual(await picture(options.output!), before, JSON.stringify(change));
            await rm(options.output!, { recursive: true });
          }
        }
        assert.deepEqual(await picture(root), was, JSON.stringify(change));
      }
    }
  });

  it('a replaced run stays whole until the new one is done, and what the user put beside it stays for good', async () => {
    const output = file('replaced');
    await runRecipe(file('vector.json'), { ...silent, output });
    await writeFile(join(output, 'adapter/README.md'), 'mine');
    await writeFile(join(output, 'scan.json'), '{}'); // as an older version left it
    const was = await picture(output);
    await writeFile(
      file('recipe.json'),
      JSON.stringify({ ...RECIPES.vector, adapter: { rank: 3 }, steps: 4, evaluateEvery: 1 }),
    );
    const abort = new AbortController();
    const stopped = await runRecipe(file('recipe.json'), {
      output,
      force: true,
      signal: abort.signal,
      onEvent: (event) => event.kind === 'checkpoint' && abort.abort(),
    });
    assert.equal(stopped.outcome, 'stopped');
    assert.equal(stopped.output, join(output, 'next'));
    const meanwhile = await picture(output);
    for (const [name, content] of Object.entries(was)) assert.equal(meanwhile[name], content, name);
    // goes on by either name
    const done = await runRecipe(file('recipe.json'), { ...silent, output: stopped.output, resume: true });
    assert.deepEqual([done.outcome, done.output], ['finished', output]);
    const now = await picture(output);
    assert.ok(!('next' in now), Object.keys(now).join());
    assert.equal(now['adapter/README.md'], was['adapter/README.md']);
    assert.notEqual(now['adapter/adapter_model.safetensors'], was['adapter/adapter_model.safetensors']);
    const manifest = JSON.parse(await readFile(join(output, 'manifest.json'), 'utf8')) as Manifest;
    assert.equal(manifest.name, 'replaced');
    for (const name of manifest.files!) assert.ok(name in now, name);
    const made = Object.entries(now).flatMap(([name, content]) => (content === 'folder' ? [] : [name]));
    assert.deepEqual(
      made.filter((name) => !manifest.files!.includes(name)),
      ['adapter/README.md', 'scan.json'],
    );
  });

  it('a replacement that is cut off at any file is completed by the next call', async () => {
    const output = file('replaced');
    const whole = await picture(output);
    const { files } = JSON.parse(await readFile(join(output, 'manifest.json'), 'utf8')) as Manifest;
    for (let moved = 0; moved < files!.length; moved++) {
      const copy = file('cut');
      await rm(copy, { recursive: true, force: true });
      await cp(file('kept/vector'), copy, { recursive: true });
      const order = files!.filter((name) => name !== 'manifest.json').concat('manifest.json');
      for (const [i, name] of order.entries())
        await cp(join(output, name), i < moved ? join(copy, name) : join(copy, 'next', name), { recursive: true });
      await finishReplacement(copy);
      for (const name of files!) assert.equal((await picture(copy))[name], whole[name], `${moved}: ${name}`);
      assert.ok(!('next' in (await picture(copy))));
    }
  });

  it('a manifest that names files outside its folder has none of them moved or removed', async () => {
    const [output, mine] = [file('replaced'), file('mine.txt')];
    await writeFile(mine, 'mine');
    const text = await readFile(join(output, 'manifest.json'), 'utf8');
    const manifest = JSON.parse(text) as Manifest;
    const hostile = JSON.stringify({ ...manifest, files: ['../mine.txt', '../../mine.txt', mine] });
    await writeFile(join(output, 'manifest.json'), hostile);
    await mkdir(join(output, 'next'));
    await writeFile(join(output, 'next/manifest.json'), hostile);
    await finishReplacement(output);
    await writeFile(join(output, 'manifest.json'), hostile);
    await runRecipe(file('vector.json'), { ...silent, output, force: true });
    assert.equal(await readFile(mine, 'utf8'), 'mine');
  });

  it('empty folders that a replacement left when it was cut off are not in the way', async () => {
    const output = file('replaced');
    await mkdir(join(output, 'next/checkpoint'), { recursive: true });
    const done = await runRecipe(file('vector.json'), { ...silent, output, force: true });
    assert.deepEqual([done.outcome, done.output], ['finished', output]);
    assert.ok(!('next' in (await picture(output))));
  });

  it('a new run in the folder of an unfinished one keeps nothing of it, also not its scan', async () => {
    const output = file('unfinished');
    const { outcome: _, ...manifest } = JSON.parse(
      await readFile(file('kept/vector/manifest.json'), 'utf8'),
    ) as Manifest;
    await cp(file('kept/vector'), output, { recursive: true });
    await writeFile(join(output, 'manifest.json'), JSON.stringify({ ...manifest, outcome: 'failed' }));
    await rm(join(output, 'checkpoint'), { recursive: true });
    await writeFile(join(output, 'scan.json'), '{}');
    await writeFile(join(output, 'notes.md'), 'mine');
    const recipe = { ...RECIPES.evaluate, states: undefined, judges: undefined };
    await writeFile(file('recipe.json'), JSON.stringify(recipe));
    await runRecipe(file('recipe.json'), { ...silent, output, force: true });
    assert.deepEqual(
      Object.keys(await picture(output)).sort(),
      ['answers.jsonl', 'events.jsonl', 'manifest.json', 'notes.md', 'recipe.json', 'report.html'].sort(),
    );
  });

  it('what cannot be resumed is an error, and its manifest stays as it was', async () => {
    const output = file('nothing-here');
    await assert.rejects(
      runRecipe(file('vector.json'), { ...silent, output, resume: true }),
      /nothing to resume: there is no run/,
    );
    const unfinished = file('unfinished');
    const manifest = JSON.parse(await readFile(join(unfinished, 'manifest.json'), 'utf8')) as Manifest;
    for (const [kind, why] of [
      ['evaluate', /keeps no checkpoint/],
      ['vector', /has no checkpoint/],
    ] as const) {
      await writeFile(join(unfinished, 'manifest.json'), JSON.stringify({ ...manifest, kind, outcome: 'stopped' }));
      const was = await picture(root);
      await assert.rejects(runRecipe(file('vector.json'), { ...silent, output: unfinished, resume: true }), why);
      assert.deepEqual(await picture(root), was);
    }
  });
});

function leaves(value: unknown, key = ''): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return { [key]: value };
  const parts = Object.entries(value).map(([name, part]) => leaves(part, key ? `${key}.${name}` : name));
  return Object.assign({}, ...parts) as Record<string, unknown>;
}
