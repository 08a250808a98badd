/** A run takes its folder minutes after it was planned, and what another process did there meanwhile is not lost. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import type { Shared } from '../../runtime/calls/sweepShared.js';
import { openContext } from '../../runtime/context/context.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { OutputOptions } from '../../runtime/runs/output.js';
import type { HumanError } from '../../runtime/support/errors.js';
import { sha256 } from '../../runtime/support/files.js';
import { VECTOR, writeWorkspace } from '../kills/workspace.js';
import { silent } from '../support/silent.js';
import { temporary } from '../support/temporary.js';

/** Every entry below a folder with its content. */
async function picture(folder: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    all[path] = entry.isFile() ? sha256(await readFile(path)) : 'folder';
  }
  return all;
}

test('a folder in which another process began and ended since the run was planned is left as it is', async (t) => {
  const root = await temporary(t);
  await writeWorkspace(root);
  const file = (name: string): string => join(root, name);
  const output = file('late');
  // It warns before it begins.
  const recipe = { ...VECTOR, benign: undefined, steps: 9, evaluateEvery: 1 };
  await writeFile(file('recipe.json'), JSON.stringify(recipe));
  /** A run, and another one in its folder when it has read what stands there. */
  const late = async (options: OutputOptions, meanwhile: () => Promise<unknown>): Promise<void> => {
    let was: Promise<Record<string, string>> | undefined;
    const context: Shared['context'] = async (path, given) => {
      const opened = await openContext(path, given);
      const intact = async (): Promise<void> => {
        await (was ??= meanwhile().then(() => picture(output)));
        await opened.intact();
      };
      return { ...opened, intact };
    };
    const shared: Shared = { context, once: (_, make) => make(), sessions: new Map(), clusters: new Set() };
    await assert.rejects(
      runRecipe(file('recipe.json'), { ...silent, ...options, output, shared }),
      (error: HumanError) => {
        assert.match(error.message, /changed meanwhile, by another process|not empty and no run wrote it/);
        assert.ok(error.place?.startsWith(output) && error.remedy);
        return true;
      },
    );
    assert.deepEqual(await picture(output), await was);
  };
  const stopAfter = (step: number) => {
    const stop = new AbortController();
    const onEvent = (event: RunEvent): void => void (event.kind === 'step' && event.step === step && stop.abort());
    return { output, signal: stop.signal, onEvent };
  };
  await late({}, () => runRecipe(file('recipe.json'), { ...silent, output }));
  await late({ force: true }, () => runRecipe(file('recipe.json'), { ...silent, output, force: true }));
  await rm(output, { recursive: true });
  await late({}, () => mkdir(join(output, 'model'), { recursive: true }));
  await rm(output, { recursive: true });

  await runRecipe(file('recipe.json'), stopAfter(2));
  const manifest = await readFile(join(output, 'manifest.json'));
  await late({ resume: true }, async () => {
    await runRecipe(file('recipe.json'), { ...stopAfter(5), resume: true });
    // as if both had begun in the same moment
    await writeFile(join(output, 'manifest.json'), manifest);
  });
  await rm(output, { recursive: true });

  // A run that was resumed keeps its start, and is another one than before all the same.
  await runRecipe(file('recipe.json'), stopAfter(2));
  await late({ force: true }, () => runRecipe(file('recipe.json'), { ...stopAfter(5), resume: true }));
});

test('what was trained is lost to no evaluation, whatever a script asks for, and an evaluation to the next one', async (t) => {
  const root = await temporary(t);
  await writeWorkspace(root);
  const run = async (recipe: object, options: object): Promise<unknown> => {
    await writeFile(join(root, 'recipe.json'), JSON.stringify(recipe));
    return runRecipe(join(root, 'recipe.json'), { ...silent, ...options });
  };
  const training = { ...VECTOR, steps: 4, evaluateEvery: 1 };
  const evaluate = [{ name: 'forbidden', file: 'forbidden.jsonl', measure: 'harm' }];
  const { model, threads, device } = VECTOR;
  const evaluation = {
    kind: 'evaluate',
    model,
    threads,
    device,
    evaluate,
    generation: { maxNewTokens: 2 },
    output: 'o',
  };
  const [finished, stopped, answers] = ['finished', 'stopped', 'answers'].map((name) => join(root, name));
  await run(training, { output: finished });
  const stop = new AbortController();
  await run(training, { output: stopped, signal: stop.signal, onEvent: ({ kind }: RunEvent) => kind === 'step' && stop.abort() }); // oxfmt-ignore
  for (const output of [finished!, stopped!]) {
    const before = await picture(output);
    await assert.rejects(run(evaluation, { output, force: true }), {
      message: /^the output folder holds what the run "\w+" of .* trained, which no evaluation takes the place of\.$/,
      place: output,
      remedy: /^Name another folder/,
    });
    assert.deepEqual(await picture(output), before);
  }
  await run(evaluation, { output: answers });
  await run(evaluation, { output: answers, force: true });
  await run(training, { output: answers, force: true });
});
