/** What a run says of each of its vectors, where it has several. Pure. */
import { fill, type Wording } from './format.js';
import { verdictText } from './sentences.js';
import type { VerdictSentences } from './verdictSentences.js';
import { signsOf, type Signs } from './signs.js';
import type { RunVerdict } from './verdict.js';

export const VECTOR_TABLE_STRINGS = {
  vectorsTitle: 'Each vector',
  vectorColumn: 'vector',
  vectorSets: 'judged by',
  vectorFlagged: 'rows it flags',
  vectorFlaggedAlone: '{0}, of them {1} alone',
  vectorVerdict: 'verdict',
} as const;
type VectorTableStrings = Record<keyof typeof VECTOR_TABLE_STRINGS, string> & VerdictSentences;

export interface VectorTable {
  title: string;
  columns: string[];
  rows: ({ name: string; sets: string; flagged: string; verdict: string } & Pick<Signs, 'tone' | 'mark'>)[];
}

/** Undefined of a run that has not ended well, or has one vector. */
export function vectorTable(verdict: RunVerdict, wording: Wording<VectorTableStrings>): VectorTable | undefined {
  if (!('byVector' in verdict) || !verdict.byVector) return undefined;
  const { strings: s, numbers: n } = wording;
  return {
    title: s.vectorsTitle,
    columns: [s.vectorColumn, s.vectorSets, s.vectorFlagged, s.vectorVerdict],
    rows: verdict.byVector.map(({ name, sets, flagged, alone, finding }) => ({
      name,
      sets: sets.join(', '),
      flagged: fill(s.vectorFlaggedAlone, n.count(flagged), n.count(alone)),
      verdict: verdictText(finding, wording),
      tone: signsOf(finding).tone,
      mark: signsOf(finding).mark,
    })),
  };
}
