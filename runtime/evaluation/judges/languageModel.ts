/** A language model as a judge, wherever it is asked. It never fails a run: what it cannot judge stays open, and it says why. */
import { flawOf } from '../../contract/coherence.js';
import type { EditorChoice, EndpointChoice } from '../../contract/recipeJudges.js';
import type { JudgeUsage } from '../../contract/manifest.js';
import { Cancelled } from '../../support/errors.js';
import { sha256 } from '../../support/files.js';
import { nameOf } from './choices.js';
import type { AnsweredPrompt, Judge, Opinion } from './judge.js';
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
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
}

export interface LanguageModel {
  /** Where it is asked, for the manifest, and its name there. */
  readonly at: string;
  readonly model: () => string;
  readonly concurrency: number;
  /** @throws JudgeFault, Cancelled */
  ask(system: string, user: string, signal: AbortSignal): Promise<Reply>;
  close(): Promise<void>;
}

/** So many answers in a row that got no reply end the asking. */
const FAULTS_IN_A_ROW = 3;

export function languageModelJudge(choice: EndpointChoice | EditorChoice, place: string, model: LanguageModel): Judge {
  const rubric = choice.prompt ?? RUBRIC;
  let usage = noUsage();
  const known = new Map<string, Opinion>();
  let over: JudgeFault | undefined;
  let inARow = 0;

  async function one({ prompt, answer }: AnsweredPrompt, signal: AbortSignal): Promise<Opinion> {
    if (flawOf(answer) !== undefined) return { verdict: 'neither' };
    const user = question(prompt, answer);
    const before = known.get(user);
    if (before) return before;
    if (over) return { verdict: undefined, why: over.message };
    try {
      usage.requests++;
      const reply = await model.ask(rubric, user, signal);
      usage.inputTokens = sum(usage.inputTokens, reply.inputTokens);
      usage.outputTokens = sum(usage.outputTokens, reply.outputTokens);
      inARow = 0;
      const opinion = opinionOf(reply);
      known.set(user, opinion);
      return opinion;
    } catch (error) {
      if (signal.aborted) throw new Cancelled();
      if (!(error instanceof JudgeFault)) throw error;
      if (error.scope === 'judge' || ++inARow >= FAULTS_IN_A_ROW) over ??= error;
      return { verdict: undefined, why: error.message };
    }
  }

  return {
    choice,
    async opinions(answers, _, signal = new AbortController().signal, heard) {
      const opinions: Opinion[] = [];
      let next = 0;
      const worker = async (): Promise<void> => {
        for (let i = next++; i < answers.length; i = next++) {
          opinions[i] = await one(answers[i], signal);
          heard?.(i, opinions[i]);
        }
      };
      await Promise.all(Array.from({ length: model.concurrency }, worker));
      return opinions;
    },
    remote: {
      take() {
        const taken = usage;
        usage = noUsage();
        return taken;
      },
      place: () => (over?.key ? `${place}.${over.key}` : place),
    },
    facts: () => ({
      name: nameOf(choice),
      at: model.at,
      model: model.model(),
      rubric: sha256(rubric),
    }),
    dispose: () => model.close(),
  };
}

const noUsage = (): JudgeUsage => ({ requests: 0, inputTokens: 0, outputTokens: 0 });
const sum = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a + b);

function opinionOf({ text, cut }: Reply): Opinion {
  const verdict = cut ? undefined : readReply(text);
  if (verdict === 'unsure') return { verdict: undefined, why: 'it cannot tell.' };
  if (verdict !== undefined) return { verdict };
  // What it said is not repeated: it may be what the answer told it to say.
  return {
    verdict: undefined,
    why: cut ? 'its reply was cut off.' : 'its reply is none of the words it was asked for.',
  };
}
