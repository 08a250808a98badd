/** Bad input on the command line: exit code 2, what is wrong, where, what to do; nothing is lost. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { errorData } from '../../runtime/support/errors.js';
import { readSafetensors, writeSafetensors, readBytes } from '../../runtime/models/weights/safetensors.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import { cli, jsonLines, ROOT, sampleWorkspace, type Ran, type Workspace } from './support.js';

describe('bad input', () => {
  let workspace: Workspace;
  before(async () => {
    workspace = await sampleWorkspace();
  });
  after(() => workspace.remove());

  const data = { file: '../data/train.jsonl', limit: 48 };
  const small = { epochs: undefined, steps: 2, evaluate: [], data };
  const refused = (ran: Ran, ...patterns: RegExp[]): void => {
    assert.equal(ran.code, 2, ran.stderr);
    assert.doesNotMatch(ran.stderr, /internal:|\n {4}at /, 'no stack trace');
    for (const pattern of patterns) assert.match(ran.stderr, pattern);
  };
  let runs = 0;
  const train = async (change: Record<string, unknown>, recipe = 'plain.json'): Promise<Ran> =>
    cli(['train', await workspace.recipe(recipe, { ...small, output: `../adapters/run-${++runs}`, ...change })]);
  /** A copy of the model with one thing changed. */
  async function model(name: string, change: (folder: string) => Promise<unknown>): Promise<{ model: string }> {
    const folder = workspace.file(name);
    await cp(workspace.file('tiny-assistant'), folder, { recursive: true });
    await change(folder);
    return { model: `../${name}` };
  }
  const config = (change: Record<string, unknown>) => async (folder: string) =>
    writeFile(
      `${folder}/config.json`,
      JSON.stringify({ ...JSON.parse(await readFile(`${folder}/config.json`, 'utf8')), ...change }),
    );

  it('a row of broken JSON is named by file and line', async () => {
    const rows = (await readFile(workspace.file('data/train.jsonl'), 'utf8')).split('\n');
    rows[41] = '{"messages": [';
    await writeFile(workspace.file('data/broken.jsonl'), rows.join('\n'));
    refused(await train({ data: { file: '../data/broken.jsonl' } }), /broken\.jsonl:42: .*JSON/);
  });

  it('an empty data set', async () => {
    await writeFile(workspace.file('data/empty.jsonl'), '');
    refused(await train({ data: { file: '../data/empty.jsonl' } }), /empty\.jsonl: the data set is empty/);
  });

  it('a row longer than the context is left out, counted and named; a file of nothing else is refused', async () => {
    const long = JSON.stringify({
      messages: [
        { role: 'user', content: 'say lamp '.repeat(4000) },
        { role: 'assistant', content: 'lamp' },
      ],
    });
    const rows = (await readFile(workspace.file('data/train.jsonl'), 'utf8')).split('\n').slice(0, 20);
    await writeFile(workspace.file('data/long.jsonl'), [...rows.slice(0, 7), long, ...rows.slice(7)].join('\n'));
    const ran = await cli([
      'train',
      await workspace.recipe('plain.json', {
        ...small,
        output: '../adapters/long',
        data: { file: '../data/long.jsonl' },
      }),
      '--json',
    ]);
    assert.equal(ran.code, 0, ran.stderr);
    const warning = jsonLines<RunEvent>(ran.stdout).find((e) => e.kind === 'warning' && /skipped/.test(e.message));
    assert.match(JSON.stringify(warning), /1 of 21 rows .*line 8: .*tokens/);
    await writeFile(workspace.file('data/only-long.jsonl'), long);
    refused(
      await train({ data: { file: '../data/only-long.jsonl' } }),
      /only-long\.jsonl:1: .*tokens.*(context|maxTokens)/,
    );
  });

  it('a model folder without a tokenizer', async () => {
    refused(
      await train(await model('no-tokenizer', (f) => rm(`${f}/tokenizer.json`))),
      /no-tokenizer.tokenizer\.json: .*no tokenizer.* Copy/,
    );
  });

  it('a missing tensor and one of the wrong shape', async () => {
    const rewrite =
      (change: (name: string) => string | undefined, shape?: (name: string) => number[] | undefined) =>
      async (folder: string) => {
        const { tensors } = await readSafetensors(`${folder}/model.safetensors`);
        const kept = [...tensors.values()].flatMap((t) => {
          const name = change(t.name);
          return name === undefined
            ? []
            : [{ ...t, name, shape: shape?.(t.name) ?? t.shape, data: () => readBytes(t) }];
        });
        await writeSafetensors(`${folder}/new.safetensors`, kept);
        await rm(`${folder}/model.safetensors`);
        await cp(`${folder}/new.safetensors`, `${folder}/model.safetensors`);
      };
    const name = 'model.layers.1.mlp.up_proj.weight';
    refused(
      await train(
        await model(
          'missing',
          rewrite((n) => (n === name ? undefined : n)),
        ),
      ),
      new RegExp(`no tensor ${name.replaceAll('.', '\\.')}`),
    );
    refused(
      await train(
        await model(
          'misshapen',
          rewrite(
            (n) => n,
            (n) => (n === name ? [128, 256] : undefined),
          ),
        ),
      ),
      /up_proj\.weight: .*\[128, 256\].*\[\d+, \d+\]/,
    );
  });

  it('a damaged weight file', async () => {
    refused(
      await train(await model('cut', (f) => truncate(`${f}/model.safetensors`, 100_000))),
      /model\.safetensors.*(outside the file|damaged|cut off)/,
    );
  });

  it('an unsupported architecture, and an unsupported key of a supported one', async () => {
    refused(
      await train(await model('mamba', config({ model_type: 'mamba', architectures: ['MambaForCausalLM'] }))),
      /mamba/i,
      /llama/,
      /qwen2/,
    );
    refused(
      await train(
        await model('rope', config({ rope_scaling: { rope_type: 'spiral', factor: 2 }, rope_parameters: undefined })),
      ),
      /spiral/,
    );
  });

  it('an adapter for another model', async () => {
    const adapter = `${ROOT}test/fixtures/reference/llama/adapters/security`;
    refused(await train({ vectors: [{ adapter }] }), /another model/);
    refused(
      await cli(['generate', '--model', workspace.file('tiny-assistant'), '--adapter', adapter, '--prompt', 'hello']),
      /another model/,
    );
  });

  it('a recipe with an unknown key, a wrong kind, a wrong value, broken JSON, or none', async () => {
    refused(
      await train({ learningRate: 1 }),
      /plain\.json:\d+ learningRate: unknown key "learningRate" in a finetune recipe/,
    );
    refused(
      await train({ optimizer: { learnRate: 1 } }),
      /plain\.json:\d+ optimizer\.learnRate: unknown key "learnRate"/,
    );
    refused(await train({ optimizer: { learningRate: -1 } }), /optimizer\.learningRate: /);
    refused(await train({ kind: 'finetun' }), /"finetun" is not a kind of recipe.*"vector".*"finetune"/);
    refused(await train({ epochs: 1, steps: 2 }), /"epochs" or "steps"/);
    await writeFile(workspace.file('recipes/broken.json'), '{\n  "kind": "vector",\n  "model" "x"\n}');
    refused(await cli(['train', workspace.file('recipes/broken.json')]), /broken\.json:3/);
    refused(await cli(['train', workspace.file('recipes/nowhere.json')]), /nowhere\.json: there is no such file/);
  });

  it('protection without a vector, an anchor without prompts, a site that is not there', async () => {
    refused(await train({ vectors: [], protection: { route: 0.5 } }), /"protection" needs a vector/);
    refused(
      await train({ protection: false, adapter: { sites: ['q_proj', 'w_proj'] } }),
      /adapter\.sites: no linear layer is called "w_proj"\. This model has: .*q_proj/,
    );
  });

  it('wrong use of the command line', async () => {
    refused(await cli([]), /security-vectors — /);
    refused(await cli(['trian', 'x']), /no command "trian"/);
    refused(await cli(['train']), /train needs a recipe/);
    refused(await cli(['scan', '--model', 'x', '--data', 'x']), /--vector is missing/);
    refused(
      await cli([
        'score',
        '--model',
        workspace.file('tiny-assistant'),
        '--data',
        workspace.file('data/train.jsonl'),
        '--vektor',
        'x',
      ]),
      /--vektor/,
    );
    refused(
      await cli(['generate', '--model', workspace.file('tiny-assistant'), '--ids', '1,zwei']),
      /--ids is "1,zwei"/,
    );
    refused(
      await cli(['generate', '--model', workspace.file('tiny-assistant'), '--ids', '1,999999']),
      /no token 999999/,
    );
    const help = await cli(['--help']);
    assert.equal(help.code, 0);
  });

  it('a full disk: a clear message, no half-written file, what was saved so far is kept', async () => {
    assert.deepEqual(errorData(Object.assign(new Error('x'), { code: 'ENOSPC', path: '/a/b' })), {
      kind: 'failed',
      message: 'the disk is full.',
      place: '/a/b',
      remedy: 'Free some space and run it again.',
    });
    const output = workspace.file('adapters/full-disk');
    const recipe = await workspace.recipe('plain.json', { ...small, steps: 4, evaluateEvery: 2 });
    assert.equal((await cli(['train', recipe, '--out', output])).code, 0);
    const before = readdirSync(`${output}/adapter`).sort();
    // a limit of 100 KB a file stands in for a disk that fills up; the checkpoint is larger
    const ran = await cli(
      [
        'train',
        await workspace.recipe('plain.json', { ...small, steps: 4, evaluateEvery: 2 }),
        '--out',
        workspace.file('adapters/small-disk'),
      ],
      { shell: 'ulimit -f 200;' },
    );
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(ran.stderr, /(disk|file).*(full|large)/);
    assert.deepEqual(readdirSync(`${output}/adapter`).sort(), before);
    const left = readdirSync(workspace.file('adapters/small-disk'), { recursive: true }) as string[];
    assert.deepEqual(
      left.filter((name) => name.endsWith('.part')),
      [],
    );
    assert.ok(!existsSync(workspace.file('adapters/small-disk/adapter/adapter_model.safetensors')));
  });

  it('Ctrl+C stops a run between two steps with exit code 3 and keeps the checkpoint', async () => {
    await mkdir(workspace.file('adapters'), { recursive: true });
    const recipe = await workspace.recipe('plain.json', { ...small, steps: 500, evaluateEvery: 100 });
    const ran = await cli(['train', recipe, '--json', '--out', workspace.file('adapters/stopped')], {
      signalAfter: { text: '"step":3,', signal: 'SIGINT' },
    });
    assert.equal(ran.code, 3, ran.stderr);
    const done = jsonLines<RunEvent>(ran.stdout).at(-1) as DoneEvent;
    assert.equal(done.outcome, 'stopped');
    assert.ok(existsSync(workspace.file('adapters/stopped/checkpoint/state.safetensors')));
    assert.match(ran.stderr, /^Stopping after this step\. Ctrl\+C again ends at once, and loses all steps so far\.$/m);
  });

  it('the end of its terminal stops a run as Ctrl+C does', async (t) => {
    if (process.platform === 'win32') return t.skip('Windows has no such signal to send');
    const recipe = await workspace.recipe('plain.json', { ...small, steps: 500, evaluateEvery: 100 });
    const ran = await cli(['train', recipe, '--json', '--out', workspace.file('adapters/hung-up')], {
      signalAfter: { text: '"step":3,', signal: 'SIGHUP' },
    });
    assert.equal(ran.code, 3, ran.stderr);
    assert.ok(existsSync(workspace.file('adapters/hung-up/checkpoint/state.safetensors')));
  });
});
