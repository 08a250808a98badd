/** Runs on a cluster as the fake Jobs server plays it: the protocol, and what is computed there and here. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { readAdapter } from '../../runtime/adapters/files.js';
import { readScan } from '../../runtime/evaluation/scan/scanFile.js';
import { faultless, messagesOf, noteLine, numbered, planOf } from '../support/rayServer.js';
import { recorded, said, STEPS, stepsOf, useCluster } from './support.js';

const { workspace, server, recipe, run, output, outputFolder, nextOutput } = await useCluster();

type Message = ReturnType<typeof messagesOf>[0][0];

/**
 * Of compared rows: the vector explains the first tokens of long ones, and the others have this loss with it and
 * without.
 */
function opened(message: Message, explained: number, nats: number): Message {
  return withRows(message, (row) => {
    const tokens = row.length / 3;
    const each = (first: number): number[] =>
      Array.from({ length: tokens }, (_, i) => (tokens > 10 && i < explained ? first : nats));
    return [...each(9), ...each(0.1), ...row.slice(2 * tokens)];
  });
}

/** With other numbers of each row, where it says some. */
function withRows(message: Message, changed: (row: number[]) => number[]): Message {
  if (message.kind !== 'measured') return message;
  const sets = Object.entries(message.sets as Record<string, { rows: number[][] }>);
  return { ...message, sets: Object.fromEntries(sets.map(([name, { rows }]) => [name, { rows: rows.map(changed) }])) };
}

/** Jobs say something else than the fake would. */
function jobsSay(said: (message: Message) => Message): void {
  server.script = function* (job) {
    const say = numbered();
    for (const group of messagesOf(job)) yield group.map(said).flatMap(say);
    return 'SUCCEEDED';
  };
}

const vectorRecipe = (more: object = {}): Promise<string> =>
  workspace.recipe('vector.json', {
    harmful: { file: '../data/harmful.jsonl', limit: 40 },
    benign: { file: '../data/benign.jsonl', limit: 40 },
    epochs: undefined,
    steps: 2,
    output: output(),
    ...more,
  });

describe('a run on a cluster', () => {
  it('trains, tells of it as any run, and delivers an adapter that is read back and evaluated here', async () => {
    const { done, events, error } = await run(await recipe());
    assert.equal(error, undefined, error?.message);
    assert.equal(done!.outcome, 'finished');
    assert.deepEqual(stepsOf(events), [1, 2, 3, 4]);
    assert.deepEqual(
      events.flatMap((e) => (e.kind === 'evaluation' && e.probes ? [[e.step, e.probes.benignLossWithout]] : [])),
      [
        [0, 1],
        [2, 1],
        [4, 1],
      ],
    );
    for (const event of events)
      if (event.kind === 'evaluation' && event.probes) assert.equal(event.probeRows?.benign?.rows, 'probes');
    assert.deepEqual(done!.laws, { baseUnchanged: true, deliveredWithoutVector: true });
    assert.equal((await readAdapter(outputFolder())).role, 'task');
    assert.match(await readFile(`${outputFolder()}/report.html`, 'utf8'), / · on a Ray cluster · /);
    const [job] = [...server.jobs.values()];
    assert.deepEqual(planOf(job!).deliver, ['task']);
    const posted = server.calls.find(({ call }) => call === 'POST /api/jobs/')!;
    assert.match(posted.headers['user-agent']!, /^security-vectors/);
    assert.equal(posted.headers['sec-fetch-mode'], undefined, 'Ray takes no post of a browser');
  });

  it('the fake loses nothing of what the job was sent: rows as tokens, steps with their weights', async () => {
    await run(await recipe());
    const [job] = [...server.jobs.values()];
    const rows = job!.files.get('rows.jsonl')!()
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    assert.ok(rows.length > 10 && rows.every((row) => 'ids' in row && 'labels' in row));
    const steps = job!.files.get('steps-0.jsonl')!().toString().trim().split('\n');
    assert.equal(steps.length, STEPS);
    const first = JSON.parse(steps[0]!) as { rows: [number, number, number, number, number][] };
    assert.equal(first.rows.length, 16);
    assert.ok(['train.py', 'adapters.py', 'losses.py', 'messages.py'].every((name) => job!.files.has(name)));
    const config = await readFile(workspace.file('tiny-assistant/config.json'));
    assert.deepEqual(job!.files.get('model-here/config.json')!(), config);
  });

  it('"install" has Ray install the pinned packages, and itself in the version that is there', async () => {
    server.version = '2.61.1';
    const { error } = await run(await recipe({}, { install: true }));
    assert.equal(error, undefined, error?.message);
    const [job] = [...server.jobs.values()];
    const pip = job!.environment.pip as string[];
    assert.deepEqual(
      pip.filter((line) => line.startsWith('ray')),
      ['ray[default,train]==2.61.1'],
    );
    assert.ok(pip.length > 3 && pip.some((line) => /^torch==\d/.test(line)), pip.join());
    server.jobs.clear();
    nextOutput();
    await run(await recipe());
    assert.equal([...server.jobs.values()][0]!.environment.pip, undefined);
  });

  it('numbers of a job that an earlier version has started are not read as others', async () => {
    await run(await vectorRecipe());
    const vector = outputFolder();
    nextOutput();
    jobsSay((message) => withRows(message, (row) => row.slice(0, (2 * row.length) / 3)));
    const { error } = await run(await recipe({ vectors: [{ adapter: vector }], protection: true }));
    assert.match(error!.message, /numbers of a row in which \d+ tokens are compared, .*another version/);
  });

  it('trains a vector: quality, calibration and prompts are made here', async () => {
    const file = await vectorRecipe({ on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' } });
    const { done, error, events } = await run(file);
    assert.equal(error, undefined, error?.message);
    assert.ok(done!.vector?.auroc !== undefined);
    const probes = events.flatMap((e) => (e.kind === 'evaluation' && e.probes ? [e.probes] : []));
    assert.ok(probes.length >= 2 && probes.every((p) => p.harmfulLossWith === 1 && p.heldOutAuroc !== undefined));
    // With it, a protected fine-tuning: a job for the scan, and one for the training.
    const vector = outputFolder();
    nextOutput();
    server.jobs.clear();
    const second = await run(await recipe({ vectors: [{ adapter: vector }], protection: true }));
    assert.equal(second.error, undefined, second.error?.message);
    assert.deepEqual(
      [...server.jobs.keys()].map((id) => id.split('-').at(-2)),
      ['scan', 'train'],
    );
    assert.equal(second.done!.laws?.vectorUnchanged, true);
    const { perRow } = await readScan(`${outputFolder()}/scan.json`);
    for (const { lossWithout, lossWith, kl } of perRow) assert.deepEqual([lossWithout, lossWith, kl], [2, 1, 0.5]);
    // What is left of rows with an insertion is asked for in a job of its own.
    nextOutput();
    server.jobs.clear();
    jobsSay((message) => {
      const { size } = server.jobs;
      return size === 1 ? opened(message, 4, 2) : size === 2 ? opened(message, 0, 1) : message;
    });
    const third = await run(await recipe({ vectors: [{ adapter: vector }], protection: true }));
    assert.equal(third.error, undefined, third.error?.message);
    assert.deepEqual(
      [...server.jobs.keys()].map((id) => id.split('-').at(-2)),
      ['scan', 'insertions1', 'train'],
    );
    const inserted = (await readScan(`${outputFolder()}/scan.json`)).perRow.filter((row) => row.inserted);
    assert.ok(inserted.length > 0 && inserted.every(({ spans }) => spans![0]![0] === 0));
  });

  it('evaluates: answers and losses come from there, and are judged here', async () => {
    const file = await workspace.recipe('evaluate.json', {
      states: [{ name: 'base', adapters: [] }],
      evaluate: [
        { name: 'harm', file: '../eval/forbidden.jsonl', limit: 8, measure: 'harm' },
        { name: 'loss', file: '../eval/old-tasks.jsonl', limit: 8, measure: 'loss' },
      ],
      output: output(),
      on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' },
    });
    const { done, error } = await run(file);
    assert.equal(error, undefined, error?.message);
    const value = (measure: string): number => done!.measurements.find((m) => m.measure === measure)!.value;
    assert.deepEqual([value('loss'), value('harm'), value('refusal')], [1, 1, 0]);
    const sampled = await workspace.recipe('evaluate.json', {
      generation: { temperature: 1 },
      on: { ray: server.address, model: '/m', storage: '/s' },
    });
    assert.match((await run(sampled)).error!.message, /sampling runs only on this machine/);
  });

  it('answers of a model without a pad token are asked for with token 0 as padding', async () => {
    await cp(workspace.file('tiny-assistant'), workspace.file('without-pad'), { recursive: true });
    for (const name of ['config.json', 'generation_config.json', 'tokenizer_config.json']) {
      const config = await workspace.json<object>('without-pad', name);
      const without = { ...config, pad_token: undefined, pad_token_id: undefined };
      await writeFile(workspace.file('without-pad', name), JSON.stringify(without));
    }
    const file = await workspace.recipe('evaluate.json', {
      model: '../without-pad',
      states: [{ name: 'base', adapters: [] }],
      evaluate: [{ name: 'harm', file: '../eval/forbidden.jsonl', limit: 2, measure: 'harm' }],
      output: output(),
      on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' },
    });
    const { error } = await run(file);
    assert.equal(error, undefined, error?.message);
    const [job] = [...server.jobs.values()];
    assert.equal(planOf(job!).generate!.pad, 0);
  });

  it('an answer has as much room as its prompt leaves in the context', async () => {
    const file = await workspace.recipe('evaluate.json', {
      states: [{ name: 'base', adapters: [] }],
      evaluate: [{ name: 'harm', file: '../eval/forbidden.jsonl', limit: 2, measure: 'harm' }],
      generation: { maxNewTokens: 1000 },
      output: output(),
      on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' },
    });
    const { error } = await run(file);
    assert.equal(error, undefined, error?.message);
    const [job] = [...server.jobs.values()];
    const { max_position_embeddings: context } = await workspace.json<Record<string, number>>('tiny-assistant', 'config.json'); // oxfmt-ignore
    const lengths = job!.files.get('rows.jsonl')!().toString().trim().split('\n').map((line) => (JSON.parse(line) as { ids: number[] }).ids.length); // oxfmt-ignore
    assert.deepEqual(planOf(job!).generate!.rooms, lengths.map((length) => context! - length)); // oxfmt-ignore
  });

  it('secrets come from the environment by their names, and are written nowhere', async () => {
    Object.assign(process.env, { RAY_KEY: 'sesame-token', ENTRY: 'sesame-header' });
    server.instead = (_, headers) => (headers.authorization === 'Bearer sesame-token' ? undefined : { status: 401 });
    process.env.SECURITY_VECTORS_SECRETS = `RAY_KEY=${server.address}/, ENTRY=${server.address}`;
    const { done, error } = await run(await recipe({}, { token: 'RAY_KEY', headers: { 'X-Entry': 'ENTRY' } }));
    for (const name of ['RAY_KEY', 'ENTRY', 'SECURITY_VECTORS_SECRETS']) Reflect.deleteProperty(process.env, name);
    assert.equal(error, undefined, error?.message);
    assert.ok(server.calls.every(({ headers }) => headers['x-entry'] === 'sesame-header'));
    for (const name of ['recipe.json', 'events.jsonl', 'manifest.json', 'cluster.json', 'report.html'])
      assert.doesNotMatch(await readFile(`${done!.output}/${name}`, 'utf8'), /sesame/, name);
    for (const { files } of server.jobs.values())
      for (const [name, read] of files) assert.ok(!read().includes('sesame'), name);
  });

  it('a secret that the cluster or its proxy repeats is written nowhere', async () => {
    const [token, header] = ['sesame+token/1==', 'Basic sesame"header'];
    Object.assign(process.env, { RAY_KEY: token, ENTRY: header, SHORT: 'ses' });
    const names = ['RAY_KEY', 'ENTRY', 'SHORT'];
    process.env.SECURITY_VECTORS_SECRETS = names.map((name) => `${name}=${server.address}`).join();
    const on = { token: 'RAY_KEY', headers: { 'X-Entry': 'ENTRY', 'X-Short': 'SHORT' } };
    const repeated = `cannot read Bearer ${token}, X-Entry: ${header}, ${JSON.stringify({ header })}, ?key=${encodeURIComponent(token)}`;
    const ways: Record<string, [() => void, message: RegExp]> = {
      'of a request that is refused': [
        () => (server.instead = () => ({ status: 400, text: `${repeated}, ses` })),
        /status 400: cannot read Bearer …, X-Entry: …, \{"header":"…"\}, \?key=…, …\.$/,
      ],
      'of a job that is not taken': [
        () => (server.instead = (call) => (call === 'POST /api/jobs/' ? { status: 500, text: repeated } : undefined)),
        /status 500: cannot read Bearer …, X-Entry: …/,
      ],
      'of a cluster that is away': [
        () => {
          server.instead = (call) =>
            call.endsWith('/logs') ? { status: 500, text: `${repeated}: try again later` } : undefined;
        },
        /takes no jobs yet: cannot read Bearer …, X-Entry: …/,
      ],
      'in the log of a job': [
        () => {
          server.script = function* () {
            yield [`ValueError: ${repeated}`];
            return 'FAILED';
          };
        },
        /failed on the cluster: ValueError: cannot read Bearer …, X-Entry: …/,
      ],
      'in the message of a job': [
        () => {
          server.script = function* (job) {
            yield [];
            job.message = repeated;
            return 'FAILED';
          };
        },
        /failed on the cluster: cannot read Bearer …, X-Entry: …/,
      ],
    };
    for (const [way, [begin, message]] of Object.entries(ways)) {
      server.instead = () => undefined;
      nextOutput();
      begin();
      const { error, events } = await run(await recipe({}, on));
      assert.match(error!.message, message, way);
      assert.doesNotMatch(JSON.stringify([error, events]), /sesame/, way);
      for (const name of await readdir(outputFolder()).catch(() => []))
        if (/\./.test(name)) assert.doesNotMatch(await readFile(`${outputFolder()}/${name}`, 'utf8'), /sesame/, name);
    }
    for (const name of [...names, 'SECURITY_VECTORS_SECRETS']) Reflect.deleteProperty(process.env, name);
  });

  it('no variable of the environment is sent to an address that nobody has allowed for it', async () => {
    Object.assign(process.env, { RAY_KEY: 'sesame', ENTRY: 'sesame' });
    const refused = async (on: object): Promise<void> => {
      const { error } = await run(await recipe({}, { ...on }));
      assert.match(error!.message, /environment variable (RAY_KEY|ENTRY) would be sent to http.*which was not allowed/);
      assert.ok(/add --secret (RAY_KEY|ENTRY)=/.test(error!.remedy!) && error!.remedy!.includes(server.address));
    };
    const target = { token: 'RAY_KEY', headers: { 'X-Entry': 'ENTRY' } };
    await refused(target);
    for (const pairs of [
      'RAY_KEY=http://127.0.0.1:9',
      `RAY_KEY=${server.address}/v1`,
      `ENTRY=${server.address}`,
      'RAY_KEY=',
    ]) {
      process.env.SECURITY_VECTORS_SECRETS = pairs;
      await refused(target);
    }
    // Another variable than the one that is allowed.
    process.env.SECURITY_VECTORS_SECRETS = `RAY_KEY=${server.address}`;
    await refused(target);
    for (const name of ['RAY_KEY', 'ENTRY', 'SECURITY_VECTORS_SECRETS']) Reflect.deleteProperty(process.env, name);
    assert.equal(server.calls.length, 0);
  });

  it('a secret that is not there is asked for by its name', async () => {
    const { error } = await run(await recipe({}, { token: 'NOT_THERE' }));
    assert.match(error!.message, /no secret "NOT_THERE"/);
    assert.equal(server.calls.length, 0);
  });

  it('a job that waits for GPUs says what is wanted and what is there', async () => {
    server.script = function* (job) {
      const wanted = { CPU: 2, GPU: 2 };
      yield [noteLine('waiting', { wanted, there: { CPU: 8 }, free: { CPU: 8 } })];
      yield [noteLine('waiting', { wanted, there: { CPU: 8, GPU: 4 }, free: { CPU: 8, GPU: 1 } })];
      return yield* faultless(job);
    };
    const { events, done } = await run(await recipe());
    assert.match(said(events), /2 CPU, 2 GPU wanted, the cluster has 8 CPU, 0 GPU\. .* lower on\.workers or on\.gpu/);
    assert.match(said(events), /2 CPU, 2 GPU wanted, 8 CPU, 1 GPU free of 8 CPU, 4 GPU/);
    assert.equal(done!.outcome, 'finished');
  });

  it('Stop stops the job; resuming goes on from its last checkpoint under the same name of the run', async () => {
    const stop = new AbortController();
    const file = await recipe();
    const first = await run(file, { signal: stop.signal }, (event) => {
      if (event.kind === 'step' && event.step === 3) stop.abort();
    });
    assert.equal(first.done?.outcome, 'stopped', first.error?.message);
    const [job] = [...server.jobs.values()];
    assert.equal(job!.status, 'STOPPED');
    const second = await run(file, { resume: true });
    assert.equal(second.done?.outcome, 'finished', second.error?.message);
    const [, other] = [...server.jobs.values()];
    assert.equal(other!.metadata.run, job!.metadata.run);
    assert.deepEqual(stepsOf(await recorded(outputFolder())), [1, 2, 3, 4]);
  });

  it('what runs only here is refused by its key', async () => {
    assert.match(
      (await run(await recipe({ method: 'full' }))).error!.message,
      /full fine-tuning runs only on this machine/,
    );
    const address = (ray: string) => recipe({}, { ray });
    assert.match(
      (await run(await address('http://name:secret@head:8265'))).error!.message,
      /without a name and password/,
    );
  });
});
