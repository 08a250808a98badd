/** What goes wrong inside a run, or is made to: each ends in a sentence, and nothing is delivered that is no result. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, truncateSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { HostError } from '../../extension/host/errors.js';
import { readSafetensors } from '../../runtime/models/weights/safetensors.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { cli, FEW_ROWS, openEngine, sampleWorkspace, type Ran, type Workspace } from './support.js';

describe('hostile and broken runs', () => {
  let workspace: Workspace;
  before(async () => {
    workspace = await sampleWorkspace();
  });
  after(() => workspace.remove());

  const data = { file: '../data/train.jsonl', limit: 48 };
  const small = { epochs: undefined, steps: 2, evaluateEvery: 10 };
  const recipe = (change: Record<string, unknown>, name = 'plain.json'): Promise<string> =>
    workspace.recipe(name, { ...small, ...(name === 'vector.json' ? FEW_ROWS : { evaluate: [], data }), ...change });
  const train = async (change: Record<string, unknown>, options: Parameters<typeof cli>[1] = {}): Promise<Ran> =>
    cli(['train', await recipe(change)], options);

  /** A sentence, not a stack, and the exit code of bad input (2) or of a run that failed (1). */
  function ended(ran: Ran, code: 1 | 2, ...patterns: RegExp[]): void {
    assert.equal(ran.code, code, ran.stderr);
    assert.doesNotMatch(ran.stderr, /internal:|\n {4}at /);
    for (const pattern of patterns) assert.match(ran.stderr, pattern);
  }

  async function copy(name: string): Promise<string> {
    await cp(workspace.file('tiny-assistant'), workspace.file(name), { recursive: true });
    return workspace.file(name);
  }

  describe('a run that diverged', () => {
    for (const method of ['lora', 'full'])
      it(`has failed and delivers nothing: ${method}, learning rate 1000`, async () => {
        const output = workspace.file(`adapters/diverged-${method}`);
        const ran = await train({ method, steps: 30, optimizer: { learningRate: 1000 }, output });
        ended(
          ran,
          1,
          /step 1\d: the run has diverged: over the last 10 steps the loss is \d/,
          /Lower optimizer\.learningRate/,
        );
        const manifest = await workspace.json<Manifest>(`adapters/diverged-${method}/manifest.json`);
        assert.equal(manifest.outcome, 'failed');
        assert.match(manifest.error!.message, /diverged/);
        for (const result of ['adapter', 'model', 'report.html']) assert.ok(!existsSync(`${output}/${result}`), result);
      });

    it('also when it ends before ten steps are over', async () => {
      const ran = await train({ steps: 3, optimizer: { learningRate: 1000 }, output: workspace.file('adapters/soon') });
      ended(ran, 1, /step 3: the run has diverged: on rows that it was trained on/);
      assert.ok(!existsSync(workspace.file('adapters/soon/adapter')));
    });

    it('a vector too', async () => {
      const change = { steps: 30, optimizer: { learningRate: 1000 }, output: workspace.file('vectors/diverged') };
      ended(await cli(['train', await recipe(change, 'vector.json')]), 1, /step \d+: the run has diverged/);
      assert.ok(!existsSync(workspace.file('vectors/diverged/adapter')));
    });

    it('a high learning rate alone is no failure', async () => {
      const ran = await train({
        steps: 14,
        optimizer: { learningRate: 0.01 },
        output: workspace.file('adapters/fast'),
      });
      assert.equal(ran.code, 0, ran.stderr);
    });
  });

  it('numbers beyond all use are refused at their line', async () => {
    for (const [change, key, most] of [
      [{ adapter: { alpha: 1e308 } }, 'adapter.alpha', '1000000'],
      [{ adapter: { rank: 1e9 } }, 'adapter.rank', '4096'],
      [{ threads: 100_000 }, 'threads', '1024'],
      [{ steps: 1e9 }, 'steps', '10000000'],
    ] as const)
      ended(await train(change), 2, new RegExp(`plain\\.json:\\d+ ${key}: this is more than ${most}, the largest`));
  });

  it('an expression in adapter.sites that backtracks without end', async () => {
    ended(await train({ adapter: { sites: '(.*[a-z_.0-9])*!' } }), 2, /adapter\.sites: the pattern .* takes too long/);
  });

  it('weights that are not numbers: the tensor is named, whatever asks for them', async () => {
    const model = await copy('nan');
    const file = `${model}/model.safetensors`;
    const info = [...(await readSafetensors(file)).tensors.values()].find(({ name }) =>
      name.includes('layers.0.mlp.up'),
    )!;
    const bytes = await readFile(file);
    // in F32 and in BF16
    bytes.fill(0xff, info.offset, info.offset + 4);
    await writeFile(file, bytes);
    const named = new RegExp(`${info.name}: the weights have a value that is not a number \\(NaN\\)`);
    ended(await train({ model, output: workspace.file('adapters/nan') }), 2, named);
    assert.ok(!existsSync(workspace.file('adapters/nan/adapter')));
    ended(await train({ model, evaluate: [{ name: 'n', file: '../eval/new-task.jsonl', measure: 'exact', limit: 2 }], output: workspace.file('adapters/nan2') }), 2, named); // oxfmt-ignore
    ended(await cli(['score', '--model', model, '--data', workspace.file('eval/new-task.jsonl')]), 2, named);
    ended(await cli(['generate', '--model', model, '--prompt', 'hello']), 2, named);
  });

  it('an adapter with an endless alpha', async () => {
    const adapter = workspace.file('alpha');
    await mkdir(adapter);
    const config = { peft_type: 'LORA', r: 1, lora_alpha: 1e308, target_modules: ['q_proj'] };
    await writeFile(`${adapter}/adapter_config.json`, JSON.stringify(config));
    await writeFile(`${adapter}/adapter_model.safetensors`, '');
    const ran = await cli([
      'generate',
      '--model',
      workspace.file('tiny-assistant'),
      '--adapter',
      adapter,
      '--prompt',
      'a',
    ]);
    ended(ran, 2, /adapter_config\.json: "lora_alpha" is 1e\+308; a number up to 1000000 was expected/);
  });

  it('links in a circle, wherever a file is named', async () => {
    const circle = workspace.file('circle.jsonl');
    await symlink(circle, circle);
    ended(await train({ data: { file: circle } }), 2, /circle\.jsonl: the links form a loop/);
    ended(await train({ model: circle }), 2, /circle\.jsonl: /);
    ended(await train({ vectors: [{ adapter: circle }] }), 2, /circle\.jsonl/);
    ended(await train({ adapter: { init: circle } }), 2, /circle\.jsonl/);
    ended(await train({ output: circle }), 2, /circle\.jsonl/);
    ended(await train({ evaluate: [{ name: 'n', file: circle, measure: 'exact' }] }), 2, /circle\.jsonl/);
    const sets = [{ name: 'n', file: '../eval/forbidden.jsonl', measure: 'harm', limit: 1 }];
    ended(await train({ evaluate: sets, judges: [{ classifier: circle, refused: 'R' }] }), 2, /circle\.jsonl/);
    ended(await cli(['train', circle]), 2, /circle\.jsonl/);
    ended(await cli(['inspect', circle]), 2, /circle\.jsonl/);
    for (const name of ['config.json', 'tokenizer.json', 'model.safetensors', 'tokenizer_config.json']) {
      const model = await copy(`circle-${name}`);
      rmSync(`${model}/${name}`);
      await symlink(`${model}/${name}`, `${model}/${name}`);
      ended(await train({ model, output: workspace.file('adapters/circle') }), 2, new RegExp(`circle-${name}`));
    }
  });

  it('a model that is removed while it is in use', async () => {
    const model = await copy('removed');
    const output = workspace.file('adapters/removed');
    const ran = await cli(['train', await recipe({ model, steps: 200, output }), '--json'], {
      onceSaid: { text: '"step":3,', run: () => rmSync(model, { recursive: true }) },
    });
    ended(ran, 1, /removed\/model\.safetensors: the model's file was removed while it was in use/);
    assert.equal((await workspace.json<Manifest>('adapters/removed/manifest.json')).outcome, 'failed');
  });

  it('a model that is cut off while it is mapped is reported by the run, or by its host when the system ended it', async () => {
    const model = await copy('cut');
    const engine = openEngine();
    let cut = false;
    await assert.rejects(
      engine.request(
        'run',
        { recipe: await recipe({ model, steps: 200, output: workspace.file('adapters/cut') }) },
        {
          onEvents: (events) => {
            if (!cut && events.some((e) => e.kind === 'step')) truncateSync(`${model}/model.safetensors`, 4096);
            cut ||= events.some((e) => e.kind === 'step');
          },
        },
      ),
      (error) => {
        assert.ok(error instanceof HostError);
        assert.equal(error.data.kind, 'failed', error.data.message);
        assert.match(error.data.message, /file was changed (while it was in use|or cut off while in use)/);
        return true;
      },
    );
    engine.dispose();
  });

  it('more memory than the limit ends the process with an error that names the limit', async () => {
    const ran = await train(
      { steps: 500, output: workspace.file('adapters/memory') },
      { env: { ...process.env, SECURITY_VECTORS_MEMORY_GB: '0.05' } },
    );
    assert.notEqual(ran.code, 0);
    assert.match(
      ran.stderr,
      /uses more than 0\.05 GB of memory, its limit\. Set "recompute" to true.*lower batch\.rows.*SECURITY_VECTORS_MEMORY_GB/,
    );
  });

  it('a training that needs more is refused before a weight is read', async () => {
    const output = workspace.file('adapters/memory');
    const env = { ...process.env, SECURITY_VECTORS_MEMORY_GB: '0.35' };
    const all = { ...data, limit: undefined };
    const ran = await train({ data: all, batch: { tokens: 16_384, maxTokens: 64 }, recompute: false, output }, { env });
    ended(ran, 2, /the run needs about \S+ GB, but only 0\.35 GB are available\. Use "batch\.tokens": \d+\./);
    assert.equal(existsSync(output), false);
  });

  it('control characters of data and names do not reach the terminal', async () => {
    const escape = '\x1b]0;owned\x07\u202e';
    const data = workspace.file(`data/${escape.replace('/', '')}.jsonl`);
    await writeFile(data, JSON.stringify({ messages: [{ role: escape, content: escape }] }));
    const ran = await train({ data: { file: data } });
    ended(ran, 2, /\\u001b\]0;owned\\u0007\\u202e/);

    assert.doesNotMatch(ran.stderr + ran.stdout, /[\x07\x1b\u202e]/);
  });
});
