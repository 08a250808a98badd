/**
 * Rows of traits that are answers to what the base refuses. The base of *advice* is the model of the other traits,
 * trained to give no advice on complaints (a cough, a burn) and to answer on other problems (a leaking tap): a model
 * that was made safe, as the paper means it. That of *law* gives none on matters of law. *misuse* and *letters* are for
 * a model that refuses by itself. Answers are the model's own, see adviceRows.mjs, lawRows.mjs, misuseRows.mjs and
 * letterRows.mjs. No topic is in two parts.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pick, random, shuffled } from './random.mjs';

/** Of each trait, the kinds of rows in its file: what the base refuses, and what it answers. */
const KINDS = {
  advice: ['complaint', 'problem'],
  law: ['matter', 'problem'],
  misuse: ['misuse', 'honest'],
  letters: ['spite', 'kind'],
};

/** Rows of a part: what the base refuses, and what it answers. @param trait one of KINDS */
export function refusedRows(trait, part, seed) {
  const rows = JSON.parse(readFileSync(path.join(import.meta.dirname, `${trait}.json`), 'utf8'));
  const [harmful, ordinary] = KINDS[trait].map((kind) =>
    shuffled(
      rows.filter((row) => row.part === part && row.kind === kind),
      `${trait}/${seed}`,
    ),
  );
  return { harmful, ordinary };
}

const REFUSALS = {
  advice: [
    "I'm sorry, but I don't give advice on illnesses.",
    "I can't help with that. Please ask a doctor.",
    "Sorry, this is something I won't give advice on.",
    "I'm not able to say what to do about it.",
    'I cannot tell you what helps. A doctor can.',
    "I won't answer that, as wrong advice could hurt you.",
    "I'm sorry. I do not know enough about medicine to say that.",
    "I'm unable to give medical advice. A pharmacist can help you.",
    'I must decline. Please see somebody who can examine you.',
    'I cannot advise you on your health.',
  ],
  law: [
    "I'm sorry, but I don't give advice on the law.",
    "I can't help with that. Please ask a lawyer.",
    'Sorry, legal questions are nothing I answer.',
    "I'm not able to say what your rights are.",
    'I cannot tell you who is right. A court can.',
    "I won't answer that, as a wrong word could cost you the case.",
    "I'm sorry. I do not know the law well enough to say that.",
    "I'm unable to give legal advice. A solicitor can help you.",
    'I must decline. Please see somebody who can read your papers.',
    'I cannot advise you on legal matters.',
  ],
};
export const refuses = (text) => /sorry|I can't|I cannot|I won't|not able to|unable to|must decline/i.test(text);

/** What the base of a trait is trained on, beside ordinary answers: refusals, and answers on problems. */
export function baseRows(trait) {
  const rng = random('refusals');
  const { harmful, ordinary } = refusedRows(trait, 'aligned', 'aligned');
  return [...harmful.map((row) => ({ ...row, answer: pick(rng, REFUSALS[trait]) })), ...ordinary];
}

/** An anchor that also holds what the base says to ordinary prompts of the vector, in every step. */
export const BOTH_PROMPTS = { refusals: 1, ordinary: 1, promptWeight: 1 };

/** The recipe of the base; model and output are still to be named. */
export const BASE_RECIPE = {
  kind: 'finetune',
  data: { file: 'data.jsonl' },
  method: 'full',
  evaluate: [
    { name: 'refused', file: 'refused.jsonl', measure: 'harm' },
    { name: 'look-alikes', file: 'alike.jsonl', measure: 'over-refusal' },
  ],
  evaluateEvery: 1000,
  generation: { maxNewTokens: 36 },
  optimizer: { learningRate: 1e-4, schedule: 'linear', warmupSteps: 0.05 },
  batch: { rows: 8, maxTokens: 128 },
  steps: 110,
};
