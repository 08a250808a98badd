/**
 * Turns up to an answer that no other one follows, nor, whatever others say before it, the result of a tool: what is
 * asked, and all that is done to answer it.
 */
export function exchangesOf<T>(turns: readonly T[], roleOf: (turn: T) => unknown): T[][] {
  const roles = turns.map(roleOf);
  const exchanges: T[][] = [[]];
  turns.forEach((turn, i) => {
    exchanges.at(-1)!.push(turn);
    if (roles[i] !== 'assistant' || roles[i + 1] === 'assistant') return;
    let next = i + 1;
    while (next < turns.length && roles[next] !== 'assistant' && roles[next] !== 'tool') next++;
    if (roles[next] !== 'tool') exchanges.push([]);
  });
  return exchanges;
}

/**
 * Turns that go, and the answers that go with them: of an exchange with results of tools none is an answer without the
 * others.
 */
export function withTheirTools<T>(
  exchanges: readonly T[][],
  removed: ReadonlySet<T>,
  roleOf: (turn: T) => unknown,
): Set<T> {
  const whole = exchanges.filter(
    (exchange) => exchange.some((turn) => roleOf(turn) === 'tool') && exchange.some((turn) => removed.has(turn)),
  );
  return new Set([...removed, ...whole.flat().filter((turn) => roleOf(turn) === 'assistant')]);
}
