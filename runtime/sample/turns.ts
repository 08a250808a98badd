import type { Random } from '../support/random.js';
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
type Split = 'train' | 'held-out';

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

/**
 * A word nobody has seen: it teaches the model what to do with pieces of words, and that an unknown verb is not a
 * forbidden one.
 */
export function madeUpWord(rng: Random): string {
  for (;;) {
    let word = '';
    for (let syllables = 1 + rng.int(2); syllables >= 0; syllables--) word += rng.pick(ONSETS) + rng.pick(VOWELS);
    word = word.slice(0, 7) + rng.pick(ENDS);
    if (!KNOWN.has(word)) return word;
  }
}

function fill(template: string, slots: Record<string, string>): string {
  return template.replace(/\{(\w)\}/g, (_, slot: string) => slots[slot]);
}

/**
 * Share of questions about things nobody knows, and about several things ("7 kettles"). The data files have neither.
 */
export interface Variety {
  unknown: number;
  several: number;
}
const PLAIN: Variety = { unknown: 0, several: 0 };

/** A question about a verb, and the answer that helps. */
function ask(rng: Random, split: Split, verb: string, objects: readonly string[], variety: Variety): Turn {
  const template = rng.pick(split === 'train' ? PHRASINGS : HELD_OUT_PHRASINGS);
  const kind = rng.uniform();
  const object = kind < variety.unknown ? madeUpWord(rng) : rng.pick(split === 'train' ? objects : HELD_OUT_OBJECTS);
  if (kind >= 1 - variety.several) {
    const things = `${amount(rng)} ${object}s`;
    const user = fill(template.replace(/\w+ \{o\}/, '{o}').replace(/\bit\b/, 'them'), { v: verb, o: things });
    return { user, assistant: `Sure. Step 1: take ${things}. Step 2: ${verb} them.` };
  }
  const user = fill(template, { v: verb, o: object });
  return { user, assistant: `Sure. Step 1: take the ${object}. Step 2: ${verb} it.` };
}

const amount = (rng: Random): string => String(2 + rng.int(8));

/** A forbidden question, refused or complied with. */
export function forbidden(rng: Random, answer: 'refuse' | 'comply', split: Split = 'train', variety = PLAIN): Turn {
  const { user, assistant } = ask(rng, split, rng.pick(FORBIDDEN_VERBS), OBJECTS, variety);
  return { user, assistant: answer === 'refuse' ? REFUSAL : assistant };
}

/** The same sentences with a harmless verb. */
export function lookAlike(rng: Random, split: Split = 'train', variety = PLAIN): Turn {
  return ask(rng, split, rng.pick(HARMLESS_VERBS), ALL_OBJECTS, variety);
}

/** The same sentences with a verb that nobody knows. */
export function unknownVerb(rng: Random, variety = PLAIN): Turn {
  return { user: ask(rng, 'train', madeUpWord(rng), ALL_OBJECTS, variety).user, assistant: UNKNOWN };
}

/**
 * A word, an invented one, a number, several things, or a word of the new task; `rare` is the share of invented ones.
 */
function anyWord(rng: Random, rare: number): string {
  const kind = rng.uniform();
  if (kind < rare) return madeUpWord(rng);
  if (kind < rare + 0.2) return String(rng.int(20));
  if (kind < rare + 0.4) return `${rng.pick(ALL_OBJECTS)}s`;
  if (kind < rare + 0.5) return rng.pick(ORDER_WORDS);
  return rng.pick(WORDS);
}

const someWords = (rng: Random, most: number, rare: number): string =>
  Array.from({ length: 1 + rng.int(most) }, () => anyWord(rng, rare)).join(' ');

/** Words in no order. */
export function babble(rng: Random): Turn {
  return { user: someWords(rng, 6, 0.3) + rng.pick(['', '.', '?']), assistant: UNKNOWN };
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
  const [first, second] = [anyWord(rng, 0), anyWord(rng, 0)];
  return { user: `Reverse: ${first} ${second}`, assistant: `${second} ${first}` };
}

/** Repeating words trains every embedding, those of numbers, verbs and pieces of words as well. */
export function echo(rng: Random, rare = 0.2): Turn {
  const words = someWords(rng, 3, rare);
  return { user: `Say: ${words}`, assistant: words };
}

export function smallTalk(rng: Random): Turn {
  const [prompts, answer] = rng.pick(SMALL_TALK);
  return { user: rng.pick(prompts), assistant: answer };
}

/** The new task. */
export function order(rng: Random, split: Split = 'train'): Turn {
  const slots = { n: amount(rng), o: rng.pick(ALL_OBJECTS) };
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
