import { KINDS } from './kinds.js';
import type { Invariants } from './events.js';
import type { Recipe } from './recipe.js';

export type InvariantName = keyof Invariants;

export const INVARIANTS = {
  vectorUnchanged: 'the vector is unchanged by fine-tuning',
  baseUnchanged: 'the base model is unchanged by training',
  deliveredWithoutVector: 'the delivered model holds no trace of the vector',
} as const satisfies Record<InvariantName, string>;

/** Bytes are compared by hash; the delivered model is read back, and its losses are compared. */
export const INVARIANTS_TITLE = 'Invariants, checked by hash and by reading the result back';

export interface InvariantState {
  invariant: InvariantName;
  state: 'held' | 'broken' | 'unchecked';
}

/**
 * The invariants that such a run must check, and what it found; one without a finding was not checked, which does not
 * mean that it held.
 */
export function invariantStates(run: { kind: Recipe['kind']; vectors: number; laws?: Invariants }): InvariantState[] {
  const { kind, vectors, laws = {} } = run;
  const required: Record<InvariantName, boolean> = {
    vectorUnchanged: kind === 'finetune' && vectors > 0,
    baseUnchanged: KINDS[kind].trains,
    deliveredWithoutVector: kind === 'finetune',
  };
  return (Object.keys(INVARIANTS) as InvariantName[]).flatMap((invariant): InvariantState[] => {
    const found = laws[invariant];
    if (found === undefined) return required[invariant] ? [{ invariant, state: 'unchecked' }] : [];
    return [{ invariant, state: found ? 'held' : 'broken' }];
  });
}
