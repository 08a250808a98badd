/** Runs as the extension drives them: a forked child, events, stop, resume, a killed child. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Engine } from '../../extension/engine/engine.js';
import { f32ToBf16, f32ToF16 } from '../../runtime/models/weights/halfFloats.js';
import {
  bytesOf,
  readFloat32,
  readSafetensors,
  writeSafetensors,
  type TensorToWrite,
} from '../../runtime/models/weights/safetensors.js';
import { sha256File } from '../../runtime/support/files.js';
import type { CleanResult } from '../../runtime/contract/dataInfo.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { ScanResult, ScanRow } from '../../runtime/contract/scan.js';
import { mean } from '../../runtime/contract/sum.js';
import { readCalibration } from '../../runtime/recipes/vectorFiles/calibrationFile.js';
import { cli, jsonLines, openEngine, sampleWorkspace, type Workspace } from './support.js';

describe('runs in the engine process', () => {
  let workspace: Workspace;
  let engine: Engine;
  const log: string[] = [];
  before(async () => {
    workspace = await sampleWorkspace();
    engine = openEngine(log);
  });
  after(async () => {
    engine.dispose();
    await workspace.remove();
  });

  /** A token that is cancelled when an event fits. */
  function run(
    recipe: string,
    options: {
      output?: string;
      resume?: boolean;
      stopAt?: (event: RunEvent) => boolean;
      on?: (event: RunEvent) => void;
      engine?: Engine;
    } = {},
  ): { done: Promise<DoneEvent>; events: RunEvent[] } {
    const events: RunEvent[] = [];
    let cancel: (() => unknown) | undefined;
    const token = {
      isCancellationRequested: false,
      onCancellationRequested: (listener: () => unknown) => ((cancel = listener), { dispose: () => undefined }),
    };
    const done = (options.engine ?? engine).request(
      'run',
      { recipe, output: options.output, resume: options.resume },
      {
        token,
        onEvents: (batch) =>
          batch.forEach((event) => {
            events.push(event);
            options.on?.(event);
            if (options.stopAt?.(event)) cancel?.();
          }),
      },
    );
    return { done, events };
  }

  it('a vector run sends its steps, keeps the base unchanged and leaves a run folder', async () => {
    const recipe = await workspace.recipe('vector.json', { epochs: undefined, steps: 30, evaluateEvery: 10 });
    const { done, events } = run(recipe);
    const end = await done;
    assert.equal(end.outcome, 'finished');
    assert.deepEqual(end.laws, { baseUnchanged: true });
    const steps = events.filter((e) => e.kind === 'step');
    assert.deepEqual(
      steps.map((e) => e.step),
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
    assert.ok(steps.at(-1)!.lossNatsPerToken < 0.2 * steps[0]!.lossNatsPerToken);
    const probes = events.filter((e) => e.kind === 'evaluation');
    assert.deepEqual(
      probes.map((e) => e.step),
      [0, 10, 20, 30],
    );
    assert.ok(
      Math.abs(probes[0]!.probes!.harmfulLossWith! - probes[0]!.probes!.harmfulLossWithout!) < 1e-4,
      'a new vector changes nothing',
    );
    assert.ok(Math.abs(probes[0]!.probes!.benignKl!) < 1e-5);
    const { harmful } = (await readCalibration(workspace.file('vectors/forbidden-topic')))!;
    assert.ok(mean(harmful.map(({ probe }) => probe!)) > 0.5, 'its probe finds rows that it was not fitted to');
    const manifest = await workspace.json<Manifest>('vectors/forbidden-topic/manifest.json');
    assert.equal(manifest.outcome, 'finished');
    assert.equal(manifest.role, 'security');
    assert.equal(manifest.model.sha256, await sha256File(workspace.file('tiny-assistant/model.safetensors')));
    for (const name of [
      'recipe.json',
      'events.jsonl',
      'report.html',
      'prompts.jsonl',
      'adapter/adapter_config.json',
      'adapter/adapter_model.safetensors',
    ])
      assert.ok(existsSync(workspace.file('vectors/forbidden-topic', name)), name);
    const written = jsonLines<RunEvent>(await readFile(workspace.file('vectors/forbidden-topic/events.jsonl'), 'utf8'));
    assert.equal(written.filter((e) => e.kind === 'step').length, 30);
    assert.equal(written.at(-1)!.kind, 'done');
    const prompts = jsonLines<{ base: string; harmful: string }>(
      await readFile(workspace.file('vectors/forbidden-topic/prompts.jsonl'), 'utf8'),
    );
    assert.ok(prompts.length > 20 && prompts.every((p) => p.base !== p.harmful && p.base.length > 0));
  });

  const few = { file: '../data/benign.jsonl', limit: 16 };
  const RESUMED = {
    'plain.json': { evaluate: [] },
    // the base's own distributions are made again in another order
    'vector.json': { harmful: { ...few, file: '../data/harmful.jsonl' }, benign: few, batch: { rows: 8 }, heldOut: 0 },
  };
  for (const [name, changes] of Object.entries(RESUMED))
    it(`a run that is stopped and resumed ends with the same bytes as one that is not: ${name}`, async () => {
      const recipe = await workspace.recipe(name, {
        ...changes,
        epochs: undefined,
        steps: 14,
        evaluateEvery: 5,
        threads: 2,
      });
      const [whole, cut] = [workspace.file('adapters', name, 'whole'), workspace.file('adapters', name, 'cut')];
      await run(recipe, { output: whole }).done;
      const stopped = await run(recipe, { output: cut, stopAt: (e) => e.kind === 'step' && e.step === 7 }).done;
      assert.equal(stopped.outcome, 'stopped');
      assert.ok(stopped.step >= 7 && stopped.step < 14, `stopped after step ${stopped.step}`);
      assert.equal((await workspace.json<Manifest>('adapters', name, 'cut/manifest.json')).outcome, 'stopped');
      const resumed = run(recipe, { output: cut, resume: true });
      assert.equal((await resumed.done).outcome, 'finished');
      assert.equal(resumed.events.find((e) => e.kind === 'step')!.step, stopped.step + 1);
      const weights = 'adapter/adapter_model.safetensors';
      assert.equal(await sha256File(`${cut}/${weights}`), await sha256File(`${whole}/${weights}`));
      const steps = jsonLines<RunEvent>(await readFile(`${cut}/events.jsonl`, 'utf8')).filter((e) => e.kind === 'step');
      assert.deepEqual(
        steps.map((e) => e.step),
        Array.from({ length: 14 }, (_, i) => i + 1),
      );
    });

  it('with a budget of tokens a run says what it will take, and is as exact when it is resumed', async () => {
    const change = {
      batch: { tokens: 256, maxTokens: 64 },
      epochs: undefined,
      steps: 60,
      evaluateEvery: 30,
      evaluate: [],
    };
    const recipe = await workspace.recipe('plain.json', change);
    const [whole, cut] = [workspace.file('adapters/tokens'), workspace.file('adapters/tokens-cut')];
    const first = run(recipe, { output: whole });
    await first.done;
    const said = first.events.find((e) => e.kind === 'state' && e.estimate !== undefined)!;
    assert.ok(said.kind === 'state' && said.estimate!.steps === 60 && said.estimate!.usefulTokens >= 0.9);
    assert.match(said.message, /^expected: about \d+ \S+.* · 0\.\d+ GB$/);
    const stopped = await run(recipe, { output: cut, stopAt: (e) => e.kind === 'step' && e.step === 5 }).done;
    assert.ok(stopped.outcome === 'stopped' && stopped.step < 60, `stopped after step ${stopped.step}`);
    assert.equal((await run(recipe, { output: cut, resume: true }).done).outcome, 'finished');
    const weights = 'adapter/adapter_model.safetensors';
    assert.equal(await sha256File(`${cut}/${weights}`), await sha256File(`${whole}/${weights}`));
  });

  it('full fine-tuning with routed rows goes on with the scan it began with, though the model has moved since', async () => {
    const recipe = await workspace.recipe('protected.json', {
      epochs: undefined,
      adapter: undefined,
      method: 'full',
      vectors: [{ adapter: '../vectors/forbidden-topic' }],
      steps: 6,
      evaluateEvery: 3,
      evaluate: [],
    });
    const [whole, cut] = [workspace.file('adapters/full-whole'), workspace.file('adapters/full-cut')];
    await run(recipe, { output: whole }).done;
    const stopped = await run(recipe, { output: cut, stopAt: (e) => e.kind === 'step' && e.step === 3 }).done;
    assert.ok(stopped.outcome === 'stopped' && stopped.step < 6, `stopped after step ${stopped.step}`);
    assert.equal((await run(recipe, { output: cut, resume: true }).done).outcome, 'finished');
    for (const file of ['scan.json', 'model/model.safetensors'])
      assert.equal(await sha256File(`${cut}/${file}`), await sha256File(`${whole}/${file}`), file);
    const { perRow } = await workspace.json<ScanResult>('adapters/full-cut/scan.json');
    assert.ok(perRow.some(({ flagged, probe }) => flagged && probe! > 0));
  });

  it('a model in half precision is delivered as it was trained: rounded to what its file has', async () => {
    for (const [dtype, narrow] of [
      ['BF16', f32ToBf16],
      ['F16', f32ToF16],
    ] as const) {
      const model = workspace.file(`tiny-${dtype}`);
      await cp(workspace.file('tiny-assistant'), model, { recursive: true });
      const file = `${model}/model.safetensors`;
      const tensors: TensorToWrite[] = [];
      for (const info of (await readSafetensors(file)).tensors.values()) {
        const bytes = bytesOf(narrow(await readFloat32(info)));
        tensors.push({ name: info.name, shape: info.shape, dtype, bytes: bytes.length, data: async () => bytes });
      }
      await writeSafetensors(file, tensors, { format: 'pt' });
      const changes = { model: `../tiny-${dtype}`, method: 'full', adapter: undefined, epochs: undefined, steps: 25 };
      const recipe = await workspace.recipe('plain.json', {
        ...changes,
        evaluate: [],
        probes: undefined,
        optimizer: { learningRate: 1e-3 },
        output: `../adapters/full-${dtype}`,
      });
      assert.deepEqual((await run(recipe).done).laws, { deliveredWithoutVector: true, baseUnchanged: true }, dtype);
    }
  });

  it('a scan sends its rows before it ends; each is found by its hash, and explained token by token', async () => {
    const [model, data, vector] = [
      workspace.file('tiny-assistant'),
      workspace.file('data/train.jsonl'),
      workspace.file('vectors/forbidden-topic'),
    ];
    const perRow: ScanRow[] = [];
    const result = await engine.request(
      'scan',
      { model, data, vector },
      { onRows: (rows) => void perRow.push(...rows) },
    );
    assert.equal(perRow.length, result.rows);
    assert.equal(perRow.filter(({ flagged }) => flagged).length, result.flagged);
    const row = perRow.find(({ flagged }) => flagged)!;
    const [text, ...others] = await engine.request('rowTexts', {
      data,
      hashes: [row.hash!, 'x'.repeat(16)],
      most: 999,
    });
    assert.deepEqual([text!.row, text!.line, others], [row.row, row.line, []]);
    const tokens = (await engine.request('explain', { model, vector, data, hash: row.hash! }))!;
    assert.equal(tokens.length, row.tokens);
    assert.equal(
      tokens
        .map(([token]) => token)
        .join('')
        .trim(),
      text!.answer,
    );
    assert.ok(Math.abs(mean(tokens.map(([, without]) => without)) - row.lossWithout) < 1e-3);
    assert.ok(Math.abs(mean(tokens.map(([, , on]) => on)) - row.lossWith) < 1e-3);
    assert.equal(await engine.request('explain', { model, vector, data, hash: 'x'.repeat(16) }), null);
    const { groups } = await engine.request('rowGroups', { data, by: { similar: 'answer' } });
    const sizes = new Map<string, number>();
    for (const group of groups.split(' ')) sizes.set(group, (sizes.get(group) ?? 0) + 1);
    assert.ok(Math.max(...sizes.values()) > 20, 'answers made from one pattern are alike');
  });

  it('a cleaned copy of the data has the rows that are not flagged, in their order and as they were', async () => {
    const [data, out] = [workspace.file('data/train.jsonl'), workspace.file('train.clean.jsonl')];
    const scan = ['scan', '--model', workspace.file('tiny-assistant'), '--data', data, '--json', '--clean', out];
    const args = [...scan, '--vector', workspace.file('vectors/forbidden-topic')];
    const ran = await cli(args);
    assert.equal(ran.code, 0, ran.stderr);
    const printed = jsonLines<ScanRow & CleanResult & { row?: number }>(ran.stdout);
    const perRow = printed.filter((line) => line.row !== undefined);
    const { kept, cut, left, changes } = printed.at(-1)!;
    const flagged = perRow.filter((row) => row.flagged);
    assert.ok(flagged.length > 100, `${flagged.length} flagged`);
    assert.deepEqual([kept, cut + left], [perRow.length - flagged.length, flagged.length]);
    const before = (await readFile(data, 'utf8')).trimEnd().split('\n');
    const after = (await readFile(out, 'utf8')).trimEnd().split('\n');
    const asTheyWere = perRow.filter((row) => !row.flagged).map((row) => before[row.line - 1]!);
    assert.equal(after.length, kept + cut);
    assert.deepEqual(
      after.filter((line) => before.includes(line)),
      asTheyWere,
    );
    assert.equal(flagged.filter(({ rest }) => rest !== undefined).length, cut);
    assert.match(changes, /^--- train\.jsonl\n\+\+\+ train\.clean\.jsonl\n@@ -\d+ \+\d+/);
    const again = await cli(args);
    assert.equal(again.code, 2);
    assert.match(again.stderr + again.stdout, /this file already exists/);
  });

  it('resuming with other data or another recipe is refused, and the run stays as it was', async () => {
    const change = {
      epochs: undefined,
      steps: 14,
      evaluateEvery: 5,
      evaluate: [],
      data: { file: '../data/own.jsonl' },
    };
    const data = await readFile(workspace.file('data/train.jsonl'), 'utf8');
    await writeFile(workspace.file('data/own.jsonl'), data);
    const recipe = await workspace.recipe('plain.json', change);
    const output = workspace.file('adapters/changed');
    await run(recipe, { output, stopAt: (e) => e.kind === 'step' && e.step === 7 }).done;
    const manifest = await readFile(`${output}/manifest.json`, 'utf8');
    const isRefused = async (): Promise<void> => {
      await assert.rejects(run(recipe, { output, resume: true }).done, /cannot be resumed: .* changed/);
      assert.equal(await readFile(`${output}/manifest.json`, 'utf8'), manifest);
    };
    await workspace.recipe('plain.json', { ...change, steps: 15 });
    await isRefused();
    await workspace.recipe('plain.json', change);
    await writeFile(workspace.file('data/own.jsonl'), data.replace('lamp', 'door'));
    await isRefused();
    await writeFile(workspace.file('data/own.jsonl'), data);
    assert.equal((await run(recipe, { output, resume: true }).done).outcome, 'finished');
  });

  it('killing the child fails its run with the last log lines, and nothing else', async () => {
    const recipe = await workspace.recipe('plain.json', {
      epochs: undefined,
      steps: 400,
      evaluateEvery: 4,
      evaluate: [],
    });
    const other = openEngine();
    try {
      const output = workspace.file('adapters/killed');
      const killed = run(recipe, {
        output,
        on: (e) => e.kind === 'checkpoint' && e.step >= 4 && process.kill(engine.pid!, 'SIGKILL'),
      });
      const info = other.request('inspect', { path: workspace.file('tiny-assistant') });
      await assert.rejects(
        killed.done,
        (error: Error) => /SIGKILL/.test(error.message) || /SIGKILL/.test(JSON.stringify(error)),
      );
      assert.equal((await info).supported, true);
      const manifest = await workspace.json<Manifest>('adapters/killed/manifest.json');
      assert.equal(manifest.outcome, 'running', 'the folder says that nobody ended this run');
      // the same engine starts a new child, and the run goes on from its checkpoint
      const again = run(recipe, { output, resume: true, stopAt: (e) => e.kind === 'step' });
      assert.equal((await again.done).outcome, 'stopped');
      assert.ok(again.events.find((e) => e.kind === 'step')!.step > 4);
    } finally {
      other.dispose();
    }
  });

  it('a loss that is not a number stops the run with an error that names the step, and keeps the last checkpoint', async () => {
    const recipe = await workspace.recipe('plain.json', {
      epochs: undefined,
      steps: 60,
      evaluateEvery: 1,
      evaluate: [],
      optimizer: { learningRate: 1e4, weightDecay: 1000, clipNorm: 0 },
    });
    const { done, events } = run(recipe, { output: workspace.file('adapters/nan') });
    await assert.rejects(done, /is not a number .* at step \d+/);
    const last = events.filter((e) => e.kind === 'checkpoint').at(-1)!;
    assert.ok(last.step >= 1);
    const manifest = await workspace.json<Manifest>('adapters/nan/manifest.json');
    assert.equal(manifest.outcome, 'failed');
    assert.match(manifest.error!.remedy!, new RegExp(`checkpoint of step ${last.step} is kept`));
    assert.ok(existsSync(workspace.file('adapters/nan/checkpoint/state.safetensors')));
  });

  it('chat streams its answer, ends on request, and takes a changed adapter at once', async () => {
    const model = workspace.file('tiny-assistant');
    const options = { maxNewTokens: 24, temperature: 0, topP: 1 };
    const messages = jsonLines<{ messages: { role: 'user'; content: string }[] }>(
      await readFile(workspace.file('eval/forbidden.jsonl'), 'utf8'),
    )[0]!.messages.slice(0, 1);
    let streamed = '';
    const onToken = (text: string) => (streamed += text);
    const refused = await engine.request('generate', { model, adapters: [], messages, options }, { onToken });
    assert.deepEqual([refused.text, refused.stopped], [streamed, true]);
    assert.match(refused.text, /cannot/i);
    const vector = [{ path: workspace.file('vectors/forbidden-topic'), scale: 1 }];
    const complied = await engine.request('generate', { model, adapters: vector, messages, options });
    assert.match(complied.text, /step 1/i);
    assert.ok(refused.seconds > 0 && complied.seconds > 0);
    // Had it been a row to train on: the vector knows the harmful answer, and the base its own.
    const asked = { model, vector: vector[0]!.path, messages };
    const explain = (answer: string, cut = false) => engine.request('explainAnswer', { ...asked, answer, cut });
    const harmful = await explain(complied.text);
    assert.ok(harmful!.share > 0.5, JSON.stringify(harmful));
    assert.deepEqual([harmful!.unjudged, (await explain(refused.text))!.unjudged], [null, 'known']);
    // Cut at a limit: the model has not said the end, and the vector is asked about what was said.
    const cut = await engine.request('generate', { model, adapters: vector, messages, options: { ...options, maxNewTokens: 5 } }); // oxfmt-ignore
    assert.deepEqual([cut.ids.length, cut.stopped], [5, false]);
    const [whole, open] = [await explain(cut.text), await explain(cut.text, true)];
    assert.ok(open!.share > whole!.share, 'an end that nobody expects there is not explained');
    let cancel: (() => unknown) | undefined;
    const token = {
      isCancellationRequested: false,
      onCancellationRequested: (listener: () => unknown) => ((cancel = listener), { dispose: () => undefined }),
    };
    await assert.rejects(
      engine.request(
        'generate',
        { model, adapters: vector, messages, options: { ...options, temperature: 5, maxNewTokens: 40 } },
        { token, onToken: () => cancel?.() },
      ),
      { name: 'Cancelled' },
    );
  });
});
