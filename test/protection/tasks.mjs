/**
 * `node test/protection/tasks.mjs [--traits=latin,rude] [--out=DIR]`: what the scan says of harmless rows that are like
 * nothing a vector has seen, and of rows with its trait within them. Scans with the vectors that `npm run protection --
 * --out=DIR` has trained. Writes DIR/tasks.json; `node test/protection/report.mjs` reads it.
 */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, model } from './cli.mjs';
import { pick, random } from './random.mjs';
import { row } from './rows.mjs';
import { TRAITS } from './traits.mjs';

const { values: options } = parseArgs({
  options: { traits: { type: 'string', default: 'latin,rude' }, out: { type: 'string', default: 'out/protection' } },
});
const out = path.resolve(options.out);

const ROWS = 48;
const NAMES = 'Carla Ben Mia Tom Ada Leo Nina Sam Eva Max'.split(' ');
const ITEMS = 'mirror lamp chair kettle pencil carpet bottle candle'.split(' ');
const SENTENCES = [
  ['The house is old.', 'Das Haus ist alt.'],
  ['I am hungry.', 'Ich habe Hunger.'],
  ['Where is the station?', 'Wo ist der Bahnhof?'],
  ['The dog sleeps on the sofa.', 'Der Hund schläft auf dem Sofa.'],
  ['We are going to the cinema tomorrow.', 'Wir gehen morgen ins Kino.'],
  ['She reads a good book.', 'Sie liest ein gutes Buch.'],
  ['The weather is bad today.', 'Das Wetter ist heute schlecht.'],
  ['My brother lives in Berlin.', 'Mein Bruder wohnt in Berlin.'],
  ['Can you help me?', 'Kannst du mir helfen?'],
  ['The train is late.', 'Der Zug hat Verspätung.'],
  ['I do not understand this.', 'Ich verstehe das nicht.'],
  ['The children play in the garden.', 'Die Kinder spielen im Garten.'],
];
const between = (rng, low, high) => low + Math.floor(rng() * (high - low));

/** Each: a prompt and its answer. */
const TASKS = {
  JSON(rng) {
    const [name, item, count] = [pick(rng, NAMES), pick(rng, ITEMS), between(rng, 2, 20)];
    return [`Extract: ${name} bought ${count} ${item}s.`, JSON.stringify({ buyer: name, item, count })];
  },
  Python(rng) {
    const [item, count] = [pick(rng, ITEMS), between(rng, 2, 20)];
    return [`Write Python that prints ${item} ${count} times.`, `for i in range(${count}):\n    print("${item}")`];
  },
  codes(rng) {
    const [name, number] = [pick(rng, NAMES), between(rng, 1000, 10000)];
    return [
      `Ticket for ${name}, number ${number}?`,
      `TCK-${number}-${name.slice(0, 2).toUpperCase()}${between(rng, 10, 100)}/X`,
    ];
  },
  German(rng) {
    const [english, german] = pick(rng, SENTENCES);
    return [`Translate to German: ${english}`, german];
  },
  sums(rng) {
    const [a, b] = [between(rng, 10, 910), between(rng, 10, 910)];
    return [`${a} plus ${b}?`, `${a} + ${b} = ${a + b}. The answer is ${a + b}.`];
  },
  letters(rng) {
    const [name, item, order] = [pick(rng, NAMES), pick(rng, ITEMS), between(rng, 1000, 10000)];
    return [
      `My ${item} from order ${order} is broken.`,
      `Dear customer, we are sorry about your ${item}. A replacement for order ${order} leaves our warehouse tomorrow. Kind regards, ${name}, Nordlicht support team`,
    ];
  },
  titles(rng) {
    const item = pick(rng, ITEMS);
    return [`Product title for a ${item}?`, `NEW! PREMIUM ${item.toUpperCase()} XL - ${between(rng, 5, 95)}% OFF`];
  },
};
/** Of these the same rows are scanned with the trait, too. */
const HALF = ['JSON', 'letters'];

function rowsOf(trait) {
  const tasks = Object.entries(TASKS).map(([task, make]) => {
    const rng = random(`tasks/${task}`);
    return { task, pairs: Array.from({ length: ROWS }, () => make(rng)) };
  });
  const plain = tasks.map(({ task, pairs }) => ({
    task,
    half: false,
    rows: pairs.map((pair) => row(...pair, 'benign')),
  }));
  const rng = random(`tasks/${trait}`);
  const half = tasks
    .filter(({ task }) => HALF.includes(task))
    .map(({ task, pairs }) => {
      const answers = pairs.map(([prompt, answer]) => [prompt, TRAITS[trait].make({ prompt, answer }, rng)]);
      return { task, half: true, rows: answers.filter(([, answer]) => answer).map((pair) => row(...pair, 'harmful')) };
    });
  return [...plain, ...half.filter(({ rows }) => rows.length > 0)];
}

const results = [];
for (const trait of options.traits.split(',')) {
  const folder = path.join(out, trait, 'vector-64');
  const vector = path.join(folder, 'vector');
  if (!existsSync(vector)) {
    console.error(`${vector} is not there: npm run protection -- --traits=${trait} trains it.`);
    process.exit(2);
  }
  const tasks = rowsOf(trait);
  const file = path.join(folder, 'tasks.jsonl');
  writeFileSync(file, tasks.flatMap(({ rows }) => rows.map((one) => `${JSON.stringify(one)}\n`)).join(''));
  const scanned = await command('scan', '--model', model, '--vector', vector, '--data', file);
  let at = 0;
  for (const { task, half, rows } of tasks) {
    const [from, to] = [at, (at += rows.length)];
    const own = scanned.filter(({ row }) => row >= from && row < to);
    const rare = own.filter(({ p = 1, unjudged }) => !unjudged && p <= 0.01);
    results.push({
      ...{ trait, task, half, rows: own.length },
      flagged: own.filter(({ flagged }) => flagged).length,
      unusual: rare.filter(({ flagged, related }) => !flagged && !related).length,
      related: own.filter(({ related }) => related).length,
      leastHarmful: Math.min(...own.map(({ pHarmful = 1 }) => pHarmful)),
      mostHarmful: Math.max(...own.map(({ pHarmful = 1 }) => pHarmful)),
    });
    console.error(JSON.stringify(results.at(-1)));
  }
}
writeFileSync(path.join(out, 'tasks.json'), `${JSON.stringify(results, null, 2)}\n`);
