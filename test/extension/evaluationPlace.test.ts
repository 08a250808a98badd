/**
 * Evaluations asked for while others run or wait: none does what another was to do, or takes the place of its result.
 */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { labelsText, type Label } from '../../runtime/contract/labels.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { recipeSchema } from '../../runtime/contract/recipe.js';
import { HostError } from '../../extension/host/errors.js';
import { rowsOf, TOKEN, workplace } from './evaluated.js';
import { explorer, fake, Uri, workspace, type TestItem } from './fake/vscode.js';
import { lines, recipe, write } from './support.js';

const { evaluate } = await import('../../extension/commands/evaluate.js');
const { SafetyTests } = await import('../../extension/testing/controller.js');

test('rows that are run one after the other while a run is at work have their own verdicts', async (t) => {
  const { root, set, services, free, waits } = await workplace(t);
  await set('eval/busy.jsonl', ['Z']);
  await set('eval/forbidden.jsonl', ['A', 'B', 'C']);
  const rows = await rowsOf(services);
  const run = (prompt: string): Promise<void> => explorer.run!({ include: [rows.get(prompt)!] }, TOKEN);
  const busy = run('Z');
  const first = run('A');
  await waits(1);
  const second = run('B');
  await waits(2);
  const both = [run('A'), run('B')];
  await waits(4);
  free();
  await Promise.all([busy, first, second, ...both]);
  const verdicts = explorer.said.filter((said) => /^(passed|failed|errored)/.test(said));
  assert.deepEqual(verdicts.sort(), ['failed B', 'failed B', 'passed A', 'passed A', 'passed Z']);
  const tests = async (): Promise<string[]> => (await readdir(join(root, '.security-vectors/tests'))).sort();
  const before = await tests();
  for (const prompt of ['C', 'A', 'B']) await run(prompt);
  assert.deepEqual(await tests(), before, 'a set has one place for its rows while nothing else is going on');
});

test('a row that is left out of one set is asked in another that has it, too', async (t) => {
  const { set, services, free, evaluated } = await workplace(t);
  await set('eval/one.jsonl', ['A', 'B']);
  await set('eval/two.jsonl', ['B', 'C']);
  free();
  const tests = new SafetyTests(services);
  t.after(() => tests.dispose());
  await explorer.resolve!();
  const [[, model]] = [...explorer.items] as [[string, TestItem]];
  const [one, two] = [...model.children].map(([, item]) => item) as [TestItem, TestItem];
  for (const item of [one, two]) await explorer.resolve!(item);
  const [, [, left]] = [...one.children] as [unknown, [string, TestItem]];
  assert.equal(left.label, 'B');
  await explorer.run!({ include: [one, two], exclude: [left] }, TOKEN);
  assert.deepEqual(evaluated.map(([, , prompts]) => prompts).sort(), ['A', 'B,C']);
});

test('what a person has said of an answer counts for a row that is run alone', async (t) => {
  const { root, set, services, free } = await workplace(t);
  const file = await set('eval/forbidden.jsonl', ['A']);
  const rows = await rowsOf(services);
  free();
  const labels = async (): Promise<string[]> => {
    await explorer.run!({ include: [rows.get('A')!] }, TOKEN);
    const folder = join(root, '.security-vectors/tests');
    const names = (await readdir(folder)).filter((name) => name.endsWith('.labels.json'));
    return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  };
  const text = (...said: [string, Label][]): string => labelsText(new Map(said));
  const [a, b] = ['a'.repeat(16), 'b'.repeat(16)];
  assert.deepEqual(await labels(), []);
  await write(`${file}.labels.json`, text([a, 'complied']));
  assert.deepEqual(await labels(), [text([a, 'complied'])]);
  // on the page of such a run
  const folder = join(root, '.security-vectors/tests');
  const [name] = (await readdir(folder)).filter((one) => one.endsWith('.labels.json'));
  await write(join(folder, name!), text([a, 'refused'], [b, 'refused']));
  assert.deepEqual(await labels(), [text([a, 'refused'], [b, 'refused'])], 'the later one');
  await rm(`${file}.labels.json`);
  assert.deepEqual(await labels(), [text([a, 'refused'], [b, 'refused'])], 'none is lost');
});

test('an answer cannot write into the terminal of the tests, or show their text in another order', async (t) => {
  const { set, services, free } = await workplace(t);
  await set('eval/forbidden.jsonl', ['B', 'N']);
  const rows = await rowsOf(services);
  free();
  await explorer.run!({ include: [rows.get('B')!.parent!] }, TOKEN);
  const written = String.raw`\u001b[2J\u001b[H\u009b32mpassed\u202e\u000dthe end`;
  assert.ok(explorer.output.includes(`base complied: ${written}\nof it`), explorer.output.join());
  assert.ok(explorer.output.includes(`neither a refusal nor compliance: ${written}\r\nof it\r\n`));
});

test('a row that is another one when its turn comes has no verdict', async (t) => {
  const { root, set, services, free } = await workplace(t);
  const file = await set('eval/forbidden.jsonl', ['A', 'C']);
  const rows = await rowsOf(services);
  const whole = explorer.run!({ include: [rows.get('A')!.parent!] }, TOKEN);
  for (let i = 0; i < 500 && (await readdir(join(root, '.security-vectors/tests')).catch(() => [])).length === 0; i++)
    await sleep(10);
  await write(file, lines([{ prompt: 'B' }, { prompt: 'C' }]));
  free();
  await whole;
  assert.deepEqual(explorer.said, ['passed C', 'skipped A']);
});

test('a set that is stopped has not passed, whatever the rows that were asked; some of its rows are what they were', async (t) => {
  const { set, services, free } = await workplace(t, async (output) => {
    const file = join(output, 'manifest.json');
    const written = JSON.parse(await readFile(file, 'utf8')) as object;
    await write(file, { ...written, outcome: 'stopped' });
  });
  await set('eval/forbidden.jsonl', ['A', 'C']);
  const rows = await rowsOf(services);
  const { parent } = rows.get('A')!;
  free();
  await explorer.run!({ include: [parent!] }, TOKEN);
  const stopped = 'errored forbidden: Stopped before its end: not all of its rows were asked.';
  assert.deepEqual(explorer.said, ['passed A', 'passed C', stopped]);
  explorer.said.length = 0;
  await explorer.run!({ include: [rows.get('C')!] }, TOKEN);
  assert.deepEqual(explorer.said, ['passed C']);
});

test('a set is asked as its editor has it', async (t) => {
  const { set, services, free, evaluated } = await workplace(t);
  const file = await set('eval/forbidden.jsonl', ['A']);
  const document = await workspace.openTextDocument(Uri.file(file));
  t.after(() => void workspace.textDocuments.splice(0));
  free();
  const rows = await rowsOf(services);
  for (const [prompts, ask] of [
    [['A', 'B'], () => explorer.run!({ include: [rows.get('A')!.parent!] }, TOKEN)],
    [['A', 'C'], () => explorer.run!({ include: [rows.get('A')!] }, TOKEN)],
    [['A', 'D'], () => evaluate(services, { file })],
  ] as const) {
    document.edit(lines(prompts.map((prompt) => ({ prompt }))));
    await ask();
    assert.equal(document.isDirty, false);
  }
  assert.deepEqual(evaluated.map(([, , prompts]) => prompts), ['A,B', 'A', 'A,D']); // oxfmt-ignore
  assert.ok(explorer.said.includes('failed B'), explorer.said.join());
});

test('a row that was edited is asked as it is now, and one that has moved is the one that was chosen', async (t) => {
  const { set, services, free, evaluated } = await workplace(t);
  const file = await set('eval/forbidden.jsonl', ['A', 'B']);
  const document = await workspace.openTextDocument(Uri.file(file));
  t.after(() => void workspace.textDocuments.splice(0));
  free();
  const rows = await rowsOf(services);
  const { parent } = rows.get('B')!;
  const run = async (prompts: string[], request: { include: TestItem[]; exclude?: TestItem[] }) => {
    document.edit(lines(prompts.map((prompt) => ({ prompt }))));
    evaluated.length = explorer.said.length = 0;
    await explorer.run!(request, TOKEN);
    return [...evaluated.map(([, , asked]) => asked), ...explorer.said];
  };
  assert.deepEqual(await run(['A2', 'B'], { include: [rows.get('A')!] }), ['A2', 'passed A2']);
  assert.deepEqual(await run(['new', 'A2', 'B'], { include: [rows.get('B')!] }), ['B', 'failed B']);
  const left = await run(['B', 'new'], { include: [parent!], exclude: [rows.get('B')!] });
  assert.deepEqual(left, ['new', 'passed new']);
  // Line 2 has no row, and the text is nowhere.
  const gone = 'errored forbidden: The file no longer has any of the chosen rows.';
  assert.deepEqual(await run(['new'], { include: [rows.get('B')!] }), [gone]);
  assert.deepEqual(
    await run(['new'], { include: [parent!], exclude: [...parent!.children].map(([, row]) => row) }),
    [],
  );
});

test('of a set with more rows than are listed, leaving one out leaves out no other', async (t) => {
  const { set, services, free, evaluated } = await workplace(t);
  const prompts = Array.from({ length: 2003 }, (_, i) => `A${i}`);
  await set('eval/forbidden.jsonl', [...prompts.slice(0, 2), '', ...prompts.slice(2)]);
  free();
  const rows = await rowsOf(services);
  const left = rows.get('A1')!;
  await explorer.run!({ include: [left.parent!], exclude: [left] }, TOKEN);
  const [, , asked] = evaluated[0]!;
  assert.ok(asked === ['A0', '', ...prompts.slice(2)].join(), `${asked.split(',').length} rows`);
  assert.ok(explorer.said.includes('passed A2002'), 'also of rows that were not listed');
  assert.ok(!explorer.said.some((said) => said.startsWith('skipped')), 'each was asked');
});

test('a set of a model that was removed while another one was run is an error that says so', async (t) => {
  const { root, set, services, free } = await workplace(t, async () => void services.models.list().splice(0));
  await set('eval/one.jsonl', ['A']);
  await set('eval/two.jsonl', ['C']);
  await rowsOf(services);
  free();
  await explorer.run!({}, TOKEN);
  const gone = `errored forbidden: ${join(root, 'tiny')}: this model is not in the workspace. Add it first.`;
  assert.deepEqual(explorer.said.filter((said) => !said.startsWith('skipped')), ['passed A', gone]); // oxfmt-ignore
});

test('sets of the same name are evaluated beside each other, and each replaces its own result', async (t) => {
  const { root, set, services, runner, free, evaluated, waits } = await workplace(t);
  const [a, b] = [await set('a/test.jsonl', ['A']), await set('b/test.jsonl', ['B'])];
  const first = evaluate(services, { file: a });
  while (!runner.has(join(root, 'reports/test'))) await sleep(10);
  const second = evaluate(services, { file: b });
  await waits(1);
  await assert.rejects(evaluate(services, { file: b }), /going on already/);
  free();
  await Promise.all([first, second]);
  const [nice, other] = evaluated;
  assert.deepEqual([nice, other!.slice(1)], [['reports/test', 'tiny', 'A'], ['tiny', 'B']]); // oxfmt-ignore
  assert.match(other![0], /^reports\/test-[0-9a-f]{8}$/);
  for (const file of [b, a]) await evaluate(services, { file });
  assert.deepEqual(evaluated.slice(2), [other, nice]);
});

test('the same set on another model does not replace what stands there', async (t) => {
  const { root, set, services, free, evaluated } = await workplace(t);
  const file = await set('eval/forbidden.jsonl', ['A']);
  free();
  for (const name of ['tiny', 'other']) await evaluate(services, { file, model: join(root, name) });
  const [tiny, other] = evaluated.map(([folder]) => folder);
  assert.equal(tiny, 'reports/forbidden');
  assert.notEqual(other, tiny);
});

test('the batches of a training are nothing that an evaluation of its model takes over', async (t) => {
  const { root, set, services, free } = await workplace(t);
  const file = await set('eval/forbidden.jsonl', ['A']);
  const evaluates = [{ name: 'forbidden', file: '../eval/forbidden.jsonl', measure: 'harm' }];
  const training = recipe({
    model: '../tiny',
    batch: { tokens: 4096 },
    generation: { maxNewTokens: 3 },
    evaluate: evaluates,
  });
  await services.recipes.read(await write(join(root, 'recipes/a.json'), training));
  free();
  await evaluate(services, { file });
  const rows = await rowsOf(services);
  await explorer.run!({ include: [rows.get('A')!] }, TOKEN);
  const written = await recipesOf(root);
  assert.equal(written.length, 2);
  for (const { generation, batch } of written) assert.deepEqual([generation, batch], [{ maxNewTokens: 3 }, undefined]);
});

test('adapters are evaluated on weights as they were trained with, and those of several precisions on none of these', async (t) => {
  const { root, set, services, free } = await workplace(t);
  const file = await set('eval/forbidden.jsonl', ['A']);
  const adapters = ['a', 'b'].map((name) => ({ name, path: join(root, name), scale: 1, attached: true }));
  const [model] = services.models.list();
  free();
  fake.settings.set('device', 'webgpu');
  t.after(() => fake.settings.set('device', 'cpu'));
  for (const [precisions, precision] of [
    [['int4', 'int4'], 'int4'],
    [['int4', 'int8'], undefined],
  ] as const) {
    Object.assign(model!, { adapters: adapters.map((one, i) => ({ ...one, precision: precisions[i] })) });
    await evaluate(services, { file });
    const rows = await rowsOf(services);
    await explorer.run!({ include: [rows.get('A')!] }, TOKEN);
    const written = await recipesOf(root);
    assert.deepEqual(
      written.map((made) => [made.device, made.precision]),
      [
        ['webgpu', precision],
        ['webgpu', precision],
      ],
    );
  }
});

/** Those that were written for an evaluation, and for a row of one. */
async function recipesOf(root: string): Promise<Record<string, unknown>[]> {
  const state = join(root, '.security-vectors');
  const names = (await readdir(state, { recursive: true })).filter((name) =>
    /^(recipes|tests)[\\/][^\\/]*\.json$/.test(name),
  );
  return Promise.all(
    names.map(async (name) => {
      const made = JSON.parse(await readFile(join(state, name), 'utf8')) as Record<string, unknown>;
      assert.ok(recipeSchema.safeParse(made).success, name);
      return made;
    }),
  );
}

test('a test whose run was not begun, as another stands in its folder, has none of the verdicts of that', async (t) => {
  const { set, services, free } = await workplace(t, async (output) => {
    const answer = { kind: 'sample', state: 'base', set: 'forbidden', row: 0, line: 1, prompt: 'A', answer: '' };
    await write(join(output, RUN_FILES.answers), lines([{ ...answer, verdict: 'refused' }]));
    throw new HostError({ kind: 'input', code: 'exists', message: 'the output folder holds it.' });
  });
  await set('eval/forbidden.jsonl', ['A', 'B']);
  const rows = await rowsOf(services);
  free();
  await explorer.run!({ include: [rows.get('A')!] }, TOKEN);
  const verdicts = explorer.said.filter((said) => /^(passed|failed|errored)/.test(said));
  assert.deepEqual(verdicts, ['errored forbidden: the output folder holds it.']);
});
