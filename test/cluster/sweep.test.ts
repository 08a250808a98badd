/** A sweep on a cluster: several points compute there at once. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { runSweep } from '../../runtime/calls/sweep.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import type { SweepRecipe } from '../../runtime/contract/recipeSweep.js';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { readRecipe } from '../../runtime/recipes/readRecipe.js';
import { sampleWorkspace, type Workspace } from '../calls/support.js';
import { faultless, rayServer, type RayServer, type Script } from '../support/rayServer.js';

const AT_ONCE = 4;
const SEEDS = [1, 2, 3, 4, 5, 6];

let workspace: Workspace;
let server: RayServer;
let active = 0;
let most = 0;
before(async () => {
  workspace = await sampleWorkspace();
  server = await rayServer(waiting(faultless));
  await workspace.recipe('plain.json', {
    data: { file: '../data/train.jsonl', limit: 24 },
    evaluate: [],
    epochs: undefined,
    steps: 2,
    on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' },
  });
});
after(async () => {
  await server.close();
  await workspace.remove();
});

/** Begins when as many jobs are there as may be, or nothing else comes. */
function waiting(script: Script): Script {
  return function* (job) {
    active += 1;
    most = Math.max(most, active);
    for (let looks = 0; most < AT_ONCE && looks < 500; looks++) yield [];
    const end = yield* script(job);
    active -= 1;
    return end;
  };
}

async function sweep(
  name: string,
  options: { resume?: boolean; hear?: (event: RunEvent, stop: () => void) => void } = {},
): Promise<DoneEvent> {
  const written = { kind: 'sweep', base: 'plain.json', over: { seed: SEEDS }, output: `../sweeps/${name}` };
  const file = workspace.file('recipes', 'sweep.json');
  await writeFile(file, JSON.stringify(written));
  const { recipe, ...given } = await readRecipe(file);
  const stop = new AbortController();
  return runSweep(
    { ...given, recipe: recipe as SweepRecipe },
    {
      signal: stop.signal,
      patience: { pollMs: 2, awayMs: 2000, stopMs: 2000 },
      resume: options.resume,
      onEvent: (event) => options.hear?.(event, () => stop.abort()),
    },
  );
}

const table = (name: string): Promise<SweepFile> => workspace.json('sweeps', name, 'sweep.json');

test('four at once, and each is a run of its own with a line in the table', async () => {
  const shares: number[] = [];
  const done = await sweep('all', {
    hear: (event) => event.kind === 'state' && event.progress !== undefined && shares.push(event.progress),
  });
  assert.equal(done.outcome, 'finished');
  assert.equal(most, AT_ONCE);
  assert.equal(server.jobs.size, SEEDS.length);
  assert.equal(new Set([...server.jobs.values()].map(({ metadata }) => metadata.run)).size, SEEDS.length);
  const { points } = await table('all');
  assert.deepEqual(points.map(({ values }) => values.seed).sort(), SEEDS);
  assert.ok(points.every(({ error }) => error === undefined));
  assert.ok(shares.every((share) => share >= 0 && share <= 1));
});

test('Stop stops all of its jobs; resuming runs what is left', async () => {
  server.jobs.clear();
  [active, most] = [0, 0];
  const first = await sweep('stopped', { hear: (event, stop) => event.kind === 'point' && stop() });
  assert.equal(first.outcome, 'stopped');
  assert.ok([...server.jobs.values()].every(({ status }) => status === 'STOPPED' || status === 'SUCCEEDED'));
  const kept = (await table('stopped')).points.length;
  assert.ok(kept >= 1 && kept < SEEDS.length, `${kept} points`);
  [active, most] = [0, AT_ONCE];
  const second = await sweep('stopped', { resume: true });
  assert.equal(second.outcome, 'finished');
  assert.equal((await table('stopped')).points.length, SEEDS.length);
});
