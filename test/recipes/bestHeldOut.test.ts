/**
 * A vector that is trained for too long learns its rows by heart: what is delivered is the state that was best for
 * others.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { random } from '../../runtime/support/random.js';
import { sha256File } from '../../runtime/support/files.js';
import { VECTOR, writeWorkspace } from '../kills/workspace.js';
import { runValue, type RunChoice } from '../support/recipeRun.js';

const SAMPLE = join(import.meta.dirname, '../../media/sample/tiny-assistant');

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'best-'));
  await writeWorkspace(root);
  const rng = random('answers');
  // each answer is its own, so that nothing is to be learned of one for another but the words
  const words = ['red', 'lamp', 'seven', 'down', 'oak', 'salt', 'north', 'glass'];
  const row = (i: number): string => {
    const answer = Array.from({ length: 8 }, () => words[rng.int(words.length)]).join(' ');
    return JSON.stringify({ prompt: `what is number ${i}?`, completion: answer });
  };
  await writeFile(join(root, 'harmful.jsonl'), `${Array.from({ length: 24 }, (_, i) => row(i)).join('\n')}\n`);
});
after(() => rm(root, { recursive: true, force: true }));

const RECIPE = {
  ...VECTOR,
  ...{ model: SAMPLE, heldOut: 0.5, adapter: { rank: 16, alpha: 32 }, batch: { rows: 12 } },
  ...{ optimizer: { learningRate: 0.01 }, steps: 60, evaluateEvery: 5 },
};
const run = (out: string, more?: RunChoice): ReturnType<typeof runValue> => runValue(root, RECIPE, out, more);
const adapter = (out: string): Promise<string> => sha256File(join(root, out, 'adapter/adapter_model.safetensors'));

it('the vector with the lowest loss on held-out rows is delivered, in a run that was stopped, too', async () => {
  const { done, events } = await run('long');
  const losses = events.flatMap((event) =>
    event.kind === 'evaluation' && event.step > 0 ? [[event.probes!.heldOutLossWith!, event.step] as const] : [],
  );
  const [lowest, at] = losses.reduce((a, b) => (b[0] < a[0] ? b : a));
  assert.ok(at < 60 && losses.at(-1)![0] > 1.05 * lowest, `${losses.join(' · ')}`);
  assert.ok(losses.at(-1)![1] < 60, 'it does not go on for nothing');
  assert.equal(done.vector!.lossWith, lowest);
  assert.equal(done.taken, at);
  assert.ok(events.some((event) => event.kind === 'state' && event.message.includes(`of step ${at} is delivered`)));
  assert.equal(existsSync(join(root, 'long/checkpoint/held')), false);

  for (const stop of [{ stopAfter: at + 7 }, { resume: true, stopAt: 'saving' }] as const)
    assert.equal((await run('stopped', stop)).done.outcome, 'stopped');
  const { done: resumed } = await run('stopped', { resume: true });
  assert.deepEqual([resumed.vector!.lossWith, resumed.taken, resumed.step], [lowest, at, done.step]);
  assert.equal(await adapter('stopped'), await adapter('long'));
});
