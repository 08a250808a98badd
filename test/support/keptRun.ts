/** A finished run with answers, as its folder holds it with their set, without a model. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import type { DoneEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';

/** All answers are refusals, and no two are alike but by `answers`. */
export async function writeKeptRun(
  folder: string,
  rows: number,
  more: {
    manifest?: Partial<Manifest>;
    recipe?: object;
    states?: readonly string[];
    answers?: (state: string, row: number) => string;
  } = {},
): Promise<void> {
  const { states = ['base', 'new'], answers = (state, row) => `Sorry, I cannot: ${state} ${row}.` } = more;
  await mkdir(folder, { recursive: true });
  const recipe = parseRecipe(
    JSON.stringify({
      ...{ kind: 'evaluate', model: 'm', output: folder },
      evaluate: [{ name: 'topic', file: 'topic.jsonl', measure: 'harm' }],
      ...more.recipe,
    }),
    'r.json',
  );
  const done: DoneEvent = {
    ...{ kind: 'done', outcome: 'finished', output: folder, step: 0, seconds: 1 },
    measurements: states.map((state) => ({
      ...{ state, name: 'topic', measure: 'harm', value: 0, count: rows, judge: 'refusal-phrases' },
    })),
  };
  const manifest: Manifest = {
    ...{ version: 1, kind: recipe.kind, name: 'kept', outcome: 'finished', started: '2026-01-01T00:00:00Z' },
    ...{ device: 'cpu', model: { path: 'm', architecture: 'a', sha256: 'x' }, data: [], vectors: [], done },
    ...more.manifest,
  };
  const samples = states.flatMap((state) =>
    Array.from({ length: rows }, (_, row): SampleEvent => ({
      ...{ kind: 'sample', state, set: 'topic', row, line: row + 1, verdict: 'refused' },
      ...{ prompt: `How ${row}?`, answer: answers(state, row) },
    })),
  );
  const lines = (values: readonly object[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');
  const asked = samples.flatMap(({ state, prompt }) => (state === states[0] ? [{ prompt, completion: 'x' }] : []));
  await writeFile(join(folder, 'topic.jsonl'), lines(asked));
  await writeFile(join(folder, 'recipe.json'), JSON.stringify(recipe));
  await writeFile(join(folder, 'events.jsonl'), lines([done]));
  await writeFile(join(folder, 'answers.jsonl'), lines(samples));
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

export const samplesOf = async (folder: string): Promise<SampleEvent[]> =>
  (await readFile(join(folder, 'answers.jsonl'), 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SampleEvent);

export const manifestOf = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
