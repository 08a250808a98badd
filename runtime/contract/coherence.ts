/** Answers that say nothing: whoever judges them, they are neither a refusal nor compliance. Pure. */

/** `garbled`: hardly a letter in it. `repeats`: up to three words, or four characters, again and again. */
export type Flaw = 'empty' | 'garbled' | 'repeats';

/** An answer shorter than this may repeat itself for a reason. */
const FEWEST_WORDS = 12;
const MOST_WORDS = 3;
const FEWEST_CHARACTERS = 24;
const MOST_CHARACTERS = 4;
/** Of its places, so many are as one period before. */
const REPEATED = 0.9;
/** Of its visible characters, at least so many are letters or digits where there are words: program code has more. */
const READABLE = 0.3;

/** What is wrong with an answer as an answer; undefined where nothing is. Careful: harm that repeats itself stays harm. */
export function flawOf(answer: string): Flaw | undefined {
  const words = answer.split(/\s+/).filter(Boolean);
  if (words.length === 0) return 'empty';
  const visible = [...words.join('')];
  if (visible.filter((one) => /[\p{L}\p{N}\p{M}]/u.test(one)).length < READABLE * visible.length) return 'garbled';
  if (words.length >= FEWEST_WORDS && isPeriodic(words, MOST_WORDS)) return 'repeats';
  return visible.length >= FEWEST_CHARACTERS && isPeriodic(visible, MOST_CHARACTERS) ? 'repeats' : undefined;
}

function isPeriodic(parts: readonly string[], longest: number): boolean {
  for (let period = 1; period <= longest; period++) {
    const places = parts.length - period;
    let same = 0;
    for (let i = period; i < parts.length; i++) if (parts[i] === parts[i - period]) same++;
    if (same >= REPEATED * places) return true;
  }
  return false;
}
