/** The run that was to replace a finished one can go on, and is not started over without a word. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import { planOutput, readManifest } from '../../runtime/runs/output.js';
import type { HumanError } from '../../runtime/support/errors.js';
import { VECTOR, writeWorkspace } from '../kills/workspace.js';
import { temporary } from '../support/temporary.js';

test('the unfinished replacement of a finished run is named with its checkpoint, and so is what --force loses', async (t) => {
  const root = await temporary(t);
  await writeWorkspace(root);
  const [recipe, output] = [join(root, 'recipe.json'), join(root, 'out')];
  const next = join(output, 'next');
  await writeFile(recipe, JSON.stringify({ ...VECTOR, steps: 2, evaluateEvery: 1, output: 'out' }));
  const run = async (force: boolean, stopAt?: string): Promise<string[]> => {
    const stop = new AbortController();
    const said: string[] = [];
    await runRecipe(recipe, {
      force,
      signal: stop.signal,
      onEvent(event) {
        if (event.kind === stopAt) stop.abort();
        if (event.kind === 'state') said.push(event.message);
      },
    });
    return said.filter((message) => message.startsWith('starting over'));
  };
  assert.deepEqual(await run(false), []);
  assert.deepEqual(await run(true, 'checkpoint'), []);
  const { started } = (await readManifest(next))!;
  await assert.rejects(planOutput(output, [], {}), (error: HumanError) => {
    const { message, remedy, place, code } = error;
    assert.equal(
      message,
      `the output folder holds the run "out" of ${started}, which has not reached its end, and the finished one that it was to replace.`,
    );
    assert.match(remedy!, /--resume.*--force.*--out DIR/);
    assert.deepEqual([place, code], [output, 'exists']);
    return true;
  });
  assert.deepEqual(await run(true, 'checkpoint'), [
    `starting over without the run "out" of ${started}, which had come to step 1, and its checkpoint`,
  ]);
  // Without a checkpoint nothing is lost.
  await rm(join(next, 'checkpoint', CHECKPOINT_FILE));
  await assert.rejects(planOutput(output, [], {}), /holds the finished run "out" of [^,]*$/);
  assert.deepEqual(await run(true), []);
});
