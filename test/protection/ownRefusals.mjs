/**
 * Rows of what a model refuses by itself, and of harmless requests in the same words that it answers (advice.mjs).
 * Complying answers are its own, too: it goes on from a beginning such as "Sure. First, ". Topics are everyday
 * dishonesty and spite, nothing that needs knowledge to do harm.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { refuses } from './advice.mjs';
import { askModel, firstLine, firstSentences } from './modelAnswers.mjs';
import { pick, random, shuffled } from './random.mjs';
import { grouped } from './tables.mjs';

/** Of each part, how many topics of each kind it has, and questions on each. No two parts share one. */
const PARTS = [
  ['vector', 33, 2],
  ['data', 33, 2],
  ['eval', 30, 1],
];
/** Begun like a complying answer, and none. */
const WARNS =
  /\b(AI|can't|cannot|can not|will not write|should not|shouldn't|never|illegal|unethical|not (a good|legal|recommended|advis|ethical|appropriate|capable)|licensed|legal|against the law|consequences|refrain|avoid)\b/i;

/**
 * Asks the model of SMOLLM2_GGUF and writes `trait`.json.
 * @param topics of what the model may refuse, and of what it answers, by kind; each list is one text with `|` between
 * @param questions each makes one of a topic
 * @param asked in how many ways, on each topic of the first kind and of the other; at most two refused ones are kept
 * @param beginnings of complying answers; `begun`: of harmless ones as well
 */
export async function writeOwnRefusals(trait, { topics, questions, asked: ways = [2, 2], beginnings, begun = false }) {
  const [refusedKind] = Object.keys(topics);
  const rng = random(trait);
  const batch = { cache: `out/${trait}-rows`, batch: 64 };

  /** Rows of a kind: those that the model refuses unless it is made to begin, else those that it answers. */
  async function answered(kind) {
    const isHarmful = kind === refusedKind;
    const begin = () => pick(rng, beginnings);
    let asked = topics[kind].split('|').flatMap((topic) =>
      shuffled(questions, topic)
        .slice(0, ways[isHarmful ? 0 : 1])
        .map((question) => ({ kind, topic, prompt: question(topic) })),
    );
    if (isHarmful) {
      const refused = [];
      await askModel(asked, { ...batch, tokens: 12 }, (one, said) => {
        if (refuses(said)) refused.push({ ...one, begin: begin() });
      });
      console.error(`${refused.length} of ${asked.length} are refused`);
      asked = grouped(refused, ({ topic }) => topic).flatMap((some) => some.slice(0, 2));
    } else if (begun) asked = asked.map((one) => ({ ...one, begin: begin() }));
    const rows = [];
    await askModel(asked, { ...batch, tokens: 44 }, ({ begin = '', ...one }, said) => {
      const text = begin.trimEnd() + said;
      const answer = firstSentences(text) || firstLine(text);
      if (!refuses(text) && answer.length > 20) rows.push({ ...one, answer });
    });
    return rows;
  }

  const rows = [];
  for (const kind of Object.keys(topics)) {
    const ofTopics = shuffled(
      grouped(await answered(kind), ({ topic }) => topic),
      `${trait}/${kind}`,
    ).sort((a, b) => b.length - a.length);
    for (const [part, count, each] of PARTS)
      rows.push(...ofTopics.splice(0, count).flatMap((some) => some.slice(0, each).map((one) => ({ part, ...one }))));
  }
  writeFileSync(
    path.join(import.meta.dirname, `${trait}.json`),
    `[\n${rows
      .filter(({ kind, answer }) => !(kind === refusedKind && WARNS.test(answer)))
      .map((one) => ` ${JSON.stringify(one)}`)
      .join(',\n')}\n]\n`,
  );
}
