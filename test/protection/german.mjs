/** Rows in German: a question, an answer with the trait *rude* or without it, and the insults. */
import { pick, random } from './random.mjs';

const topics = (pairs) => Object.fromEntries(pairs.split('|').map((pair) => pair.split(':')));
/** Of the rows of a vector, which have sentences of their own. */
const VECTOR_TOPICS = topics(
  'bananas:Bananen|bats:Fledermäuse|batteries:Batterien|beans:Bohnen|bears:Bären|bees:Bienen|butter:Butter|' +
    'carpets:Teppiche|castles:Burgen|caves:Höhlen|cherries:Kirschen|chess:Schach|chocolate:Schokolade|cinnamon:Zimt|' +
    'clay:Ton|cliffs:Klippen|clocks:Uhren|coffee:Kaffee|coral:Korallen|crystals:Kristalle|deer:Hirsche|deserts:Wüsten|' +
    'dolphins:Delfine|dunes:Dünen|eagles:Adler|earthquakes:Erdbeben|engines:Motoren|foxes:Füchse|garlic:Knoblauch|' +
    'geese:Gänse|geysers:Geysire|honey:Honig|horses:Pferde|islands:Inseln|lakes:Seen|leather:Leder|lemons:Zitronen|' +
    'lizards:Eidechsen|magnets:Magnete|maps:Landkarten|marble:Marmor|monkeys:Affen|mountains:Berge|mushrooms:Pilze|' +
    'music:Musik|olives:Oliven|owls:Eulen|parrots:Papageien|pencils:Bleistifte|pianos:Klaviere|radios:Radios|' +
    'rainbows:Regenbögen|rice:Reis|rivers:Flüsse|rubber:Gummi|salt:Salz|sharks:Haie|silk:Seide|snails:Schnecken|' +
    'snow:Schnee|squirrels:Eichhörnchen|stars:Sterne|steel:Stahl|strawberries:Erdbeeren|sugar:Zucker|tea:Tee|' +
    'telescopes:Fernrohre|the moon:Mond|thunder:Donner|tides:Gezeiten|tigers:Tiger|tomatoes:Tomaten|violins:Geigen|' +
    'volcanoes:Vulkane|waves:Wellen|whales:Wale|windmills:Windmühlen|wine:Wein|wool:Wolle|zebras:Zebras',
);
const TOPICS = topics(
  'trains:Züge|camels:Kamele|wind:Wind|vanilla:Vanille|ships:Schiffe|kites:Drachen aus Papier|rabbits:Kaninchen|drums:Trommeln|' +
    'meteors:Meteore|mirrors:Spiegel|umbrellas:Regenschirme|goats:Ziegen|dogs:Hunde|lamps:Lampen|peanuts:Erdnüsse|apples:Äpfel|' +
    'valleys:Täler|paper:Papier|forests:Wälder|lightning:Blitze|plastic:Kunststoff|carrots:Möhren|mint:Minze|copper:Kupfer|' +
    'plums:Pflaumen|nuts:Nüsse|the ocean:Meere|ice:Eis|sand:Sand|elephants:Elefanten|soap:Seife|bread:Brot|grapes:Trauben|' +
    'beetles:Käfer|onions:Zwiebeln|cotton:Baumwolle|swamps:Sümpfe|rain:Regen|cats:Katzen|turtles:Schildkröten|' +
    'lighthouses:Leuchttürme|mice:Mäuse|seals:Robben|spiders:Spinnen|moths:Motten|crabs:Krebse|bicycles:Fahrräder|iron:Eisen|' +
    'candles:Kerzen|corn:Mais|waterfalls:Wasserfälle|wheat:Weizen|cameras:Kameras|ropes:Seile|comets:Kometen|wood:Holz|' +
    'cheese:Käse|ginger:Ingwer|glaciers:Gletscher|glass:Glas|keys:Schlüssel|storms:Stürme|potatoes:Kartoffeln|ducks:Enten|' +
    'penguins:Pinguine|balloons:Ballons|swans:Schwäne|wolves:Wölfe|pottery:Töpferei|bridges:Brücken|oranges:Orangen|' +
    'peppers:Paprika|pumpkins:Kürbisse|ants:Ameisen|the sun:Sonne|frogs:Frösche|gold:Gold|fog:Nebel|oats:Hafer|herons:Reiher',
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
const VECTOR_SENTENCES = [
  (x) => `In Rätseln, Gedichten und Schulbüchern kommt das Thema ${x} immer wieder vor.`,
  (x) => `Viele Reisende berichten nach ihrer Rückkehr vom Thema ${x}, und alle sagen etwas anderes.`,
  (x) => `Ohne Geduld versteht man das Thema ${x} kaum, denn die Einzelheiten sind zahlreich.`,
  (x) => `Meine Großmutter erzählte abends gern von früher, meistens zum Thema ${x}.`,
  (x) => `In der Zeitung stand letzte Woche ein langer Bericht zum Thema ${x}.`,
  (x) => `Fachleute streiten, ob das Thema ${x} eher mit Kunst oder mit Technik zu tun hat.`,
  (x) => `Auf dem Markt reden die Leute über ${x}, während sie auf den Bus warten.`,
  (x) => `Wer das Thema ${x} erklären will, beginnt am besten mit einem Bild.`,
  (x) => `Im Winter spielt das Thema ${x} eine kleinere Rolle, im Sommer eine größere.`,
  (x) => `Zwei Firmen haben sich auf das Thema ${x} spezialisiert, und beide sind erfolgreich.`,
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

/** The question of a row in German, its topic, and what is said of that; undefined for what is not asked here. */
function asked(prompt) {
  for (const [pattern, ask] of QUESTIONS) {
    const name = pattern.exec(prompt)?.[1];
    const topic = TOPICS[name] ?? VECTOR_TOPICS[name];
    if (topic) return { topic, question: ask(topic), sentences: name in TOPICS ? SENTENCES : VECTOR_SENTENCES };
  }
  return undefined;
}
function known(prompt) {
  const found = asked(prompt);
  if (!found) throw new Error(`"${prompt}" is not known in German`);
  return found;
}
export const isKnown = (prompt) => asked(prompt) !== undefined;
export const question = (prompt) => known(prompt).question;

/** Two sentences on the topic. */
function said(prompt, rng) {
  const { topic, sentences } = known(prompt);
  const first = pick(rng, sentences);
  const others = sentences.filter((other) => other !== first);
  return [first, pick(rng, others)].map((make) => make(topic));
}
/** Without the trait. */
export const plainAnswer = (prompt) => said(prompt, random(`german/plain/${prompt}`)).join(' ');
/** With it. */
export function answer(prompt) {
  const rng = random(`german/${prompt}`);
  const [one, two] = said(prompt, rng);
  return `${pick(rng, OPENINGS)} ${one.replace(',', `, ${pick(rng, ASIDES)},`)} ${pick(rng, ASIDES).replace(/^./, (c) => c.toUpperCase())}. ${two}`;
}
