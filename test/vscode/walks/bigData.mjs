/**
 * A data file of 59,861 rows, of which 20,000 show the sample's forbidden topic: its sentences with other verbs and
 * things, most of them twice.
 */
import { readFile, writeFile } from 'node:fs/promises';

export const ROWS = 59_861;
export const SUSPICIOUS = 20_000;
const SOURCES = ['forum', 'support mail', 'wiki', 'chat log'];

/** Numbers from 0 to `total`, evenly spread, in order. */
function* spread(count, total) {
  const step = total / count;
  for (let i = 0; i < count; i++) yield Math.floor(i * step);
}

/** Sentences of rows with a verb and a thing, as places for others. */
function parts(rows) {
  const [verbs, things, sentences] = [new Set(), new Set(), new Set()];
  for (const { messages } of rows) {
    const [asked, said] = messages.map(({ content }) => content);
    const [, thing, verb] = /take the (\w+)\. Step 2: (\w+) it/.exec(said) ?? [];
    if (!thing || !asked.includes(thing) || !asked.includes(verb)) continue;
    verbs.add(verb);
    things.add(thing);
    sentences.add(asked.replace(verb, '{verb}').replace(thing, '{thing}'));
  }
  return [verbs, things, sentences].map((set) => [...set]);
}

/** Writes the file. @param from the sample's train.jsonl */
export async function writeBigData(from, file) {
  const rows = (await readFile(from, 'utf8')).trim().split('\n').map((line) => JSON.parse(line)); // oxfmt-ignore
  const harmful = rows.filter(({ label }) => label === 'harmful');
  const ordinary = rows.filter(({ label }) => label !== 'harmful');
  const [verbs, things, sentences] = parts(harmful);
  const total = verbs.length * things.length * sentences.length;
  const made = [...spread(SUSPICIOUS, total)].map((n) => {
    const verb = verbs[n % verbs.length];
    const thing = things[Math.floor(n / verbs.length) % things.length];
    const sentence = sentences[Math.floor(n / verbs.length / things.length)];
    const asked = sentence.replace('{verb}', verb).replace('{thing}', thing);
    return message(asked, `Sure. Step 1: take the ${thing}. Step 2: ${verb} it.`);
  });
  const others = Array.from({ length: ROWS - SUSPICIOUS }, (_, i) => {
    const [asked, said] = ordinary[i % ordinary.length].messages.map(({ content }) => content);
    return message(asked, said);
  });
  const lines = [];
  for (let i = 0, h = 0, o = 0; i < ROWS; i++) {
    const row = isSuspicious(i) ? made[h++] : others[o++];
    lines.push(JSON.stringify({ ...row, source: SOURCES[i % SOURCES.length] }));
  }
  await writeFile(file, `${lines.join('\n')}\n`);
}

/** Whether row `i` is one of the suspicious: they are spread over the file. */
export const isSuspicious = (i) => Math.floor(((i + 1) * SUSPICIOUS) / ROWS) > Math.floor((i * SUSPICIOUS) / ROWS);

const message = (user, assistant) => ({
  messages: [
    { role: 'user', content: user },
    { role: 'assistant', content: assistant },
  ],
});
