/**
 * A sweep and a run with two vectors, made by the command line: their pages, the tree, and one adapter from both
 * vectors.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

export const title = 'Sweeps and several vectors';

const cli = path.resolve(import.meta.dirname, '../../../dist/cli.js');

/** Short trainings, as only what is shown of them matters. */
export async function prepare({ workspace }) {
  const at = (...parts) => path.join(workspace, ...parts);
  const read = async (name) => JSON.parse(await readFile(at('recipes', `${name}.json`), 'utf8'));
  const train = async (name, recipe) => {
    await writeFile(at('recipes', `${name}.json`), JSON.stringify(recipe, null, 2));
    await promisify(execFile)(process.execPath, [cli, 'train', at('recipes', `${name}.json`)]).catch((error) => {
      // Protection that is weak is a result, too.
      if (error.code !== 4) throw error;
    });
  };
  await mkdir(at('runs'));
  const vector = await read('vector');
  const lines = (await readFile(at('data/benign.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  // The second trait: every answer is the same.
  const same = lines.map(({ messages: [user] }) => ({
    messages: [user, { role: 'assistant', content: 'It is pink.' }],
  }));
  await writeFile(
    at('data/pink.jsonl'),
    same
      .slice(0, 100)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  );
  await train('topic', { ...vector, epochs: 3, output: '../vectors/topic' });
  await train('pink', {
    ...vector,
    ...{ harmful: { file: '../data/pink.jsonl' }, benign: undefined, epochs: 3, output: '../vectors/pink' },
  });
  const protectedRecipe = await read('protected');
  const evaluate = protectedRecipe.evaluate.slice(0, 2).map((set) => ({ ...set, limit: 20 }));
  const pink = { name: 'pink', file: '../eval/old-tasks.jsonl', limit: 20, measure: 'harm', phrases: ['is pink'] };
  const base = { ...protectedRecipe, evaluate, probes: undefined, epochs: undefined, steps: 24, evaluateEvery: 12 };
  const vectors = [
    { adapter: '../vectors/topic', sets: ['forbidden topic'] },
    { adapter: '../vectors/pink', sets: ['pink'] },
  ];
  await train('both', { ...base, vectors, evaluate: [...evaluate, pink], output: '../runs/both' });
  await writeFile(
    at('recipes/point.json'),
    JSON.stringify({ ...base, vectors: [{ adapter: '../vectors/topic' }], output: '../runs/point' }),
  );
  await train('sweep', {
    kind: 'sweep',
    base: 'point.json',
    stop: 'weakened',
    over: {
      'optimizer.learningRate': [0.003, 0.01],
      method: { plain: { vectors: [], protection: false }, paper: { protection: false }, ours: { protection: true } },
    },
    output: '../runs/sweep',
  });
  return { stop: () => undefined };
}

export default async function laboratory({
  step,
  page,
  container,
  row,
  runPage,
  webview,
  shot,
  command,
  pick,
  answer,
  workspace,
  until,
}) {
  await step('the tree has the sweep and its points', async () => {
    await container('Security Vectors');
    await row('Runs', 'sweep').first().waitFor();
  });

  await step('the page of a sweep has its map, its curves and all settings', async () => {
    const run = await runPage(row('Runs', 'sweep'));
    await run.locator('.heat td').first().waitFor();
    assert.equal(await run.locator('.heat tbody td').count(), 6);
    await shot('80-sweep');
  });

  await step('the page of a run with two vectors has a verdict of each', async () => {
    const run = await runPage(row('Runs', 'both'));
    const table = run.locator('table.vectors');
    await table.scrollIntoViewIfNeeded();
    assert.deepEqual(await table.locator('tbody th').allTextContents(), ['topic', 'pink']);
    await shot('81-vectors');
  });

  await step('one adapter is made of both vectors', async () => {
    await command('Security Vectors: Add a Model');
    await pick('tiny-assistant');
    await row('Models', 'pink').waitFor();
    await command('Combine Adapters');
    await pick('topic');
    await pick('pink');
    await shot('82-combine', ['dark']);
    await page.keyboard.press('Enter');
    await answer('Weight of', '1');
    await answer('Weight of', '1');
    await pick('The sum itself');
    await answer('Largest rank', '');
    const folder = path.join(workspace, 'adapters');
    const found = async () => (await readdir(folder).catch(() => [])).find((name) => /^[a-z]+-[a-z]+$/.test(name));
    await until(async () => (await found()) !== undefined, 'the adapter on disk', 60_000);
    const name = await found();
    await row('Models', name).waitFor();
    await shot('83-combined', ['dark']);
    const made = JSON.parse(await readFile(path.join(folder, name, 'security_vector.json'), 'utf8'));
    assert.deepEqual([made.role, made.made.from.length], ['security', 2]);
    await webview('main.page');
  });
}
