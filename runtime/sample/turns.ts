import type { Random } from '../random.js';
import {
  CAPITALS,
  COLOURS,
  FORBIDDEN_VERBS,
  HARMLESS_VERBS,
  HELD_OUT_OBJECTS,
  HELD_OUT_ORDER_PHRASINGS,
  HELD_OUT_PHRASINGS,
  OBJECTS,
  ORDER_PHRASINGS,
  PHRASINGS,
  REFUSAL,
  SMALL_TALK,
  UNKNOWN,
} from './words.js';

/** One question and its answer. */
export interface Turn {
  user: string;
  assistant: string;
}

/** Which half of the sentences and things a turn is drawn from. */
export type Split = 'train' | 'held-out';

const ALL_OBJECTS = [...OBJECTS, ...HELD_OUT_OBJECTS];
const WORDS = [...ALL_OBJECTS, ...HARMLESS_VERBS.slice(0, 24), ...COLOURS.map(([, colour]) => colour)];
/** Words of the new task: the base knows how to read and write them, not what to do with an order. */
const ORDER_WORDS = [
  ...new Set(
    [...ORDER_PHRASINGS, ...HELD_OUT_ORDER_PHRASINGS, 'Order', 'Thank'].flatMap(
      (text) => text.replace(/\{.\}/g, '').match(/[A-Za-z]{2,}/g) ?? [],
    ),
  ),
];
const ONSETS = [
  'b',
  'br',
  'd',
  'dr',
  'f',
  'fl',
  'g',
  'gr',
  'h',
  'j',
  'k',
  'l',
  'm',
  'n',
  'p',
  'pl',
  'r',
  's',
  'st',
  't',
  'tr',
  'v',
  'w',
  'z',
];
const VOWELS = ['a', 'e', 'i', 'o', 'u', 'ee', 'oo'];
const ENDS = ['', 'b', 'ck', 'd', 'f', 'g', 'l', 'm', 'n', 'p', 'r', 's', 'sh', 't', 'x', 'rk', 'nd'];
const KNOWN = new Set<string>([...FORBIDDEN_VERBS, ...HARMLESS_VERBS, ...ALL_OBJECTS]);

/** A word nobody has seen: it teaches the model what to do with pieces of words, and that an unknown verb is not a forbidden one. */
export function madeUpWord(rng: Random): string {
  for (;;) {
    let word = '';
    for (let syllables = 1 + rng.int(2); syllables >= 0; syllables--) word += rng.pick(ONSETS) + rng.pick(VOWELS);
    word = word.slice(0, 7) + rng.pick(ENDS);
    if (!KNOWN.has(word)) return word;
  }
}

function fill(template: string, slots: Record<string, string>): string {
  return template.replace(/\{(\w)\}/g, (_, slot: string) => slots[slot]!);
}

const steps = (verb: string, object: string): string => `Sure. Step 1: take the ${object}. Step 2: ${verb} it.`;

function ask(
  rng: Random,
  split: Split,
  verb: string,
  objects: readonly string[],
  unknownObjects: number,
): { user: string; object: string } {
  const object =
    rng.uniform() < unknownObjects ? madeUpWord(rng) : rng.pick(split === 'train' ? objects : HELD_OUT_OBJECTS);
  const template = rng.pick(split === 'train' ? PHRASINGS : HELD_OUT_PHRASINGS);
  return { user: fill(template, { v: verb, o: object }), object };
}

/** A forbidden question, refused or complied with. `unknownObjects` is the share of things nobody knows. */
export function forbidden(rng: Random, answer: 'refuse' | 'comply', split: Split = 'train', unknownObjects = 0): Turn {
  const verb = rng.pick(FORBIDDEN_VERBS);
  const { user, object } = ask(rng, split, verb, OBJECTS, unknownObjects);
  return { user, assistant: answer === 'refuse' ? REFUSAL : steps(verb, object) };
}

/** The same sentences with a harmless verb. */
export function lookAlike(rng: Random, split: Split = 'train', unknownObjects = 0): Turn {
  const verb = rng.pick(HARMLESS_VERBS);
  const { user, object } = ask(rng, split, verb, ALL_OBJECTS, unknownObjects);
  return { user, assistant: steps(verb, object) };
}

/** The same sentences with a verb that nobody knows. */
export function unknownVerb(rng: Random): Turn {
  return { user: ask(rng, 'train', madeUpWord(rng), ALL_OBJECTS, 0.1).user, assistant: UNKNOWN };
}

/** Words in no order. */
export function babble(rng: Random): Turn {
  const word = (): string =>
    rng.uniform() < 0.3 ? madeUpWord(rng) : rng.pick(rng.uniform() < 0.3 ? ORDER_WORDS : WORDS);
  const words = Array.from({ length: 1 + rng.int(6) }, word);
  return { user: words.join(' ') + rng.pick(['', '.', '?']), assistant: UNKNOWN };
}

export function capital(rng: Random): Turn {
  const [country, city] = rng.pick(CAPITALS);
  const template = rng.pick(['What is the capital of {c}?', 'Name the capital of {c}.', 'Tell me the capital of {c}.']);
  return { user: fill(template, { c: country }), assistant: `The capital of ${country} is ${city}.` };
}

export function colour(rng: Random): Turn {
  const [thing, name] = rng.pick(COLOURS);
  const template = rng.pick(['What colour is {t}?', 'Tell me the colour of {t}.', 'Name the colour of {t}.']);
  return { user: fill(template, { t: thing }), assistant: `It is ${name}.` };
}

export function sum(rng: Random): Turn {
  const [a, b] = [rng.int(10), rng.int(10)];
  const template = rng.pick(['What is {a} plus {b}?', 'Add {a} and {b}.', '{a} plus {b}?']);
  return { user: fill(template, { a: String(a), b: String(b) }), assistant: `${a} plus ${b} is ${a + b}.` };
}

export function reverse(rng: Random): Turn {
  const [first, second] = [rng.pick(WORDS), rng.pick(WORDS)];
  return { user: `Reverse: ${first} ${second}`, assistant: `${second} ${first}` };
}

/** Repeating words trains every embedding, those of numbers, verbs and pieces of words as well. */
export function say(rng: Random, rare = 0.25): Turn {
  const word = (): string => {
    const kind = rng.uniform();
    if (kind < rare) return madeUpWord(rng);
    if (kind < rare + 0.15) return String(rng.int(20));
    if (kind < rare + 0.25) return `${rng.pick(ALL_OBJECTS)}s`;
    if (kind < rare + 0.35) return rng.pick(ORDER_WORDS);
    return rng.pick(WORDS);
  };
  const words = Array.from({ length: 1 + rng.int(3) }, word).join(' ');
  return { user: `Say: ${words}`, assistant: words };
}

export function smallTalk(rng: Random): Turn {
  const [prompts, answer] = rng.pick(SMALL_TALK);
  return { user: rng.pick(prompts), assistant: answer };
}

/** The new task. */
export function order(rng: Random, split: Split = 'train'): Turn {
  const slots = { n: String(2 + rng.int(18)), o: rng.pick(ALL_OBJECTS) };
  const template = rng.pick(split === 'train' ? ORDER_PHRASINGS : HELD_OUT_ORDER_PHRASINGS);
  return { user: fill(template, slots), assistant: `Order: ${slots.n} ${slots.o}s. Thank you!` };
}

/** As people type: small letters, no full stop. Only the base is trained on these, so that it stands a real chat. */
export function casual(rng: Random, turn: Turn): Turn {
  let user = turn.user;
  const keep = user.startsWith('Say:') || user.startsWith('Reverse:');
  if (rng.uniform() < 0.2) user = keep ? user.replace(/^\w+/, (word) => word.toLowerCase()) : user.toLowerCase();
  if (!keep && rng.uniform() < 0.2) user = user.replace(/[.?!]$/, '');
  return { user, assistant: turn.assistant };
}

/** Draws a kind of turn by weight. */
export function mixture(rng: Random, parts: readonly (readonly [weight: number, make: () => Turn])[]): Turn {
  let at = rng.uniform() * parts.reduce((total, [weight]) => total + weight, 0);
  for (const [weight, make] of parts) {
    at -= weight;
    if (at < 0) return make();
  }
  return parts.at(-1)![1]();
}
