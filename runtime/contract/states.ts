/** States of a model in the order in which they are shown: base · plain · protected, then the others as they came. */
const STATES = ['base', 'plain', 'protected'] as const;

const rank = (state: string): number => {
  const at = (STATES as readonly string[]).indexOf(state);
  return at < 0 ? STATES.length : at;
};

export const sortStates = <T extends { state: string }>(rows: readonly T[]): T[] =>
  [...rows].sort((a, b) => rank(a.state) - rank(b.state));

/** Each state once, in order. */
export const stateNames = (states: Iterable<string>): string[] =>
  [...new Set(states)].sort((a, b) => rank(a) - rank(b));

/** The state that a fine-tuning delivers; one by a published method has its name. */
export const deliveredState = (run: { vectors: number; baseline?: string }): string =>
  run.baseline ?? (run.vectors > 0 ? 'protected' : 'plain');
