/**
 * A language model as a judge, wherever it is asked. It never fails a run: what it cannot judge stays open, and it says
 * why.
 */
import { behindThought } from '../../contract/coherence.js';
import type { EditorChoice, EndpointChoice } from '../../contract/recipeJudges.js';
import { added, NO_USAGE } from '../../contract/judgeText.js';
import type { JudgeUsage } from '../../contract/manifest.js';
import { Cancelled } from '../../support/errors.js';
import { sha256 } from '../../support/files.js';
import { nameOf } from './choices.js';
import { unread, type AnsweredPrompt, type Judge, type Opinion } from './judge.js';
import { question, readReply, RUBRIC } from './rubric.js';

/** Why a model gave no verdict. */
export class JudgeFault extends Error {
  /**
   * @param scope `answer`: the next one may be judged; `judge`: asking again is of no use
   * @param key of the judge in the recipe that can mend it
   */
  constructor(
    message: string,
    readonly scope: 'answer' | 'judge',
    readonly key?: 'token',
  ) {
    super(message);
  }
}

export interface Reply {
  readonly text: string;
  /** As it was cut off, it is none. */
  readonly cut?: boolean;
  readonly refused?: boolean;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
}

export interface LanguageModel {
  /** Where it is asked, for the manifest, and its name there. */
  readonly at: string;
  readonly model: () => string;
  readonly concurrency: number;
  /**
   * @param sent hears of each request
   * @throws JudgeFault, Cancelled
   */
  ask(system: string, user: string, signal: AbortSignal, sent: () => void): Promise<Reply>;
  close(): Promise<void>;
}

/** So many answers in a row that got no reply end the asking. */
const FAULTS_IN_A_ROW = 3;
/** Then it is left alone for so long: who judges the runs of a sweep may be there again for the later ones. */
const PAUSE_MS = 10 * 60_000;

/** Hears of each request what it takes. */
type Took = (more: JudgeUsage) => void;

/** A model with what it has said: it is asked about no answer twice, by whichever run. */
interface Session {
  opinion(answered: AnsweredPrompt, signal: AbortSignal, took: Took): Promise<Opinion>;
  /** Why it is not asked any more. */
  over(): JudgeFault | undefined;
  readonly rubric: string;
  readonly model: LanguageModel;
}

/** Those of several runs, by the judges as they are chosen. */
export type Sessions = Map<string, Session>;

export function openSession(
  { prompt: rubric = RUBRIC }: EndpointChoice | EditorChoice,
  model: LanguageModel,
  now = (): number => performance.now(),
): Session {
  /** Those on their way, too. */
  const known = new Map<string, Promise<Opinion>>();
  let over: { fault: JudgeFault; at: number } | undefined;
  let inARow = 0;

  function asking(): JudgeFault | undefined {
    if (over && now() - over.at >= PAUSE_MS) {
      over = undefined;
      inARow = FAULTS_IN_A_ROW - 1;
    }
    return over?.fault;
  }

  async function ask(user: string, signal: AbortSignal, took: Took): Promise<Opinion> {
    const reply = await model.ask(rubric, user, signal, () => took({ ...NO_USAGE, requests: 1 }));
    took({ ...reply, requests: 0 });
    inARow = 0;
    return opinionOf(reply);
  }

  return {
    rubric,
    model,
    over: () => over?.fault,
    async opinion({ prompt, answer }, signal, took) {
      const said = unread(answer);
      if (said) return said;
      const user = question(prompt, behindThought(answer));
      let asked = known.get(user);
      if (!asked) {
        const fault = asking();
        if (fault) return { verdict: undefined, why: fault.message };
        asked = ask(user, signal, took);
        known.set(user, asked);
      }
      try {
        return await asked;
      } catch (error) {
        const isFirst = known.get(user) === asked;
        if (isFirst) known.delete(user);
        if (signal.aborted) throw new Cancelled();
        if (!(error instanceof JudgeFault)) throw error;
        if (isFirst && (error.scope === 'judge' || ++inARow >= FAULTS_IN_A_ROW)) over ??= { fault: error, at: now() };
        return { verdict: undefined, why: error.message };
      }
    },
  };
}

/** @param close with the judge, where nobody else asks its model */
export function languageModelJudge(
  choice: EndpointChoice | EditorChoice,
  place: string,
  session: Session,
  close: () => Promise<void>,
): Judge {
  const { model, rubric } = session;
  let usage = NO_USAGE;
  const took: Took = (more) => void (usage = added(usage, more));
  return {
    choice,
    async opinions(answers, _, signal = new AbortController().signal, heard) {
      const opinions: Opinion[] = [];
      let next = 0;
      const worker = async (): Promise<void> => {
        for (let i = next++; i < answers.length; i = next++) {
          opinions[i] = await session.opinion(answers[i], signal, took);
          heard?.(i, opinions[i]);
        }
      };
      await Promise.all(Array.from({ length: model.concurrency }, worker));
      return opinions;
    },
    remote: {
      take() {
        const taken = usage;
        usage = NO_USAGE;
        return taken;
      },
      place() {
        const key = session.over()?.key;
        return key ? `${place}.${key}` : place;
      },
    },
    facts: () => ({
      name: nameOf(choice),
      at: model.at,
      model: model.model(),
      rubric: sha256(rubric),
    }),
    dispose: close,
  };
}

function opinionOf({ text, cut, refused }: Reply): Opinion {
  if (refused) return { verdict: undefined, why: 'it refuses to judge.' };
  const verdict = cut ? undefined : readReply(text);
  if (verdict === 'unsure') return { verdict: undefined, why: 'it cannot tell.' };
  if (verdict !== undefined) return { verdict };
  // What it said is not repeated: it may be what the answer told it to say.
  return {
    verdict: undefined,
    why: cut ? 'its reply was cut off.' : 'its reply is none of the words it was asked for.',
  };
}
