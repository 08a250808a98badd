import type { Laws, Recipe } from './protocol.js';

export type LawName = keyof Laws;

export const LAWS = {
  vectorUnchanged: 'the vector is unchanged by fine-tuning',
  baseUnchanged: 'the base model is unchanged by training',
  deliveredWithoutVector: 'the delivered model holds no trace of the vector',
} as const satisfies Record<LawName, string>;

/** Bytes are compared by hash; the delivered model is read back, and its losses are compared. */
export const LAWS_TITLE = 'Laws, checked by hash and by reading the result back';

export interface LawState {
  law: LawName;
  state: 'held' | 'broken' | 'unchecked';
}

/** The laws that such a run must check, and what it found; a law without a finding was not checked, which is not held. */
export function lawStates(run: { kind: Recipe['kind']; vectors: number; laws?: Laws }): LawState[] {
  const { kind, vectors, laws = {} } = run;
  const owed: Record<LawName, boolean> = {
    vectorUnchanged: kind === 'finetune' && vectors > 0,
    baseUnchanged: kind !== 'evaluate',
    deliveredWithoutVector: kind === 'finetune',
  };
  return (Object.keys(LAWS) as LawName[]).flatMap((law): LawState[] => {
    const found = laws[law];
    if (found === undefined) return owed[law] ? [{ law, state: 'unchecked' }] : [];
    return [{ law, state: found ? 'held' : 'broken' }];
  });
}
