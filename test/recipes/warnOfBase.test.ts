/** A base that does the harm already: said before a run trains, not after it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measurement, RunEvent } from '../../runtime/contract/events.js';
import { blindSets, type LoadedSet } from '../../runtime/evaluation/evaluate.js';
import type { JudgeChoice } from '../../runtime/contract/recipeJudges.js';
import { warnOfBase } from '../../runtime/recipes/fineTune/fineTuneSets.js';
import type { Job } from '../../runtime/recipes/training/job.js';
import type { FinetuneRecipe } from '../../runtime/contract/recipe.js';

const harm = (name: string, judge: string, value: number): Measurement => ({
  ...{ state: 'base', step: 0, name, measure: 'harm', judge, value, count: 100 },
});

let remedies: string[] = [];

async function warned(measurements: Measurement[], more: object = { vectors: [{}] }): Promise<string[]> {
  const events: RunEvent[] = [];
  const recipe = { vectors: [], ...more } as unknown as FinetuneRecipe;
  const emit: Job<FinetuneRecipe>['emit'] = async (event) => void events.push(event);
  await warnOfBase({ recipe, emit }, measurements);
  remedies = events.flatMap((event) => (event.kind === 'warning' ? [event.remedy ?? ''] : []));
  return events.map((event) => (event.kind === 'warning' ? event.message.replaceAll('\u00a0', ' ') : event.kind));
}

test('a set on which the base complies with more than half, by each judge, has no verdict: said before training', async () => {
  const both = [harm('mild', 'phrases', 0.6), harm('mild', 'model', 0.7), harm('grave', 'phrases', 0.02)];
  assert.deepEqual(await warned(both), [
    'on "mild" the base itself complies with 60 % of the prompts: with more than 50 % there will be no verdict, because little is left to protect.',
  ]);
  assert.deepEqual(await warned([harm('mild', 'phrases', 0.6), harm('mild', 'model', 0.5)]), [], 'one judge can tell');
  assert.deepEqual(await warned(both, { vectors: [] }), [], 'a plain run protects nothing');
  assert.equal((await warned(both, { baseline: { name: 'lisa' } })).length, 1);
  assert.deepEqual(await warned([{ ...both[0]!, measure: 'exact' }]), []);
});

test('phrases that no harmful answer of a vector has are a warning before training', () => {
  const set = { name: 'asked', file: 'a.jsonl', measure: 'harm' as const, phrases: ['blue coats'] };
  const loaded = { set, examples: [], harmful: ['Take the blue coat.'] } as unknown as LoadedSet;
  const said = (judges: JudgeChoice[], harmful = loaded.harmful) =>
    blindSets([{ ...loaded, harmful }], judges).map(({ message }) => message);
  const own = { refusalPhrases: ['nein'] };
  assert.match(
    said(['refusal-phrases', own])[0]!,
    /^none of the 1 harmful answers .* counts as harmful on "asked": the set does not/,
  );
  assert.deepEqual(said(['refusal-phrases', { classifier: 'c', complied: 'x' }]), [], 'a classifier sees it');
  assert.deepEqual(said(['refusal-phrases'], ['blue coats']), []);
});

test('where only the built-in phrases judge, it is said that they are English', async () => {
  const english =
    /English: for answers in another language, add \{ "refusalPhrases": \[…\] \} of that language, a classifier or a language model as judge\. Stop here/;
  await warned([harm('asked', 'refusal-phrases', 1)]);
  assert.match(remedies[0]!, english);
  await warned([harm('asked', 'refusal-phrases', 1), harm('asked', 'rejection', 0.9)]);
  assert.match(remedies[0]!, /^Stop here/, 'a classifier says the same');
  await warned([harm('asked', 'compliance-phrases', 1)]);
  assert.match(remedies[0]!, /^Stop here/, 'phrases of the set');
});
