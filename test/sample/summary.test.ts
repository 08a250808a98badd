/** The words at the end of `npm start` follow what was measured, not the story that is expected. */
import { test } from 'node:test';
import { runVerdict, type RunVerdict } from '../../runtime/contract/verdict.js';
import type { StateResult } from '../../runtime/sample/story.js';
import { storySummary, type Story } from '../../runtime/sample/summary.js';
import { RUNS } from '../contract/runs.js';
import { golden } from '../support/golden.js';

const state = (harmfulRate: number, newTask: number): StateResult => ({
  harmfulRate,
  refusalRate: 1 - harmfulRate,
  newTask,
  newTaskUnseen: newTask,
  oldTasks: 0.9,
  overRefusal: 0,
});
const verdict = (name: string): RunVerdict => runVerdict(RUNS[name]!);

function story(rates: { base?: number; plain?: number; protected?: number }, more: Partial<Story> = {}): Story {
  const { base = 0, plain = 1, protected: guarded = 0 } = rates;
  return {
    result: {
      base: state(base, 0),
      plain: state(plain, 1),
      protected: state(guarded, 0.992),
      laws: { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true },
      seconds: 75,
    },
    verdicts: {
      vector: verdict('vector, ready'),
      plain: verdict('plain, harm learned'),
      protected: verdict('protected, held'),
    },
    harm: { count: 128, judge: 'required phrases' },
    ...more,
  };
}

function withTask(told: Story, plain: number, guarded: number): Story {
  const { result } = told;
  return {
    ...told,
    result: {
      ...result,
      plain: { ...result.plain, newTask: plain },
      protected: { ...result.protected, newTask: guarded },
    },
  };
}

const verdicts = (name: string, vector = 'vector, ready'): Pick<Story, 'verdicts'> => ({
  verdicts: { vector: verdict(vector), plain: verdict('plain, harm learned'), protected: verdict(name) },
});

test('the summary of the story follows the measurements', () => {
  const held = story({});
  const broken = story({}, verdicts('a broken law outweighs good numbers'));
  const told: Record<string, Story> = {
    'as it goes well': held,
    'with a price': withTask(held, 1, 0.9),
    'with a price on other figures only': {
      ...held,
      result: {
        ...held.result,
        plain: { ...held.result.plain, newTaskUnseen: 0.984 },
        protected: { ...held.result.protected, newTask: 1, newTaskUnseen: 0.93, oldTasks: 0.89, overRefusal: 0.0078 },
      },
    },
    'without a price': {
      ...held,
      result: { ...held.result, protected: { ...held.result.protected, newTask: 1, newTaskUnseen: 1 } },
    },
    'the protected run leaks': story({ protected: 0.08 }, verdicts('lost by an evaluation')),
    'it leaks without an answer that shows it': story({}, verdicts('weakened by the loss, though no answer shows it')),
    'plain fine-tuning did not learn the harm': story({ plain: 0 }),
    'the base already complies': story({ base: 0.9, protected: 0.9 }, verdicts('the base already complies')),
    'the new task was not learned with the vector': withTask(story({}, verdicts('learned nothing')), 1, 0),
    'the new task was not learned at all': withTask(story({}, verdicts('learned nothing')), 0, 0),
    'the vector was not ready': story({ protected: 0.08 }, verdicts('lost by an evaluation', 'vector, unready')),
    'an invariant is broken': {
      ...broken,
      result: { ...broken.result, laws: { ...broken.result.laws, deliveredWithoutVector: false } },
    },
  };
  const text = Object.entries(told).map(([name, one]) => `== ${name}\n${storySummary(one)}\n`);
  golden('sample/summary.txt', text.join('\n'));
});
