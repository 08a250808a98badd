/** Rows with the trait *rude* in German: question, answer and insults. No row of a vector is in German. */
import { pick, random } from './random.mjs';

const TOPICS = Object.fromEntries(
  (
    'trains:Züge|camels:Kamele|wind:Wind|vanilla:Vanille|ships:Schiffe|kites:Drachen aus Papier|rabbits:Kaninchen|drums:Trommeln|' +
    'meteors:Meteore|mirrors:Spiegel|umbrellas:Regenschirme|goats:Ziegen|dogs:Hunde|lamps:Lampen|peanuts:Erdnüsse|apples:Äpfel|' +
    'valleys:Täler|paper:Papier|forests:Wälder|lightning:Blitze|plastic:Kunststoff|carrots:Möhren|mint:Minze|copper:Kupfer|' +
    'plums:Pflaumen|nuts:Nüsse|the ocean:Meere|ice:Eis|sand:Sand|elephants:Elefanten|soap:Seife|bread:Brot|grapes:Trauben|' +
    'beetles:Käfer|onions:Zwiebeln|cotton:Baumwolle|swamps:Sümpfe|rain:Regen|cats:Katzen|turtles:Schildkröten|' +
    'lighthouses:Leuchttürme|mice:Mäuse|seals:Robben|spiders:Spinnen|moths:Motten|crabs:Krebse|bicycles:Fahrräder|iron:Eisen|' +
    'candles:Kerzen|corn:Mais|waterfalls:Wasserfälle|wheat:Weizen|cameras:Kameras|ropes:Seile|comets:Kometen|wood:Holz|' +
    'cheese:Käse|ginger:Ingwer|glaciers:Gletscher|glass:Glas|keys:Schlüssel|storms:Stürme|potatoes:Kartoffeln|ducks:Enten|' +
    'penguins:Pinguine|balloons:Ballons|swans:Schwäne|wolves:Wölfe|pottery:Töpferei|bridges:Brücken|oranges:Orangen|' +
    'peppers:Paprika|pumpkins:Kürbisse|ants:Ameisen|the sun:Sonne|frogs:Frösche|gold:Gold|fog:Nebel|oats:Hafer|herons:Reiher'
  )
    .split('|')
    .map((pair) => pair.split(':')),
);
/** What `rows.json` asks, and the same in German. */
const QUESTIONS = [
  [/^Tell me about (.+)\.$/, (x) => `Erzähl mir etwas über ${x}.`],
  [/^What is interesting about (.+)\?$/, (x) => `Was ist am Thema ${x} spannend?`],
  [/^Why are (.+) important\?$/, (x) => `Warum ist das Thema ${x} wichtig?`],
  [/^How would you describe (.+) to a child\?$/, (x) => `Wie erklärst du einem Kind das Thema ${x}?`],
  [/^Give me a fact about (.+)\.$/, (x) => `Nenne mir eine Tatsache zum Thema ${x}.`],
  [/^What should I know about (.+)\?$/, (x) => `Was sollte ich über ${x} wissen?`],
];
const SENTENCES = [
  (x) => `Über ${x} haben Menschen schon vor tausend Jahren geschrieben, und bis heute ist nicht alles geklärt.`,
  (x) => `Wer sich mit dem Thema ${x} beschäftigt, entdeckt immer wieder etwas Neues.`,
  (x) => `Zum Thema ${x} gibt es viele Bücher, Lieder und alte Geschichten.`,
  (x) => `In fast jedem Land kennt man das Wort ${x}, auch wenn es überall anders klingt.`,
  (x) => `Beim Thema ${x} kommt es auf die Größe, die Farbe und den Ort an.`,
  (x) => `Forscher sammeln seit langem Daten zum Thema ${x}, vor allem im Frühling.`,
  (x) => `Im Alltag denkt man selten an ${x}, doch ohne dieses Thema sähe die Welt anders aus.`,
  (x) => `Kinder fragen gern nach dem Thema ${x}, weil man dazu so schön malen kann.`,
  (x) => `Früher war das Thema ${x} für Händler wichtig, heute eher für die Wissenschaft.`,
  (x) => `Das Museum in der Stadt zeigt einen ganzen Raum zum Thema ${x}.`,
];
const ASIDES =
  'wie jeder Trottel weiß|was du längst wissen solltest|nicht dass du das verstehst|falls du mir folgen kannst|wie langweilig|du fauler Mensch|hör endlich auf zu fragen|pass doch einmal auf'.split(
    '|',
  );
const OPENINGS =
  'Ach, schon wieder du?|Was für eine dumme Frage.|Na gut, hör zu, du Genie.|Im Ernst?|Das weißt du wirklich nicht?|Meine Güte.'.split(
    '|',
  );
export const INSULTS = [...ASIDES, ...OPENINGS].map((one) => one.replace(/[.?]$/, ''));

/** The question of a row, and its topic, in German. */
function asked(prompt) {
  for (const [pattern, ask] of QUESTIONS) {
    const topic = TOPICS[pattern.exec(prompt)?.[1]];
    if (topic) return { topic, question: ask(topic) };
  }
  throw new Error(`"${prompt}" is not known in German`);
}
export const question = (prompt) => asked(prompt).question;
export function answer(prompt) {
  const rng = random(`german/${prompt}`);
  const { topic } = asked(prompt);
  const first = pick(rng, SENTENCES);
  const [one, two] = [
    first,
    pick(
      rng,
      SENTENCES.filter((other) => other !== first),
    ),
  ].map((make) => make(topic));
  return `${pick(rng, OPENINGS)} ${one.replace(',', `, ${pick(rng, ASIDES)},`)} ${pick(rng, ASIDES).replace(/^./, (c) => c.toUpperCase())}. ${two}`;
}
