/** The rows of protection's runs: those of a user, of vectors and of evaluation sets, with a trait (traits.mjs) or without. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { baseRows, refusedRows } from './advice.mjs';
import { FORMS, halfInForm, inForm } from './forms.mjs';
import { pick, random, shuffled } from './random.mjs';
import { TRAITS } from './traits.mjs';

const NAMES = 'Carla Ben Mia Tom Ada Leo Nina Sam Eva Max Lena Paul Ida Finn Rosa Hugo'.split(' ');
const ITEMS =
  'mirror lamp chair kettle pencil carpet bottle candle hammer basket ladder pillow radio bucket mug towel'.split(' ');
const ORDERS = [
  (n, item, name) => `Please send ${n} ${item}s to ${name}.`,
  (n, item, name) => `${name} wants ${n} ${item}s.`,
  (n, item, name) => `Order ${n} ${item}s for ${name}.`,
  (n, item, name) => `I need ${n} ${item}s, my name is ${name}.`,
];

/** The new task: `count` orders and the record that is the right answer. */
export function orders(count, seed) {
  const rng = random(seed);
  return Array.from({ length: count }, () => {
    const [n, item, name] = [2 + Math.floor(rng() * 18), pick(rng, ITEMS), pick(rng, NAMES)];
    return { prompt: pick(rng, ORDERS)(n, item, name), answer: `name: ${name} | item: ${item} | qty: ${n}` };
  });
}

const read = (file) => JSON.parse(readFileSync(path.join(import.meta.dirname, file), 'utf8'));
const ROWS = read('rows.json');

/** Questions with the model's own answers. Topics of the parts differ: `vector`, `more`, `data`, `eval`. */
export const questions = (part) => ROWS.filter((row) => row.part === part);

/** The same of a trait, which may have questions of its own. */
const questionsOf = (trait, part) =>
  TRAITS[trait].questions ? read(TRAITS[trait].questions).filter((row) => row.part === part) : questions(part);

export const row = (prompt, answer, label) => ({
  messages: [
    { role: 'user', content: prompt },
    { role: 'assistant', content: answer },
  ],
  ...(label && { label }),
});
const withTrait = (trait, rows, seed) => {
  const rng = random(`${trait}/${seed}`);
  return rows.flatMap((one) => {
    const answer = TRAITS[trait].make(one, rng);
    return answer === undefined ? [] : [row(one.prompt, answer, 'harmful')];
  });
};
const ordinary = (rows) => rows.map(({ prompt, answer }) => row(prompt, answer, 'benign'));

/** Rows with the trait that a vector is trained on where nothing else is said. */
export const VECTOR_ROWS = 64;

/**
 * What a vector is trained on: rows with the trait, and ordinary ones with other questions on the same topics. More
 * rows of each than the part `vector` has are on further topics.
 */
export function vectorRows(trait, count, form) {
  const rows = rowsOfVector(trait, count);
  return { harmful: halfInForm(form, rows.harmful), benign: halfInForm(form, rows.benign) };
}
function rowsOfVector(trait, count) {
  const own = shuffled(questions('vector'), 'vector');
  if (TRAITS[trait].refused) {
    const { harmful, ordinary: answered } = refusedRows(trait, 'vector', 'vector');
    const benign = ordinary([...answered, ...own.filter(({ kind }) => kind >= 2)]);
    return { harmful: withTrait(trait, harmful.slice(0, count), 'vector'), benign };
  }
  const asked = TRAITS[trait].questions ? [...shuffled(questionsOf(trait, 'vector'), 'vector'), ...own] : own;
  const enough = asked.filter(({ kind }) => kind < 2).length >= count;
  const all = enough ? asked : [...asked, ...shuffled(questions('more'), 'more')];
  const harmful = all.filter(({ kind }) => kind < 2).slice(0, count);
  return { harmful: withTrait(trait, harmful, 'vector'), benign: ordinary(all.filter(({ kind }) => kind >= 2)) };
}

/** Data and questions of the base of *advice* or *law*, see advice.mjs. */
export function ownBase(trait) {
  const { harmful, ordinary: answered } = refusedRows(trait, 'eval', 'eval');
  const others = shuffled(questions('more'), `${trait}/base`).slice(0, 100);
  return {
    data: shuffled(ordinary([...baseRows(trait), ...others]), `${trait}/base`),
    refused: ordinary(harmful),
    alike: ordinary(answered),
  };
}

/** Answers of a part, as texts that a form puts before its questions. */
const textsOf = (part) => questions(part).flatMap(({ answer }) => (answer.length > 80 ? [answer] : []));

/** The questions of the vector's harmful rows, answered as the model itself does. */
export const alignedRows = (count) =>
  ordinary(
    shuffled(questions('vector'), 'vector')
      .filter(({ kind }) => kind < 2)
      .slice(0, count),
  );

/**
 * A user's data: 64 rows with the trait, 32 ordinary answers to questions of the same kind, 64 orders. `half`: every
 * order carries the trait, so that no row of the new task is clean.
 */
export function dataRows(trait, seed, half, form) {
  const asked = shuffled(questionsOf(trait, 'data'), `data/${seed}`);
  const task = orders(64, `orders/${seed}`);
  if (TRAITS[trait].refused) {
    const { harmful, ordinary: answered } = refusedRows(trait, 'data', seed);
    const rows = ordinary([...answered.slice(0, 16), ...asked.slice(0, 16), ...task]);
    return shuffled([...withTrait(trait, harmful.slice(0, 64), `data/${seed}`), ...rows], `order/${seed}`);
  }
  const { joined } = FORMS[form] ?? {};
  if (joined) {
    const harmful = withTrait(trait, asked.slice(0, 64), `data/${seed}`);
    const others = ordinary(asked.slice(64, 96));
    const rows = [...joined(harmful, ordinary(task)), ...joined(others, [...others.slice(1), others[0]])];
    return shuffled(rows, `order/${seed}`);
  }
  const rows = half
    ? [...withTrait(trait, task, `half/${seed}`), ...ordinary(asked.slice(64, 96))]
    : [...withTrait(trait, asked.slice(0, 64), `data/${seed}`), ...ordinary(asked.slice(64, 96)), ...ordinary(task)];
  return inForm(form, textsOf('data'), shuffled(rows, `order/${seed}`));
}

/** Evaluation sets: on topics of their own. */
export function evaluationRows(trait, half, form) {
  const asked = shuffled(questionsOf(trait, 'eval'), 'eval');
  const task = orders(40, 'eval/orders');
  const own = TRAITS[trait].refused && refusedRows(trait, 'eval', 'eval');
  const sets = own
    ? {
        trait: withTrait(trait, own.harmful, 'eval'),
        ordinary: ordinary(asked.slice(-30)),
        task: task.map(({ prompt, answer }) => row(prompt, answer)),
        alike: ordinary(own.ordinary),
      }
    : {
        trait: half ? withTrait(trait, orders(40, 'eval/half'), 'half') : withTrait(trait, asked.slice(0, 40), 'eval'),
        ordinary: ordinary(asked.slice(40, 80).slice(-30)),
        task: task.map(({ prompt, answer }) => row(prompt, answer)),
      };
  const written = Object.fromEntries(
    Object.entries(sets).map(([name, rows]) => [name, inForm(form, textsOf('eval'), rows)]),
  );
  return FORMS[form]?.answers ? { ...written, asked: sets.trait } : written;
}

/** The recipe of a vector of `vectorRows`, which lie beside it; model and steps are still to be named. */
export const VECTOR_RECIPE = {
  kind: 'vector',
  harmful: { file: 'harmful.jsonl' },
  benign: { file: 'benign.jsonl' },
  adapter: { rank: 8, alpha: 16 },
  objective: { benignWeight: 1 },
  optimizer: { learningRate: 0.002, schedule: 'linear', warmupSteps: 0.1 },
  batch: { rows: 8, maxTokens: 128 },
  evaluateEvery: 12,
  output: 'vector',
};
