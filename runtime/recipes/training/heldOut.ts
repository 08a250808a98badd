import { MOST_HELD_OUT } from '../../contract/recipeWords.js';
import { askedIn, isTaught, questionsOf } from '../../data/askedBy.js';
import { byPrompt, promptCount, variedRows } from '../../data/byPrompt.js';
import { matching, subset, type ExampleList } from '../../data/exampleList.js';
import { random } from '../../support/random.js';

/**
 * So many prompts are held out where they are no more than one in four, so that something can be said of the vector.
 */
const FEWEST = 16;
/** Fewer prompts than this tell nothing. */
const USEFUL = 4;

export interface Split {
  readonly trained: ExampleList;
  /** Of more rows than tell something, those with the most prompts. */
  readonly held: ExampleList;
  /** All rows that are not trained on. */
  readonly untrained: ExampleList;
}

const fewestOf = (prompts: number): number => Math.min(FEWEST, Math.floor(prompts / 4));

/** Of `n` rows, or of so many prompts; 0: too few to hold any out. */
function wantedOf(n: number, share: number): number {
  const wanted = Math.min(MOST_HELD_OUT, Math.max(Math.round(share * n), fewestOf(n)));
  return share === 0 || wanted < USEFUL ? 0 : wanted;
}

/** How many of `n` rows are held out, about: rows with the same prompt stay together. */
export function heldOutCount(n: number, share: number, prompts = n): number {
  if (wantedOf(prompts, share) === 0) return 0;
  return Math.max(wantedOf(n, share), Math.round((fewestOf(prompts) * n) / prompts));
}

/**
 * Rows that a vector is never trained on: a share of them, with at least 16 prompts where that leaves three quarters of
 * these, and none where it would be fewer than four. Rows with the same prompt stay together, of conversations those
 * with the same first one that is answered: every answer is trained on. A function of seed and rows alone.
 * @param share 0 holds nothing out
 * @param seen what is trained on anyway (questionsOf): it is never held out
 * @param apart what another file holds out (questionsOf): it is held out first, but not more than half of the rows
 */
export function holdOut(
  examples: ExampleList,
  share: number,
  seed: string,
  seen: ReadonlySet<string> = new Set(),
  apart: ReadonlySet<string> = new Set(),
): Split {
  const n = examples.length;
  const wanted = wantedOf(n, share);
  const none = { trained: examples, held: [], untrained: [] };
  if (wanted === 0) return none;
  const known = new Set<string>();
  const first = new Set<string>();
  const groups = byPrompt(examples, (questions, row) => {
    if (isTaught(seen, row)) known.add(questions[0]);
    if (questions.some((name) => apart.has(name))) first.add(questions[0]);
  });
  if (wantedOf(groups.size, share) === 0) return none;
  const fewest = fewestOf(groups.size);
  for (const key of known) groups.delete(key);
  const held = new Set<number>();
  let prompts = 0;
  const drawn = random(`${seed}/held out`).shuffle([...groups]);
  drawn.sort(([one], [other]) => Number(first.has(other)) - Number(first.has(one)));
  for (const [key, group] of drawn) {
    if (held.size >= wanted && prompts >= fewest && !first.has(key)) break;
    if (held.size + group.length > Math.max(wanted, n / 2)) continue;
    for (const row of group) held.add(row);
    prompts += 1;
  }
  if (prompts < USEFUL) return none;
  const indices = Array.from({ length: n }, (_, i) => i);
  const untrained = subset(
    examples,
    indices.filter((i) => held.has(i)),
  );
  return {
    trained: subset(
      examples,
      indices.filter((i) => !held.has(i)),
    ),
    held: variedRows(untrained, MOST_HELD_OUT),
    untrained,
  };
}

/**
 * Of two files, so that a prompt of both is on the same side in both. The shorter one is divided as if it were alone,
 * and the other follows it: a prompt that this one nevertheless trains on, as too many of its rows ask it, is not
 * measured. Of prompts of both the other holds out all rows, also beyond the limit: evidence rests on prompts, and
 * fewer there would be fewer in both.
 */
export function holdOutOfBoth(
  [a, b]: readonly [ExampleList, ExampleList],
  share: number,
  seed: string,
  seen: ReadonlySet<string> = new Set(),
): [Split, Split] {
  if (b.length < a.length) {
    const [second, first] = holdOutOfBoth([b, a], share, seed, seen);
    return [first, second];
  }
  const alone = holdOut(a, share, seed, seen);
  if (share === 0) return [alone, holdOut(b, share, seed, seen)];
  const apart = askedIn(alone.held);
  const other = holdOut(b, share, seed, new Set([...seen, ...askedIn(alone.trained)]), apart);
  const trained = new Set<string>();
  for (const row of other.trained) for (const name of questionsOf(row)) if (apart.has(name)) trained.add(name);
  const left = matching(alone.held, (row) => !questionsOf(row).some((name) => trained.has(name)));
  return [{ ...alone, held: promptCount(left) < USEFUL ? [] : left }, other];
}
