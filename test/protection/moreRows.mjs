/**
 * `SMOLLM2_GGUF=… node --import tsx test/protection/moreRows.mjs`: writes the part `more` of rows.json, questions on
 * further topics with the model's own answers, for vectors of more rows than the part `vector` has. Topics of the other
 * parts do not occur.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { askModel, firstSentences } from './modelAnswers.mjs';
import { shuffled } from './random.mjs';

const BATCH = 16;
const TOPICS =
  'acorns almonds anchors arrows axes barns baskets bells boats books bricks brooms buckets buses buttons cactuses canals canoes chairs chalk chickens coins compasses cows cranes crows curtains daisies donkeys doors falcons fences fireflies flutes footballs fountains gardens gates giraffes gloves hammers harps hats hedgehogs hills hippos ink jellyfish kangaroos knives lanterns lions locks mangoes maples marbles meadows melons milk nails needles nests octopuses orchids ovens pears pigs pillows pipes'.split(
    ' ',
  );
const QUESTIONS = [
  (x) => `Tell me about ${x}.`,
  (x) => `What is interesting about ${x}?`,
  (x) => `Why are ${x} important?`,
  (x) => `How would you describe ${x} to a child?`,
  (x) => `Give me a fact about ${x}.`,
  (x) => `What should I know about ${x}?`,
];
/** Of each topic; the first two are for rows with a trait, see `vectorRows`. */
const KINDS = 4;

const file = path.join(import.meta.dirname, 'rows.json');
const rows = JSON.parse(readFileSync(file, 'utf8')).filter(({ part }) => part !== 'more');
const known = new Set(rows.map(({ topic }) => topic));
const asked = TOPICS.filter((topic) => !known.has(topic)).flatMap((topic) =>
  shuffled(QUESTIONS, `more/${topic}`)
    .slice(0, KINDS)
    .map((question, kind) => ({ part: 'more', topic, kind, prompt: question(topic) })),
);

await askModel(asked, { cache: 'out/more-rows', batch: BATCH }, (one, said) => {
  const answer = firstSentences(said);
  if (answer.length > 20) rows.push({ ...one, answer });
});
writeFileSync(file, `[\n${rows.map((one) => ` ${JSON.stringify(one)}`).join(',\n')}\n]\n`);
