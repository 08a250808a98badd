/** A workspace with data files, and a person who answers what the wizards ask about them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Known } from '../../extension/commands/dataSource.js';
import type { Choice, Questions } from '../../extension/commands/wizard.js';
import { Mappings } from '../../extension/data/mappings.js';
import { Scans } from '../../extension/data/scans.js';
import type { Model } from '../../extension/workspace/models.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { previewData, type PreviewOptions } from '../../runtime/data/preview.js';
import { openTokenizer } from '../../runtime/models/openTokenizer.js';
import { memory } from './fake/memory.js';
import { temporary, write } from './support.js';

export const MODEL = {
  path: join(import.meta.dirname, '../../media/sample/tiny-assistant'),
  name: 'tiny-assistant',
} as Model;

interface Question {
  question: string;
  labels: string[];
  details: (string | undefined)[];
  picked: string[];
}

/** A person who answers by labels (a list for many, a text for an input), in order; keeps what was asked. */
export function person(answers: (string | string[])[]): { ask: Questions; asked: Question[] } {
  const asked: Question[] = [];
  const chosen = (question: string, choices: readonly Choice<unknown>[], labels: string[]): unknown[] => {
    asked.push({
      question,
      labels: choices.map(({ label }) => label),
      details: choices.map(({ detail }) => detail),
      picked: choices.flatMap(({ label, picked }) => (picked ? [label] : [])),
    });
    return labels.map((label) => {
      const found = choices.find((choice) => choice.label.startsWith(label));
      assert.ok(found, `"${label}" is not among ${choices.map((choice) => choice.label).join(', ')}`);
      return found.value;
    });
  };
  const next = (): string | string[] => {
    assert.ok(answers.length > 0, `one question too many after ${asked.at(-1)?.question}`);
    return answers.shift()!;
  };
  const ask = {
    pick: async (question: string, choices: readonly Choice<unknown>[]) =>
      chosen(question, choices, [next() as string])[0],
    pickMany: async (question: string, choices: readonly Choice<unknown>[]) =>
      chosen(question, choices, next() as string[]),
    input: async (question: string, _value: string, check: (text: string) => string | undefined) => {
      // What is said of an empty answer.
      asked.push({ question, labels: [], details: [check('')], picked: [] });
      return next();
    },
    browse: async () => next(),
    atFirst: (_: string, look: () => unknown) => look(),
  };
  return { ask: ask as unknown as Questions, asked };
}

export async function workspace(
  t: TestContext,
  files: Record<string, string>,
): Promise<{ services: Known; at: (name: string) => string; root: string }> {
  const root = await temporary(t);
  const at = (name: string): string => join(root, name);
  for (const [name, content] of Object.entries(files)) await write(at(name), content);
  const recipes = new RecipeIndex();
  for (const name of Object.keys(files)) if (name.endsWith('.json')) await recipes.read(at(name));
  const services = {
    engine: {
      request: async (_: string, { model, ...params }: PreviewOptions & { model?: string }) =>
        previewData({ ...params, ...(model && (await openTokenizer(model))) }),
    },
    files: {
      dataFiles: () =>
        Object.keys(files)
          .filter((name) => !name.endsWith('.json'))
          .map(at),
    },
    inspector: { get: () => undefined },
    recipes,
    mappings: new Mappings(memory()),
    scans: new Scans(() => [root]),
  };
  return { services: services as unknown as Known, at, root };
}
