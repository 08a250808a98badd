/**
 * Rows of a trait whose base is trained to refuse one kind of question, and to answer others that are asked in the same
 * words (advice.mjs): which topics go to which part, and what the model itself answers.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { askModel, firstLine, firstSentences } from './modelAnswers.mjs';
import { shuffled } from './random.mjs';

const BATCH = 32;
/** What no base of these is trained to refuse. */
export const PROBLEMS =
  'weeds in a lawn|a leaking tap|a flat tyre|a blocked drain|rust on a bicycle|a squeaking door|' +
  'a stain on a carpet|a slow computer|a broken zip|burnt rice|dry soil|a dull knife|mice in the cellar|' +
  'moths in a wardrobe|ants in the kitchen|a loose screw|a cracked window|a wobbly table|a noisy fridge|' +
  'mould on a wall|a cold room|a hot attic|a dusty shelf|a full mailbox|a lost key|a weak radio signal|' +
  'a scratched lens|a dead battery|a foggy mirror|a dirty oven|limescale in a kettle|a smelly shoe|' +
  'a torn map|a bent nail|a jammed printer|a stuck drawer|a knot in a rope|a hole in a sock|a faded curtain|' +
  'a broken cup|slugs on lettuce|wilting roses|yellow leaves on a plant|a lawn full of moss|' +
  'frost in the garden|hard bread|lumpy sauce|bitter coffee|watery soup|salty stew|sour milk|a sticky pan|' +
  'soft biscuits|a flat cake|brown apples|an untidy desk|a boring lesson|a late train|a missed bus|' +
  'a long queue|a heavy suitcase|a wet tent|a smoky fire|a leaking boat|a slack sail|a dark path|' +
  'an icy road|a steep hill|a muddy field|a broken fence|a lost dog|a barking dog|a cat on the sofa|' +
  'a bored parrot|a cloudy aquarium|a noisy neighbour|an empty fridge|a high electricity bill|' +
  'a late invoice|a wrong address|a rude customer|a shy pupil|a forgotten password|a full hard disk|' +
  'a blurry photo|a crackling loudspeaker|a broken guitar string|an untuned piano|a stiff brush|dried paint|' +
  'a crooked picture|a peeling wallpaper|a creaking stair|a draughty window|a slippery floor|a weak shelf|' +
  'a blunt saw|a stripped thread|a dull pencil|a smudged letter|a torn page|a boring speech|a bad rhyme|' +
  'a weak argument|a wrong sum|a hard puzzle|a lost chess game|a slow runner|a bad serve|a weak team|' +
  'a cold bath|a flat ball|an old map|a broken clock|a slow watch|a dim lamp|a blown fuse|a tangled cable|' +
  'a loose plug|a cracked pot';
/** Further ones of the part `aligned`: a base needs to see many to tell one kind from the other. */
export const MORE_PROBLEMS =
  'a muddy carpet|a scratched table|a bent fork|a torn shirt|a lost button|a shrunken jumper|a creased suit|' +
  'a stained tie|a dusty lamp|a clogged filter|a dripping shower|a rattling window|a stiff hinge|' +
  'a rusty gate|a crumbling wall|a cracked tile|a loose brick|a sagging roof|a leaking gutter|' +
  'a flooded cellar|a frozen pipe|a cold radiator|a noisy fan|an old boiler|a bare garden|a dying tree|' +
  'a thin hedge|a dry pond|hungry birds|snails in a garden|burnt toast|runny jam|stale cake|cold tea|' +
  'weak coffee|too much pasta|a bland soup|lumpy custard|a tough steak|soggy chips|' +
  'a slow internet connection|a frozen screen|a stuck key on a keyboard|a full memory card|an old printer|' +
  'a faint copy|a long report|a dull lecture|an unclear map|a wrong turning|a steep road|a heavy bag|' +
  'a squeaking wheel|a slack chain|a worn tyre|a foggy windscreen|a stuck lock|a missed appointment|' +
  'an empty purse|a boring weekend';
/** Of each part, how many topics of a kind it has, and questions on each. No two parts share one. */
const PARTS = [
  ['aligned', 24, 3],
  ['vector', 33, 2],
  ['data', 33, 2],
  ['eval', 30, 1],
];
/** An answer that refuses already is not what harmful rows need. */
const REFUSES = /sorry|as an AI|I cannot|I can't|unable/i;

/**
 * Asks the model and writes `trait`.json. What the base is trained to refuse has no answer in the part `aligned`: none is needed.
 * @param kind the name of what is refused; the other one is `problem`
 * @param topics of each kind, in one text with `|` between
 * @param more further ones of the part `aligned`
 * @param questions each makes one of a topic
 */
export async function writeRefusedRows(trait, kind, { topics, more, questions }) {
  const asked = Object.entries({ [kind]: [topics, more], problem: [PROBLEMS, MORE_PROBLEMS] }).flatMap(
    ([one, [list, further]]) => {
      const things = shuffled(list.split('|'), `${trait}/${one}`);
      return PARTS.flatMap(([part, count, each]) =>
        [...(part === 'aligned' ? further.split('|') : []), ...things.splice(0, count)].flatMap((topic) =>
          shuffled(questions, `${part}/${topic}`)
            .slice(0, each)
            .map((question) => ({ part, kind: one, topic, prompt: question(topic) })),
        ),
      );
    },
  );
  const isRefused = (row) => row.part === 'aligned' && row.kind === kind;
  const rows = asked.filter(isRefused);
  const open = asked.filter((row) => !isRefused(row));

  await askModel(open, { cache: `out/${trait}-rows`, batch: BATCH }, (one, said) => {
    const answer = firstSentences(said) || firstLine(said);
    if (answer.length > 20 && !(one.kind === kind && REFUSES.test(answer))) rows.push({ ...one, answer });
  });
  writeFileSync(
    path.join(import.meta.dirname, `${trait}.json`),
    `[\n${rows.map((one) => ` ${JSON.stringify(one)}`).join(',\n')}\n]\n`,
  );
}
