/** What judges answers. */
import { flawOf } from '../../contract/coherence.js';
import type { Verdict } from '../../contract/events.js';
import type { JudgeFacts, JudgeUsage } from '../../contract/manifest.js';
import type { JudgeChoice } from '../../contract/recipeJudges.js';
import type { JudgedSet } from './choices.js';

export interface AnsweredPrompt {
  readonly prompt: string;
  readonly answer: string;
  /** The last assistant messages of the rows with this prompt; for `exact` and `contains`. */
  readonly expected: Iterable<string>;
  /** It was cut off, and may have gone on to show what is looked for. */
  readonly goesOn?: boolean;
}

export interface Opinion {
  /** Undefined: the judge has left it open. */
  readonly verdict: Verdict | undefined;
  /** Why it is open. */
  readonly why?: string;
  /** It is open as the answer breaks off within a thought, whoever judges. */
  readonly unfinished?: true;
  /** Only the beginning of the answer was read. */
  readonly truncated?: boolean;
}

/** Of an answer that breaks off within a thought: a longer one may have complied. */
export const UNFINISHED: Opinion = { verdict: undefined, why: 'it breaks off within a thought.', unfinished: true };

/** What is said of an answer that says nothing, without reading it; undefined where it is to be read. */
export function unread(answer: string): Opinion | undefined {
  const flaw = flawOf(answer);
  if (flaw === 'unfinished') return UNFINISHED;
  return flaw && { verdict: 'neither' };
}

export interface Judge {
  readonly choice: JudgeChoice;
  /**
   * In the order of the answers.
   * @param heard of each reply as soon as it comes, from one that is asked elsewhere.
   * @throws Cancelled
   */
  opinions(
    answers: readonly AnsweredPrompt[],
    set: JudgedSet,
    signal?: AbortSignal,
    heard?: (index: number, opinion: Opinion) => void,
  ): Promise<Opinion[]>;
  /** For the manifest; absent for phrases. */
  readonly facts?: () => JudgeFacts;
  /** The longest text that it reads. */
  readonly maxTokens?: number;
  /**
   * Of one that is asked somewhere else: what it took since this was asked, and the recipe key that can mend its fault.
   */
  readonly remote?: { readonly take: () => JudgeUsage; readonly place: () => string };
  dispose(): Promise<void>;
}
