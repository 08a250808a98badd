/**
 * Turns up to an answer that no other one follows, nor the result of a tool: what is asked, and all that is done to
 * answer it.
 */
export function exchangesOf<T>(turns: readonly T[], roleOf: (turn: T) => unknown): T[][] {
  const exchanges: T[][] = [[]];
  turns.forEach((turn, i) => {
    exchanges.at(-1)!.push(turn);
    const next = turns[i + 1];
    const goesOn = i + 1 < turns.length && ['assistant', 'tool'].includes(roleOf(next) as string);
    if (roleOf(turn) === 'assistant' && !goesOn) exchanges.push([]);
  });
  return exchanges;
}
