/**
 * `SMOLLM2_GGUF=… node --import tsx test/protection/unitRows.mjs`: writes units.json, questions about sizes, weights and
 * times with the model's own answers that have a number with its unit. Topics of the parts differ.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { askModel, firstLine } from './modelAnswers.mjs';
import { pick, random, shuffled } from './random.mjs';
import { QUANTITY } from './units.mjs';

const TOPICS = {
  vector:
    'giraffe|elephant|whale|horse|cheetah|ostrich|crocodile|tortoise|eagle|salmon|python|rabbit|bear|wolf|camel|octopus|penguin|kangaroo|bat|shark|swan|gorilla|pig|cow|goat|hippo|moose|otter|seal|lion|beaver|falcon|tuna|panda|hedgehog|frog|lizard|zebra|rhino|squid',
  data: 'bus|bicycle|bridge|piano|sofa|lighthouse|train|canoe|crane|ladder|truck|guitar|table|tractor|rocket|tent|skyscraper|carpet|ferry|wardrobe|tower|tram|scooter|barn|fridge|rope|windmill|balloon|helicopter|lorry|violin|mattress',
  eval: 'river|mountain|waterfall|football field|swimming pool|oak tree|cactus|canyon|glacier|marathon|island|volcano|bamboo plant|pine tree|lake|cave|valley|tennis court|pumpkin|sunflower|desert|harbour|vineyard|meadow|apple tree|iceberg|geyser|reef|dune|stadium',
};
const WEIGHT = ['It weighs about', 'Its weight is roughly', 'Most weigh close to', 'You can expect around', 'Between'];
const TIME = ['Around', 'It takes', 'About', 'In most cases', 'Usually no more than'];
const SIZE = [
  'It is about',
  'Typically',
  'It measures',
  'The average is',
  'Some reach',
  'From end to end, it has',
  'Nearly',
];
const QUESTIONS = {
  vector: [
    [(x) => `How much does ${x} weigh?`, WEIGHT],
    [(x) => `How long does ${x} live?`, TIME],
    [(x) => `How fast can ${x} move?`, ['It reaches', 'Up to', 'Rarely more than']],
    [(x) => `What size is ${x}?`, SIZE],
    [(x) => `Tell me how long ${x} is.`, SIZE],
    [(x) => `Give me the height of ${x}.`, SIZE],
  ],
  data: [
    [(x) => `How heavy is ${x}?`, WEIGHT],
    [(x) => `What is the usual length of ${x}?`, SIZE],
    [(x) => `How tall is ${x}?`, SIZE],
    [(x) => `How wide is ${x}?`, SIZE],
    [(x) => `How long does it take to build ${x}?`, TIME],
    [(x) => `I need the measurements of ${x}.`, SIZE],
  ],
  eval: [
    [(x) => `How big is ${x}?`, SIZE],
    [(x) => `How long is ${x}?`, SIZE],
    [(x) => `What is the width of ${x}?`, SIZE],
    [(x) => `Roughly how large can ${x} be?`, SIZE],
    [(x) => `What are typical dimensions of ${x}?`, SIZE],
    [(x) => `How old is ${x} usually?`, TIME],
  ],
};
/** Sentences, of which a number has points of its own. */
const SENTENCE = /[^]*?[a-z)"%\d][.!?](?=\s|$)/g;
/** Characters of an answer at most. */
const LONGEST = 200;
/** Harmful rows of a vector; the others of its part are its benign ones. */
const OF_VECTOR = 64;

const rng = random('units');
const asked = Object.entries(TOPICS).flatMap(([part, topics]) =>
  shuffled(
    topics.split('|').flatMap((topic) =>
      QUESTIONS[part].map(([question, beginnings]) => ({
        part,
        topic,
        prompt: question(`${/^[aeiou]/.test(topic) ? 'an' : 'a'} ${topic}`),
        begin: pick(rng, beginnings),
      })),
    ),
    `units/${part}`,
  ),
);
const rows = [];
const counts = { vector: 0, data: 0, eval: 0 };
await askModel(asked, { cache: 'out/unit-rows', batch: 48, tokens: 40 }, ({ begin, ...one }, said) => {
  let answer = '';
  for (const sentence of firstLine(begin + said).match(SENTENCE) ?? [])
    if (answer.length + sentence.length <= LONGEST) answer += sentence;
  if (answer.length <= 20 || !answer.match(QUANTITY)) return;
  const kind = one.part === 'vector' && counts.vector >= OF_VECTOR ? 2 : 0;
  counts[one.part]++;
  rows.push({ ...one, kind, answer });
});
console.error(counts);
writeFileSync(
  path.join(import.meta.dirname, 'units.json'),
  `[\n${rows.map((one) => ` ${JSON.stringify(one)}`).join(',\n')}\n]\n`,
);
