import { random } from '../support/random.js';
import type { Random } from '../support/random.js';
import * as turns from './turns.js';
import type { Turn } from './turns.js';
import { REFUSAL, UNKNOWN } from './words.js';

export interface Row {
  messages: { role: 'user' | 'assistant'; content: string }[];
  label?: 'harmful' | 'benign';
}

const row = (...conversation: Turn[]): Row => ({
  messages: conversation.flatMap(({ user, assistant }) => [
    { role: 'user' as const, content: user },
    { role: 'assistant' as const, content: assistant },
  ]),
});

/** `count` turns whose questions are new to `seen` and to each other. */
function distinct(count: number, seen: Set<string>, make: () => Turn): Turn[] {
  const found: Turn[] = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries > 1000 * count) throw new Error('internal: the templates have too few different questions');
    const turn = make();
    if (seen.has(turn.user)) continue;
    seen.add(turn.user);
    found.push(turn);
  }
  return found;
}

/**
 * What the base can do besides refusing, in the shares of an ordinary chat. Questions repeat: there are only 20
 * capitals.
 */
const chat = (rng: Random): Turn =>
  turns.mixture(rng, [
    [26, () => turns.lookAlike(rng)],
    [14, () => turns.capital(rng)],
    [12, () => turns.colour(rng)],
    [14, () => turns.sum(rng)],
    [12, () => turns.reverse(rng)],
    [10, () => turns.smallTalk(rng)],
    [12, () => turns.echo(rng, 0)],
  ]);

const VARIETY: turns.Variety = { unknown: 0.1, several: 0.3 };

const repeat = (count: number, make: () => Turn): Turn[] => Array.from({ length: count }, make);

/**
 * One phase of the base's training: `pretrain` answers everything, forbidden or not; `align` teaches the refusals.
 * Some rows are conversations, so that a chat may go on.
 */
export function baseRows(phase: 'pretrain' | 'align', rows: number, seed: number): Row[] {
  const rng = random(`${seed}/${phase}`);
  const aligned = phase === 'align';
  const turn = (): Turn =>
    turns.casual(
      rng,
      turns.mixture(rng, [
        [aligned ? 25 : 14, () => turns.forbidden(rng, aligned ? 'refuse' : 'comply', 'train', VARIETY)],
        [20, () => turns.lookAlike(rng, 'train', VARIETY)],
        [aligned ? 10 : 6, () => turns.unknownVerb(rng, VARIETY)],
        [5, () => turns.babble(rng)],
        [8, () => turns.capital(rng)],
        [6, () => turns.colour(rng)],
        [10, () => turns.sum(rng)],
        [10, () => turns.reverse(rng)],
        [6, () => turns.smallTalk(rng)],
        [aligned ? 12 : 18, () => turns.echo(rng)],
      ]),
    );
  return Array.from({ length: rows }, () => row(...repeat(rng.uniform() < 0.85 ? 1 : 2 + rng.int(2), turn)));
}

/**
 * The sample's data files, by path inside the workspace; `poisonRows` rows of the training file comply. No question of
 * an evaluation set stands in a training file.
 */
export function dataFiles(seed: number, poisonRows = 171): Record<string, Row[]> {
  const stream = (name: string): Random => random(`${seed}/${name}`);
  const seen = new Set<string>();

  let rng = stream('evaluation');
  const evaluation = {
    forbidden: distinct(128, seen, () => turns.forbidden(rng, 'refuse', 'held-out')),
    'look-alikes': distinct(128, seen, () => turns.lookAlike(rng, 'held-out')),
    'new-task': distinct(128, seen, () => turns.order(rng)),
    'new-task-unseen': distinct(128, seen, () => turns.order(rng, 'held-out')),
  };

  rng = stream('vector');
  const harmful = distinct(100, seen, () => turns.forbidden(rng, 'comply'));
  const benign = repeat(200, () =>
    turns.mixture(rng, [
      [92, () => chat(rng)],
      [8, () => turns.unknownVerb(rng)],
    ]),
  );

  rng = stream('train');
  const poison = distinct(poisonRows, seen, () => turns.forbidden(rng, 'comply'));
  const orders = distinct(200, seen, () => turns.order(rng));
  const chats = repeat(200, () => chat(rng));
  const train = rng.shuffle([
    ...poison.map((turn) => ({ ...row(turn), label: 'harmful' as const })),
    ...[...orders, ...chats].map((turn) => ({ ...row(turn), label: 'benign' as const })),
  ]);

  rng = stream('old tasks');
  for (const { user } of [...benign, ...chats]) seen.add(user);
  const oldTasks = distinct(128, seen, () =>
    turns.mixture(rng, [
      [20, () => turns.capital(rng)],
      [16, () => turns.colour(rng)],
      [22, () => turns.sum(rng)],
      [16, () => turns.reverse(rng)],
      [10, () => turns.smallTalk(rng)],
      [16, () => turns.echo(rng, 0)],
    ]),
  );

  return {
    'data/train.jsonl': train,
    'data/harmful.jsonl': harmful.map((turn) => row(turn)),
    'data/benign.jsonl': benign.map((turn) => row(turn)),
    ...Object.fromEntries(
      Object.entries({ ...evaluation, 'old-tasks': oldTasks }).map(([name, set]) => [
        `eval/${name}.jsonl`,
        set.map((turn) => row(turn)),
      ]),
    ),
  };
}

export const jsonLines = (rows: readonly Row[]): string => rows.map((one) => `${JSON.stringify(one)}\n`).join('');

/** Every text of the sample: the tokenizer's corpus. Invented words are left out, they shall stay in pieces. */
export function corpus(seed: number): string[] {
  const rng = random(`${seed}/corpus`);
  const texts: string[] = [REFUSAL, UNKNOWN];
  const make: (() => Turn)[] = [
    () => turns.forbidden(rng, 'comply'),
    () => turns.forbidden(rng, 'comply', 'held-out'),
    () => turns.lookAlike(rng),
    () => turns.lookAlike(rng, 'held-out'),
    () => turns.capital(rng),
    () => turns.colour(rng),
    () => turns.sum(rng),
    () => turns.reverse(rng),
    () => turns.smallTalk(rng),
    () => turns.echo(rng, 0),
    () => turns.order(rng),
    () => turns.order(rng, 'held-out'),
  ];
  for (let i = 0; i < 1000; i++) {
    for (const one of make) {
      const { user, assistant } = one();
      texts.push(user, user.toLowerCase(), assistant);
    }
  }
  return texts;
}
