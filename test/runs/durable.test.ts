/**
 * What a manifest says is finished is on disk before it says so: after a power failure no answer that it counts is
 * missing.
 */
import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import { copyCompanions } from '../../runtime/models/weights/saveModel.js';
import { writeWorkspace } from '../kills/workspace.js';
import { watch } from '../support/faults.js';
import { silent } from '../support/silent.js';
import { temporary } from '../support/temporary.js';

/** The calls that change files in a folder while something is done: what, and on which file. */
async function changes(root: string, work: () => Promise<unknown>): Promise<string[]> {
  const made: string[] = [];
  const end = watch({ root, onCall: ({ name, file }) => made.push(`${name} ${basename(file)}`) });
  await work().finally(end);
  return made;
}

test('the logs of a run, before its manifest has its end', async (t) => {
  const root = await temporary(t);
  await writeWorkspace(root);
  const file = join(root, 'recipe.json');
  const evaluate = [{ name: 'forbidden', file: 'forbidden.jsonl', measure: 'harm' }];
  const generation = { maxNewTokens: 2 };
  await writeFile(file, JSON.stringify({ kind: 'evaluate', model: 'model', evaluate, generation, threads: 1, device: 'cpu', output: 'out' })); // oxfmt-ignore
  const made = await changes(join(root, 'out'), () => runRecipe(file, silent));
  for (const log of ['events.jsonl', 'answers.jsonl']) {
    const written = made.lastIndexOf(`handle.writeFile ${log}`);
    const synced = made.lastIndexOf(`handle.sync ${log}`);
    assert.ok(written < synced && synced < made.lastIndexOf('rename manifest.json'), made.join('\n'));
  }
});

test('the config and the tokenizer beside weights that are saved', async (t) => {
  const root = await temporary(t);
  const [from, to] = [join(root, 'from'), join(root, 'to')];
  await mkdir(from);
  for (const name of ['config.json', 'tokenizer.json']) await writeFile(join(from, name), '{}');
  const made = await changes(to, () => copyCompanions(from, to));
  for (const name of ['config.json', 'tokenizer.json']) {
    const synced = made.findIndex((call) => call.startsWith(`handle.sync ${name}.`));
    assert.ok(synced >= 0 && synced < made.indexOf(`rename ${name}`), made.join('\n'));
  }
  assert.deepEqual(await readdir(to), ['config.json', 'tokenizer.json']);
});
