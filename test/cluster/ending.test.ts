/**
 * Whether training ends is decided here, when its job is some steps ahead: the job is stopped, and what comes back is
 * of the step that is wanted.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { messagesOf, numbered, planOf, rayServer, type FakeJob, type RayServer } from '../support/rayServer.js';
import { runValue } from '../support/recipeRun.js';

type Message = ReturnType<typeof messagesOf>[0][0];

const SAMPLE = join(import.meta.dirname, '../../media/sample');

let root: string;
let server: RayServer;
let events: RunEvent[];
/** What the jobs say instead. */
let changed: (message: Message) => Message;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'ending-'));
  await writeWorkspace(root);
  await runValue(root, VECTOR, 'vector');
  server = await rayServer(function* (job) {
    const say = numbered();
    for (const group of messagesOf(job)) yield group.flatMap((message) => say(changed(message)));
    return 'SUCCEEDED';
  });
});
afterEach(() => server.jobs.clear());
after(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});

async function run(value: object, out: string, how: { resume?: boolean; force?: boolean } = {}) {
  events = [];
  const file = join(root, 'there.json');
  const on = { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' };
  await writeFile(file, JSON.stringify({ ...value, on }));
  return runRecipe(file, {
    output: join(root, out),
    ...how,
    signal: new AbortController().signal,
    patience: { pollMs: 2, awayMs: 2000, stopMs: 2000 },
    onEvent: (event) => void events.push(event),
  });
}

const steps = (): number[] => events.flatMap((event) => (event.kind === 'step' ? [event.step] : []));
/** Name in the run, state, and what was asked for. */
const jobs = (): [string, FakeJob['status'], object | null][] =>
  [...server.jobs.values()].map((job) => [job.id.split('-').slice(3, -1).join('-'), job.status, planOf(job).from]);
const said = (pattern: RegExp): boolean =>
  events.some((event) => (event.kind === 'warning' || event.kind === 'state') && pattern.test(event.message));

/** From step 6 on the model has learned the harmful rows. */
const falling = (message: Message): Message => {
  if (message.kind !== 'measured') return message;
  const sets = message.sets as Record<string, { rows: number[][] }>;
  if (!sets.judged) return message;
  const factor = Number(message.step) < 6 ? 20 : 0.01;
  const rows = sets.judged.rows.map(([nll, tokens]) => [nll! * factor, tokens!]);
  return { ...message, sets: { ...sets, judged: { rows } } };
};
const watching = (action: string): object => ({
  ...RECIPES['lora, every 2'],
  ...{ protection: { watch: action }, steps: 12, evaluate: [] },
});

test('watch: stop delivers the step at which the protection fell', async () => {
  changed = falling;
  const { watch, outcome } = await run(watching('stop'), 'stop');
  assert.equal(outcome, 'finished');
  assert.deepEqual(watch, { action: 'stop', step: 6, delivered: 6 });
  assert.deepEqual(steps(), [1, 2, 3, 4, 5, 6]);
  assert.ok(said(/Training ends here; this state is delivered/));
  assert.deepEqual(jobs().slice(-2), [
    ['train', 'STOPPED', null],
    ['step-6', 'SUCCEEDED', { stage: 0, step: 6 }],
  ]);
});

test('watch: restore delivers the last step that held', async () => {
  changed = falling;
  const { watch } = await run(watching('restore'), 'restore');
  assert.deepEqual(watch, { action: 'restore', step: 6, delivered: 4 });
  assert.deepEqual(jobs().at(-1), ['step-4', 'SUCCEEDED', { stage: 0, step: 4 }]);
  assert.ok(!existsSync(join(root, 'restore/checkpoint/held')));
});

test('a run that was cut off after the decision is not trained again', async () => {
  changed = falling;
  server.instead = (call) => (/\/stop$/.test(call) ? { status: 401 } : undefined);
  await assert.rejects(run(watching('restore'), 'cut'), /401/);
  server.instead = () => undefined;
  const { watch } = await run(watching('restore'), 'cut', { resume: true });
  assert.deepEqual(watch, { action: 'restore', step: 6, delivered: 4 });
  assert.deepEqual(steps(), []);
  assert.deepEqual(jobs().slice(-2), [
    ['train', 'STOPPED', null],
    ['step-4', 'SUCCEEDED', { stage: 0, step: 4 }],
  ]);
});

/** Best at step 4 on rows that the vector does not know. */
const bestAt4 = (message: Message): Message => {
  if (message.kind !== 'measured') return message;
  const sets = message.sets as Record<string, { rows: number[][] }>;
  const factor = 0.1 + 0.1 * Math.abs(Number(message.step) - 4);
  const rows = sets['held on']!.rows.map((row) => row.map((nll) => nll * factor));
  return { ...message, sets: { ...sets, 'held on': { rows } } };
};

async function atItsBest(): Promise<typeof VECTOR> {
  await copyFile(join(SAMPLE, 'data/harmful.jsonl'), join(root, 'more.jsonl'));
  const more = { harmful: { file: 'more.jsonl', limit: 24 }, heldOut: 0.5, steps: 40, evaluateEvery: 2 };
  return { ...VECTOR, ...more };
}

test('a vector that only gets worse on rows that it does not know ends, and is taken as it was at its best', async () => {
  changed = bestAt4;
  const recipe = await atItsBest();
  const { outcome, step, taken } = await run(recipe, 'best');
  assert.deepEqual({ outcome, step, taken }, { outcome: 'finished', step: 10, taken: 4 });
  assert.equal(steps().at(-1), 10, 'three measurements that are worse');
  assert.ok(said(/the vector of step 4 is delivered/));
  assert.deepEqual(jobs(), [
    ['train', 'STOPPED', null],
    ['step-4', 'SUCCEEDED', { stage: 0, step: 4 }],
  ]);
  // Too few steps for an end: all are made, and the best is taken all the same.
  server.jobs.clear();
  assert.equal((await run({ ...recipe, steps: 8 }, 'short')).taken, 4);
  assert.deepEqual(jobs(), [
    ['train', 'SUCCEEDED', null],
    ['step-4', 'SUCCEEDED', { stage: 0, step: 4 }],
  ]);
});

test('an adapter too large for the log is that of the step that is wanted, not the last one, which was fetched before', async () => {
  const place = join(root, 'storage.safetensors');
  let delivered = 0;
  changed = (message) => {
    if (message.kind !== 'adapter') return bestAt4(message);
    const data = Buffer.from(String(message.data), 'base64');
    // The last weight of the last step is another one.
    if (delivered++ === 0) data.writeFloatLE(0.25, data.length - 4);
    writeFileSync(place, data);
    return { ...message, place, data: undefined, sha256: createHash('sha256').update(data).digest('hex') };
  };
  const recipe = { ...(await atItsBest()), steps: 8 };
  const { taken } = await run(recipe, 'large');
  assert.deepEqual([taken, delivered], [4, 2]);
  const weights = await readFile(join(root, 'large/adapter/adapter_model.safetensors'));
  assert.notEqual(weights.readFloatLE(weights.length - 4), 0.25);
  assert.ok(!existsSync(join(root, 'large/received')));
});

test('an adapter that lies where it cannot be read is asked for, also where an earlier one is here', async () => {
  const [place, copied] = [join(root, 'elsewhere.safetensors'), join(root, 'copied/received/security/adapter_model.safetensors')]; // oxfmt-ignore
  let weights = Buffer.alloc(0);
  changed = (message) => {
    if (message.kind !== 'adapter') return bestAt4(message);
    weights = Buffer.from(String(message.data), 'base64');
    return { ...message, place, data: undefined };
  };
  const recipe = { ...(await atItsBest()), steps: 8 };
  await assert.rejects(run(recipe, 'copied'), { message: /MiB, too many for the log/, remedy: /^Copy it to / });
  await mkdir(dirname(copied), { recursive: true });
  await writeFile(copied, 'another one');
  await assert.rejects(run(recipe, 'copied', { resume: true }), { message: /SHA-256 differs/, remedy: /^Copy it to / });
  await writeFile(copied, weights);
  assert.equal((await run(recipe, 'copied', { resume: true })).taken, 4);
});

test('what came back of an unfinished run is cleared by the one that starts over', async () => {
  changed = (message) => (message.kind === 'adapter' ? { ...message, sha256: 'other' } : bestAt4(message));
  const recipe = { ...(await atItsBest()), steps: 8 };
  await assert.rejects(run(recipe, 'again'), /SHA-256 differs/);
  await mkdir(join(root, 'again/received/security'), { recursive: true });
  await writeFile(join(root, 'again/received/security/adapter_model.safetensors'), 'old');
  changed = (message) => {
    if (message.kind === 'step') assert.ok(!existsSync(join(root, 'again/received/security')));
    return bestAt4(message);
  };
  assert.equal((await run(recipe, 'again', { force: true })).outcome, 'finished');
});

test('a training that diverges ends on the cluster, too', async () => {
  changed = (message) =>
    message.kind === 'step' && Number(message.step) > 2 ? { ...message, nll: 100 * Number(message.tokens) } : message;
  await assert.rejects(run({ ...watching('continue'), steps: 60 }, 'diverged'), /has diverged/);
  assert.deepEqual(jobs().at(-1), ['train', 'STOPPED', null]);
});

test('a job that ends without saying so is not taken for done; when its log is whole, it is', async () => {
  changed = (message) => message;
  const whole = server.script;
  let last: string[] = [];
  server.script = function* (job) {
    const say = numbered();
    const lines = messagesOf(job).map((group) => group.flatMap(say));
    if (planOf(job).stages.length > 0) last = lines.pop()!;
    yield* lines;
    return 'SUCCEEDED';
  };
  await assert.rejects(run(watching('continue'), 'broken'), /its log breaks off/);
  server.script = whole;
  [...server.jobs.values()].at(-1)!.log += `${last.join('\n')}\n`;
  const sent = server.jobs.size;
  assert.equal((await run(watching('continue'), 'broken', { resume: true })).outcome, 'finished');
  assert.equal(server.jobs.size, sent);
});
