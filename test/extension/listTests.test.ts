/** Sets that are no JSON lines in the Test Explorer: only a run knows their rows, and a line may have several. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { explorer, type TestItem } from './fake/vscode.js';
import { TOKEN, workplace } from './evaluated.js';
import { write } from './support.js';

const { SafetyTests } = await import('../../extension/testing/controller.js');

/** A set that is a list in one line, as a test. */
async function listed(t: TestContext) {
  const { set, services, free, evaluated } = await workplace(t);
  const file = await set('eval/forbidden.json', []);
  const has = (...prompts: string[]) => write(file, JSON.stringify(prompts.map((prompt) => ({ prompt }))));
  free();
  const tests = new SafetyTests(services);
  t.after(() => tests.dispose());
  await explorer.resolve!();
  const [[, model]] = [...explorer.items] as [[string, TestItem]];
  const [[, item]] = [...model.children] as [[string, TestItem]];
  const rows = (): TestItem[] => [...item.children].map(([, row]) => row);
  const labels = (): string[] => rows().map(({ label }) => label);
  /** Runs the set; gives what was said of its rows, and of which row that was the last word. */
  const run = async (request: { include: TestItem[]; exclude?: TestItem[] } = { include: [item] }) => {
    explorer.said.length = 0;
    await explorer.run!(request, TOKEN);
    return explorer.said.toSorted();
  };
  return { has, rows, labels, run, item, evaluated };
}

test('a row of a file that is not one of lines is run with its whole set', async (t) => {
  const { has, rows, labels, run, item, evaluated } = await listed(t);
  await has('A', 'B');
  await run();
  assert.deepEqual(labels(), ['A', 'B']);
  for (const request of [{ include: [rows()[1]!] }, { include: [item], exclude: [rows()[0]!] }])
    assert.deepEqual(await run(request), ['failed B', 'passed A']);
  const whole = ['reports/test-tiny-forbidden', 'tiny', 'A,B'];
  assert.deepEqual(evaluated, [whole, whole, whole]);
});

test('rows of a list that stand in one line are tests of their own, each time that it is run', async (t) => {
  const { has, labels, run } = await listed(t);
  await has('B1', 'B2', 'A');
  assert.deepEqual(await run(), ['failed B1', 'failed B2', 'failed forbidden', 'passed A']);
  assert.deepEqual(labels(), ['B1', 'B2', 'A']);
  assert.deepEqual(await run(), ['failed B1', 'failed B2', 'passed A']);
});

test('a list has the rows of its last run: an edited one has its own verdict, and one that is gone none', async (t) => {
  const { has, labels, run } = await listed(t);
  await has('A', 'C', 'D');
  await run();
  await has('A', 'B');
  assert.deepEqual(await run(), ['failed B', 'passed A', 'skipped D']);
  assert.deepEqual(labels(), ['A', 'B']);
});
