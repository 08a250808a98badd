/**
 * A run is resumed only where everything its result depends on is as it was; what is not is named, and nothing is
 * touched.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sha256 } from '../../runtime/support/files.js';
import { reviewFile, reviewText } from '../../runtime/contract/review.js';
import { rowHash } from '../../runtime/data/rowHash.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { recipeSchema, type FinetuneRecipe } from '../../runtime/contract/recipe.js';
import { runRecipe } from '../../runtime/calls/run.js';
import type { Checkpoint } from '../../runtime/runs/checkpoint.js';
import {
  dependenciesOf,
  digestOf,
  requireSame,
  type Dependencies,
} from '../../runtime/recipes/training/dependencies.js';
import { makeClassifier } from '../evaluation/tinyClassifier.js';
import { differences, snapshot } from '../kills/snapshot.js';
import { RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';

let root: string;
let recipe: Record<string, unknown>;
let output: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'dependencies-'));
  output = join(root, 'cut/out');
  await writeWorkspace(root);
  await run(VECTOR, join(root, 'vector'));
  await cp(join(root, 'harmful.jsonl'), join(root, 'probes.jsonl'));
  await cp(join(root, 'benign.jsonl'), join(root, 'ordinary.jsonl'));
  await makeClassifier(join(root, 'judge'), { tokenizer: join(root, 'model'), weights: { Sorry: 1 } });
  await run({ ...VECTOR, kind: 'finetune', harmful: undefined, benign: undefined, data: { file: 'train.jsonl' } }, join(root, 'init')); // oxfmt-ignore
  recipe = {
    ...RECIPES['lora, every 2'],
    data: { file: 'train.jsonl', exclude: 'reviewed' },
    adapter: { init: 'init' },
    probes: { harmful: { file: 'probes.jsonl' }, benign: { file: 'ordinary.jsonl' } },
    judges: ['refusal-phrases', { classifier: 'judge', refused: 'REJECTION' }],
  };
  const [first] = (await readFile(join(root, 'train.jsonl'), 'utf8')).split('\n');
  const hash = rowHash(JSON.parse(first!) as Record<string, unknown>);
  await writeFile(reviewFile(join(root, 'train.jsonl')), reviewText(new Map([[hash, 'exclude']])));
  await run(recipe, join(root, 'whole/out'));
  const { data } = JSON.parse(await readFile(join(root, 'whole/out/manifest.json'), 'utf8')) as Manifest;
  assert.deepEqual([data[0]!.review!.excluded, data[0]!.review!.fine], [1, 0]);
  assert.ok(
    events.some(
      (event) => event.kind === 'state' && /^train\.jsonl, as reviewed: 1 row is left out/.test(event.message),
    ),
    'the run says at its start what it leaves out',
  );
  const stopped = await run(recipe, output, { stopAfter: 3 });
  assert.equal(stopped.outcome, 'stopped');
});
after(() => rm(root, { recursive: true, force: true }));

const events: RunEvent[] = [];
async function run(
  value: object,
  out: string,
  { stopAfter, resume }: { stopAfter?: number; resume?: boolean } = {},
): Promise<DoneEvent> {
  const file = join(root, 'recipe.json');
  await writeFile(file, JSON.stringify(value));
  const stop = new AbortController();
  events.length = 0;
  const onEvent = (event: RunEvent): void => {
    events.push(event);
    if (event.kind === 'step' && event.step === stopAfter) stop.abort();
  };
  return runRecipe(file, { output: out, resume, signal: stop.signal, onEvent });
}

/** Every file of the folder. */
async function bytes(folder: string): Promise<Record<string, string>> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const files = entries.map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, sha256(await readFile(file))] as const)),
  );
}

async function refused(value: object, message: RegExp): Promise<void> {
  const earlier = await bytes(output);
  await assert.rejects(run(value, output, { resume: true }), { name: 'HumanError', message, place: /./, remedy: /./ });
  assert.deepEqual(await bytes(output), earlier, 'nothing is touched');
}

/** A JSON file as valid as before, with another content. */
const spaced = (text: Buffer): Buffer => Buffer.concat([text, Buffer.from('\n')]);
const flipped = (data: Buffer): Buffer => {
  const copy = Buffer.from(data);
  copy[copy.length - 2]! ^= 1;
  return copy;
};

const FILES: [file: string, change: (data: Buffer) => Buffer, message: RegExp][] = [
  ['model/model.safetensors', flipped, /the model's weights changed/],
  ['model/config.json', spaced, /the model's config\.json changed/],
  ['model/tokenizer.json', spaced, /the model's tokenizer\.json changed/],
  ['model/tokenizer_config.json', spaced, /the model's tokenizer_config\.json changed/],
  ['model/generation_config.json', spaced, /the model's generation_config\.json changed/],
  ['model/chat_template.jinja', () => Buffer.from('{{ messages }}'), /the model's chat_template\.jinja was added/],
  ['train.jsonl', spaced, /the data file train\.jsonl changed/],
  ['train.jsonl.review.json', spaced, /the review train\.jsonl\.review\.json changed/],
  ['forbidden.jsonl', spaced, /the evaluation file forbidden\.jsonl changed/],
  ['new-task.jsonl', spaced, /the evaluation file new-task\.jsonl changed/],
  ['probes.jsonl', spaced, /the probe file probes\.jsonl changed/],
  ['ordinary.jsonl', spaced, /the probe file ordinary\.jsonl changed/],
  ['vector/adapter/adapter_model.safetensors', flipped, /the vector vector \(adapter\/adapter_model\.safetensors\) changed/],
  ['vector/adapter/adapter_config.json', spaced, /the vector vector \(adapter\/adapter_config\.json\) changed/],
  ['vector/adapter/security_vector.json', spaced, /the vector vector \(adapter\/security_vector\.json\) changed/],
  ['vector/prompts.jsonl', spaced, /the vector vector \(prompts\.jsonl\) changed/],
  ['vector/trained.json', spaced, /the vector vector \(trained\.json\) changed/],
  ['init/adapter/adapter_model.safetensors', flipped, /the first adapter init \(adapter\/adapter_model.safetensors\) changed/],
  ['judge/model.onnx', spaced, /the judge judge \(model\.onnx\) changed/],
  ['judge/config.json', spaced, /the judge judge \(config\.json\) changed/],
  ['judge/tokenizer.json', spaced, /the judge judge \(tokenizer\.json\) changed/],
  ['cut/out/events.jsonl', (data) => Buffer.from(data.toString().replace('"value":', '"value":1')), /not what it was/],
]; // oxfmt-ignore

describe('a run that was stopped', () => {
  for (const [name, change, message] of FILES) {
    it(`is not resumed with another ${name}`, async () => {
      const file = join(root, name);
      const original = await readFile(file).catch(() => undefined);
      await writeFile(file, change(original ?? Buffer.alloc(0)));
      try {
        await refused(recipe, message);
      } finally {
        if (original) await writeFile(file, original);
        else await rm(file);
      }
    });
  }

  it('is not resumed without a file that it began with', async () => {
    const file = join(root, 'vector/prompts.jsonl');
    await rename(file, `${file}.gone`);
    await refused(recipe, /the vector vector \(prompts\.jsonl\) is gone/);
    await rename(`${file}.gone`, file);
  });

  it('is not resumed with another recipe, and the key and both values are named', async () => {
    await refused({ ...recipe, steps: 6 }, /"steps" in the recipe changed from 5 to 6/);
    await refused(
      { ...recipe, seed: 4, generation: { maxNewTokens: 4 } },
      /"generation.maxNewTokens" .* 3 to 4; "seed"/,
    );
    const columns = { messages: 'messages' };
    await refused(
      { ...recipe, data: { file: 'train.jsonl', exclude: 'reviewed', columns } },
      /"data\.columns\.messages" .* was added/,
    );
    await refused({ ...recipe, heldOut: 0.1 }, /no rows can be held out|"heldOut" .* from 0 to 0\.1/);
    await refused({ ...recipe, data: { file: 'train.jsonl' } }, /"data\.exclude" in the recipe is gone/);
    await refused({ ...recipe, judges: ['refusal-phrases'] }, /"judges\.1\.\S+" in the recipe is gone/);
  });

  it('is not resumed with another scan', async () => {
    const file = join(output, 'scan.json');
    const scan = await readFile(file);
    await writeFile(file, spaced(scan));
    await assert.rejects(run(recipe, output, { resume: true }), /the scan changed/);
    await writeFile(file, scan);
  });

  it('is resumed where only what may change has changed: places, and the machine, which is named', async () => {
    for (const [from, to] of [
      ['train.jsonl', 'data/rows.jsonl'],
      ['train.jsonl.review.json', 'data/rows.jsonl.review.json'],
      ['model', 'models/m'],
      ['vector', 'vectors/v'],
    ]) {
      await cp(join(root, from!), join(root, to!), { recursive: true });
    }
    const moved = {
      ...recipe,
      $schema: 'other',
      model: 'models/m',
      data: { file: 'data/rows.jsonl', exclude: 'reviewed' },
      vectors: [{ adapter: 'vectors/v' }],
      output: 'elsewhere',
    };
    const copy = join(root, 'copy/out');
    await cp(output, copy, { recursive: true });
    const machine = await run({ ...moved, threads: 2 }, copy, { resume: true });
    assert.equal(machine.outcome, 'finished');
    const warning = events.find(
      (event) => event.kind === 'warning' && /resumed on another machine/.test(event.message),
    );
    assert.match(JSON.stringify(warning), /threads 1 → 2/);

    assert.equal((await run(moved, output, { resume: true })).outcome, 'finished');
    assert.ok(!events.some((event) => event.kind === 'warning' && /another machine/.test(event.message)));
    const whole = await snapshot(join(root, 'whole/out'));
    // they hold paths and names of what was moved
    const named = ['recipe.json', 'manifest.json', 'adapter/security_vector.json'];
    assert.deepEqual(differences(whole, await snapshot(output)).sort(), named.map((name) => `${name} differs`).sort());
  });
});

it('the sets that a vector is judged by may change before a run is resumed, and make another run', async () => {
  const options = {
    path: (relative: string) => join(root, relative),
    context: { model: { folder: join(root, 'model') } } as Parameters<typeof dependenciesOf>[1]['context'],
    modelSha256: '',
  };
  const by = async (sets: string[]): Promise<[FinetuneRecipe, Dependencies]> => {
    const vectors = [{ adapter: 'vector', sets }, { adapter: 'init' }];
    const evaluate = ['a', 'b'].map((name) => ({ name, file: 'forbidden.jsonl', measure: 'harm' }));
    const parsed = recipeSchema.parse({ ...recipe, vectors, evaluate }) as FinetuneRecipe;
    return [parsed, await dependenciesOf(parsed, options)];
  };
  const [[, before], [other, now]] = [await by(['a']), await by(['b'])];
  assert.notEqual(digestOf(before), digestOf(now));
  const at = { file: 'state', facts: { dependencies: before } } as Checkpoint;
  requireSame(at, now, other);
  assert.throws(() => requireSame(at, { ...now, 'recipe seed': '5' }, other), /"seed" in the recipe changed/);
});

it('how a model reads images is nothing that a result depends on, where it is copied to it, too', async () => {
  const folder = join(root, 'of-images');
  await cp(join(root, 'model'), folder, { recursive: true });
  const full = { ...(recipeSchema.parse(recipe) as FinetuneRecipe), method: 'full' } as FinetuneRecipe;
  const names = async (): Promise<string[]> =>
    Object.keys(
      await dependenciesOf(full, {
        path: (relative) => join(root, relative),
        context: { model: { folder } } as Parameters<typeof dependenciesOf>[1]['context'],
        modelSha256: '',
      }),
    );
  const before = await names();
  for (const name of ['preprocessor_config.json', 'README.md']) await writeFile(join(folder, name), '{}');
  const now = await names();
  assert.deepEqual(
    now.filter((name) => !before.includes(name)),
    ['model README.md'],
  );
});

it('every key of a recipe counts, but for those that are listed', async () => {
  const parsed = recipeSchema.parse(recipe) as FinetuneRecipe;
  const options = {
    path: (relative: string) => join(root, relative),
    context: { model: { folder: join(root, 'model') } } as Parameters<typeof dependenciesOf>[1]['context'],
    modelSha256: '',
  };
  const original = await dependenciesOf(parsed, options);
  const counts = async (change: (copy: FinetuneRecipe) => void): Promise<boolean> => {
    const copy = structuredClone(parsed);
    change(copy);
    return JSON.stringify(await dependenciesOf(copy, options)) !== JSON.stringify(original);
  };
  const free: string[] = [];
  const visit = async (value: object, path: string[]): Promise<void> => {
    for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
      const here = [...path, key];
      if (typeof inner === 'object' && inner !== null) await visit(inner, here);
      else {
        const changed = await counts((copy) => {
          const parent = path.reduce(
            (at, name) => at[name] as Record<string, unknown>,
            copy as Record<string, unknown>,
          );
          parent[key] =
            typeof inner === 'number' ? inner + 1 : typeof inner === 'boolean' ? !inner : `${String(inner)}!`;
        });
        if (!changed) free.push(here.join('.'));
      }
    }
  };
  await visit(parsed, []);
  assert.deepEqual(free.sort(), ['device', 'model', 'output', 'recompute', 'tensorboard', 'threads'], dirname(root));
});
