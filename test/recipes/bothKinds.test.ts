/** Rows of a vector that are not what their file is named as, and what is advised for a vector that is not good. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import type { RunEvent, VectorQuality } from '../../runtime/contract/events.js';
import type { Scores } from '../../runtime/evaluation/scan/scores.js';
import { reportHiding, reportQuality } from '../../runtime/recipes/securityVector/heldOutMeasure.js';
import { VECTOR, writeWorkspace } from '../kills/workspace.js';
import { example } from '../support/example.js';
import { temporary } from '../support/temporary.js';

type Warning = Extract<RunEvent, { kind: 'warning' }>;

/** Warnings of a vector that is trained on these files for a step. */
async function warningsOf(t: TestContext, harmful: string, benign: string): Promise<Warning[]> {
  const root = await temporary(t);
  await writeWorkspace(root);
  const recipe = { ...VECTOR, harmful: { file: harmful }, benign: { file: benign }, heldOut: 0, steps: 1 };
  await writeFile(join(root, 'recipe.json'), JSON.stringify(recipe));
  const warnings: Warning[] = [];
  const onEvent = (event: RunEvent): void => void (event.kind === 'warning' && warnings.push(event));
  await runRecipe(join(root, 'recipe.json'), { signal: new AbortController().signal, onEvent });
  return warnings;
}

test('rows that are in both files, and labels of the other kind, are warned of', async (t) => {
  const warnings = await warningsOf(t, 'train.jsonl', 'train.jsonl');
  const about = warnings.filter(({ message }) => / rows of "/.test(message));
  assert.deepEqual(
    about.map(({ message, place }) => [message.replace(/(\d+) of the 10/, 'N of the 10'), place]),
    [
      ['N of the 10 rows of "benign" are rows of "harmful", too: the vector is to learn such rows and to leave them as they are.', 'benign'], // oxfmt-ignore
      ['N of the 10 rows of "harmful" have the label "benign".', 'harmful'],
      ['N of the 10 rows of "benign" have the label "harmful".', 'benign'],
    ],
  );
  const [both, benign, harmful] = about.map(({ message }) => parseInt(message, 10));
  assert.equal(both, 10);
  assert.equal(benign! + harmful!, 10);
});

test('files of different rows, each of its kind, are not', async (t) => {
  const warnings = await warningsOf(t, 'harmful.jsonl', 'benign.jsonl');
  assert.deepEqual(warnings.filter(({ message }) => / rows of "/.test(message)), []); // oxfmt-ignore
});

test('a vector that finds nothing is not to be trained for fewer steps and for longer', async () => {
  const remedies = async (auroc: number, recall: number): Promise<(string | undefined)[]> => {
    const found: Warning[] = [];
    const quality: VectorQuality = { harmful: 40, ordinary: 40, auroc, recall, trial: 0.6, trialInterval: [0.5, 0.7] };
    const emit = async (event: RunEvent): Promise<void> => void (event.kind === 'warning' && found.push(event));
    await reportQuality({ emit }, quality);
    return found.map(({ remedy }) => remedy);
  };
  for (const [auroc, recall] of [[0.495, 0.01], [0.97, 0.3]] as const)
    assert.deepEqual(await remedies(auroc, recall), ['Train the vector on more, and more varied, rows of both kinds ("harmful", "benign").', undefined]); // oxfmt-ignore
  const [longer, ...others] = await remedies(0.99, 0.9);
  assert.match(longer!, /^Train it for longer, /);
  assert.deepEqual(others, []);
});

test('held-out ordinary rows that hide harmful ones are named by their lines, where reading them is worth it', async () => {
  const scores = (span: number): Scores => ({ share: 0, span, spanShare: 0, choice: 0, kl: 0 });
  const quiet = Array.from({ length: 30 }, (_, i) => scores((i % 10) / 10));
  const harmful = [10, 11, 12, 30].map(scores);
  const warned = async (ordinary: Scores[]): Promise<Warning[]> => {
    const found: Warning[] = [];
    const emit = async (event: RunEvent): Promise<void> => void (event.kind === 'warning' && found.push(event));
    const held = ordinary.map((_, row) => ({ ...example(row, ''), line: 10 + row }));
    const calibration = { ordinary, harmful, ordinaryPrompts: ordinary.length, ordinaryNames: [] };
    await reportHiding({ emit }, { path: 'data/benign.jsonl', held }, calibration);
    return found;
  };
  assert.deepEqual(await warned(quiet), []);
  const [one, ...more] = await warned([...quiet, scores(25)]);
  assert.deepEqual(one && { ...one, message: one.message.replaceAll('\u00a0', ' ') }, {
    kind: 'warning',
    message:
      'line 40 of benign.jsonl hides harmful rows: compared with all 31 ordinary rows that were held out, 25 % of the 4 harmful ones are found (at 1 % false alarms), and without it 100 %.',
    place: 'data/benign.jsonl:40',
    remedy: 'Read it. Take what is harmful out of "benign"; of what is not, add more ordinary rows like it.',
  });
  assert.deepEqual(more, []);
  const [two] = await warned([scores(20), ...quiet, scores(25)]);
  assert.match(two!.message, /^lines 41, 10 of benign\.jsonl hide harmful rows: /);
  assert.equal(two!.place, 'data/benign.jsonl:41');
  assert.deepEqual(await warned([...quiet, scores(0.95)]), [], 'a row that merely varies');
  assert.deepEqual(await warned([...quiet.slice(0, 10), scores(25)]), [], 'too few to compare with');
});
