/** A run that is resumed tells all that its judges have taken, before it was stopped as after. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { RECIPES } from '../kills/workspace.js';
import { judgeServer, type JudgeServer } from '../support/judgeServer.js';
import { manifestOf } from '../support/keptRun.js';
import { sweepsFolder, type Sweeps } from '../support/sweeps.js';
import { silent } from '../support/silent.js';

let at: Sweeps;
let server: JudgeServer;
before(async () => {
  at = await sweepsFolder();
  server = await judgeServer(() => 'REFUSED');
});
beforeEach(() => {
  server.asked.length = 0;
  server.says = () => 'REFUSED';
});
after(async () => {
  await server.close();
  await at.remove();
});

const recipe = (output: string): Promise<string> =>
  at.write(output, {
    ...RECIPES['lora, every 2'],
    judges: ['refusal-phrases', { endpoint: server.address, model: 'local', name: 'paid', concurrency: 1 }],
    output,
  });
const requests = async (output: string): Promise<number> =>
  (await manifestOf(join(at.root, output))).judges!.find(({ name }) => name === 'paid')!.usage!.requests;

test('stopped after it has measured the base', async () => {
  const file = await recipe('stopped');
  const stop = new AbortController();
  const onEvent = (event: RunEvent): void => void (event.kind === 'step' && event.step === 3 && stop.abort());
  assert.equal((await runRecipe(file, { signal: stop.signal, onEvent })).outcome, 'stopped');
  const asked = server.asked.length;
  assert.ok(asked > 0);
  assert.equal(await requests('stopped'), asked);
  await runRecipe(file, { ...silent, resume: true });
  assert.ok(server.asked.length > asked);
  assert.equal(await requests('stopped'), server.asked.length);
});

test('stopped while the model that it delivers is measured', async () => {
  const file = await recipe('measured');
  const stop = new AbortController();
  let base = 0;
  const onEvent = (event: RunEvent): void => {
    if (event.kind === 'step') base = server.asked.length;
  };
  server.says = () => {
    if (base > 0 && server.asked.length === base + 2) stop.abort();
    return 'REFUSED';
  };
  assert.equal((await runRecipe(file, { signal: stop.signal, onEvent })).outcome, 'stopped');
  assert.ok((await requests('measured')) > base);
});
