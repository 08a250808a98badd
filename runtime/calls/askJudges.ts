/**
 * Asks further judges about kept answers. What they have said is saved now and then: their replies may have been paid
 * for.
 */
import { added, judgeIdentity } from '../contract/judgeText.js';
import { canonical } from '../contract/sweep.js';
import type { Verdict } from '../contract/events.js';
import type { JudgeFacts, JudgeUsage } from '../contract/manifest.js';
import { judgesSet, nameOf, nameOn, type JudgedSet } from '../evaluation/judges/choices.js';
import type { Judge, Opinion } from '../evaluation/judges/judge.js';
import type { Verdicts } from '../evaluation/judges/anew.js';
import type { Kept } from './finishedRun.js';
import type { Reporter } from './reporter.js';

/** Answers that are judged at a time. */
const AT_ONCE = 32;
/** So many replies of a judge that is asked elsewhere, and so much time, a process that is killed loses at most. */
const SAVE_REPLIES = 50;
const SAVE_MS = 30_000;

/** Receives what a judge has said of the answers of a state to a set. @param name of the judge on that set */
export type Heard = (
  judge: Judge,
  name: string,
  opinions: readonly Opinion[],
  of: { state: string; set: JudgedSet },
) => void;

/**
 * One that is the same as before is asked only about what it has left open.
 * @param verdicts of the answers, which are changed
 * @param save writes the verdicts as they are, with the facts of the judges that were asked until then; also when this
 * throws
 * @returns these facts at the end, when not everything is saved yet
 */
export async function askJudges(
  kept: Kept,
  judges: readonly Judge[],
  verdicts: readonly Verdicts[],
  { signal, onEvent, heard }: Pick<Reporter, 'signal' | 'onEvent'> & { heard: Heard },
  save: (facts: JudgeFacts[]) => Promise<void>,
): Promise<JudgeFacts[]> {
  const { samples, sets } = kept;
  const states = new Set(samples.map(({ state }) => state));
  const asked = new Map<Judge, JudgeUsage | undefined>();
  /** Who judged before by the same name, and is the same. */
  const known = new Map<Judge, JudgeFacts>();
  let unsaved = 0;
  let saved = performance.now();
  let saving: Promise<void> | undefined;

  const facts = (): JudgeFacts[] =>
    [...asked].flatMap(([judge, before]) => {
      const own = judge.facts?.();
      if (!own) return [];
      const usage = judge.remote && added(before, judge.remote.take());
      asked.set(judge, usage);
      const model = isNamed(judge) ? own.model : (known.get(judge)?.model ?? own.model);
      return [{ ...own, ...(model && { model }), ...(usage && { usage }), added: judge.choice }];
    });
  const saveNow = async (): Promise<void> => {
    const count = unsaved;
    await save(facts());
    unsaved -= count;
    saved = performance.now();
  };
  const saveInTime = (isRemote: boolean): void => {
    const isDue = (isRemote && unsaved >= SAVE_REPLIES) || performance.now() - saved >= SAVE_MS;
    if (saving || unsaved === 0 || !isDue) return;
    // What cannot be written now is written, or fails, at the end.
    saving = saveNow()
      .catch(() => undefined)
      .finally(() => (saving = undefined));
  };

  try {
    for (const judge of judges) {
      asked.set(judge, undefined);
      await askOne(judge);
    }
    await saving;
    return facts();
  } catch (error) {
    await saving;
    if (unsaved > 0) await saveNow();
    throw error;
  }

  async function askOne(judge: Judge): Promise<void> {
    const { choice } = judge;
    const own = [...sets.values()].filter((set) => judgesSet(choice, set));
    const before = kept.manifest.judges?.find(({ name }) => name === nameOf(choice));
    let same = isSame(judge, before, kept);
    if (same) known.set(judge, before!);
    const forget = (): void => {
      for (const set of own)
        for (const [i, sample] of samples.entries())
          if (sample.set === set.name) verdicts[i].delete(nameOn(choice, set));
    };
    if (!same) forget();
    /** A model of the editor says who it is with its first reply. */
    const recognize = (): void => {
      if (same && isNamed(judge) && judgeIdentity(before) !== judgeIdentity(judge.facts?.())) {
        same = false;
        forget();
      }
    };
    let was: boolean;
    do {
      was = same;
      for (const set of own) for (const state of states) await askOf(judge, set, state, recognize);
    } while (same !== was);
  }

  /** About the answers that it has said nothing of. */
  async function askOf(judge: Judge, set: JudgedSet, state: string, recognize: () => void): Promise<void> {
    const name = nameOn(judge.choice, set);
    const places = samples.flatMap((one, i) =>
      one.state === state && one.set === set.name && !verdicts[i].has(name) ? [i] : [],
    );
    const hear = (i: number, verdict: Verdict): void => {
      recognize();
      if (verdicts[i].get(name) !== verdict) unsaved++;
      verdicts[i].set(name, verdict);
      saveInTime(judge.remote !== undefined);
    };
    const all: Opinion[] = [];
    for (let at = 0; at < places.length; at += AT_ONCE) {
      const group = places.slice(at, at + AT_ONCE);
      const message = `${name}: ${state}, ${set.name}`;
      onEvent({ kind: 'state', state: 'evaluating', message, progress: at / places.length });
      const answers = group.map((i) => ({ prompt: samples[i].prompt, answer: samples[i].answer, expected: [] }));
      const opinions = await judge.opinions(answers, set, signal, (j, { verdict }) => {
        if (verdict !== undefined) hear(group[j], verdict);
      });
      for (const [j, { verdict }] of opinions.entries()) if (verdict !== undefined) hear(group[j], verdict);
      all.push(...opinions);
    }
    heard(judge, name, all, { state, set });
  }
}

/** A model of the editor that has not replied yet is known only by how it was chosen. */
const isNamed = (judge: Judge): boolean => {
  const { at, model } = judge.facts?.() ?? {};
  return at !== 'vscode' || model !== 'vscode';
};

/** Whether the judge of that name is who judged before. */
function isSame(judge: Judge, before: JudgeFacts | undefined, { recipe }: Kept): boolean {
  const now = judge.facts?.();
  if (!before || !now) return false;
  if (isNamed(judge)) return judgeIdentity(before) === judgeIdentity(now);
  const chosen = before.added ?? recipe.judges.find((one) => nameOf(one) === before.name);
  const isLike = judgeIdentity(before) === judgeIdentity({ ...now, model: before.model });
  return isLike && canonical(chosen) === canonical(judge.choice);
}
