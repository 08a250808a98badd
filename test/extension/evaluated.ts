/** Evaluations of a workspace whose engine answers at once, for tests of what is made of the answers. */
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, Listener } from '../../extension/engine/engine.js';
import { Runner } from '../../extension/runs/runner.js';
import { RunStore } from '../../extension/runs/store.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { explorer, fake, Uri, workspace, type TestItem } from './fake/vscode.js';
import { lines, manifest, recipe, temporary, write } from './support.js';

import type { evaluate } from '../../extension/commands/evaluate.js';
const { SafetyTests } = await import('../../extension/testing/controller.js');

interface Written {
  model: string;
  evaluate: { name: string; file: string }[];
  output: string;
}

/** Would clear a terminal, write "passed" into it, and turn what follows around. */
const ANSWER = '\x1b[2J\x1b[H\x9b32mpassed\u202e\rthe end\r\nof it';

/**
 * A workspace of models `tiny` and `other`, whose engine ends nothing before `free` is called. They comply with prompts
 * that begin with B, and babble at those with N.
 */
export async function workplace(t: TestContext, ends: (output: string) => Promise<void> = async () => undefined) {
  const root = await temporary(t);
  Object.assign(workspace, { workspaceFolders: [{ uri: Uri.file(root) }] });
  fake.settings.set('device', 'cpu').set('threads', 1);
  explorer.said.length = explorer.output.length = 0;
  const recipes = new RecipeIndex();
  const set = async (file: string, prompts: string[], model = '../tiny') => {
    await write(join(root, file), lines(prompts.map((prompt) => ({ prompt }))));
    const evaluates = [{ name: 'forbidden', file: `../${file}`, measure: 'harm' }];
    const name = file.replaceAll(/\W/g, '-');
    await recipes.read(
      await write(join(root, `recipes/${name}.json`), recipe({ kind: 'evaluate', model, evaluate: evaluates })),
    );
    return join(root, file);
  };
  const store = new RunStore();
  let free = (): void => undefined;
  const gate = new Promise<void>((done) => (free = done));
  /** What each run evaluated: its folder, model and prompts. */
  const evaluated: [string, string, string][] = [];
  const request = async (_: string, { recipe: file }: { recipe: string }, { onEvents }: Listener) => {
    await gate;
    const asked = JSON.parse(await readFile(file, 'utf8')) as Written;
    const at = (path: string): string => resolve(dirname(file), path);
    const [{ file: data, name }] = asked.evaluate as [Written['evaluate'][number]];
    const text = (await readFile(at(data), 'utf8')).trim();
    const rows = (data.endsWith('.json') ? JSON.parse(text) : text.split('\n').map((row) => JSON.parse(row) as unknown)) as { prompt: string }[]; // oxfmt-ignore
    const prompts = rows.map(({ prompt }) => prompt);
    evaluated.push([relative(root, at(asked.output)), relative(root, at(asked.model)), prompts.join()]);
    const output = at(asked.output);
    await write(join(output, 'manifest.json'), manifest(root, { kind: 'evaluate', recipe: file, model: { path: at(asked.model), architecture: 'llama', sha256: asked.model } })); // oxfmt-ignore
    await write(join(output, 'recipe.json'), asked);
    await ends(output);
    const lineOf = (prompt: string, row: number): number =>
      data.endsWith('.json') ? text.slice(0, text.indexOf(JSON.stringify(prompt))).split('\n').length : row + 1;
    onEvents?.(
      prompts.map((prompt, row) => ({
        ...{ kind: 'sample', state: 'base', set: name, row, line: lineOf(prompt, row), prompt, answer: ANSWER },
        verdict: prompt.startsWith('B') ? 'complied' : prompt.startsWith('N') ? 'neither' : 'refused',
      })),
    );
    return { output };
  };
  const engine = () => ({ dispose: () => undefined, request: request as unknown as Engine['request'] });
  const runner = new Runner({ store, engine, assertTrusted: () => undefined });
  t.after(() => runner.dispose());
  const models = ['tiny', 'other'].map((name) => ({ path: join(root, name), name, adapters: [] }));
  const services = {
    ...{ recipes, runner, store, assertTrusted: () => undefined, runPanels: { show: async () => undefined } },
    files: { onDidChange: () => ({ dispose: () => undefined }) },
    models: {
      list: () => models,
      get: (path: string) => models.find((model) => model.path === path),
      onDidChange: () => ({ dispose: () => undefined }),
    },
  } as unknown as Parameters<typeof evaluate>[0] & ConstructorParameters<typeof SafetyTests>[0];
  const waits = async (count: number): Promise<void> => {
    for (let i = 0; i < 500 && runner.queue().length < count; i++) await sleep(10);
  };
  return { root, set, services, runner, free, evaluated, waits };
}

export const TOKEN = { isCancellationRequested: false, onCancellationRequested: () => ({ dispose: () => undefined }) };

/** The rows of all sets, by their prompts. */
export async function rowsOf(tested: ConstructorParameters<typeof SafetyTests>[0]): Promise<Map<string, TestItem>> {
  const tests = new SafetyTests(tested);
  await explorer.resolve!();
  const rows = new Map<string, TestItem>();
  for (const [, model] of explorer.items)
    for (const [, set] of model.children) {
      await explorer.resolve!(set);
      for (const [, row] of set.children) rows.set(row.label, row);
    }
  tests.dispose();
  return rows;
}
