/**
 * Files as somebody has them who never heard of this program: tables from a spreadsheet with columns, a delimiter and
 * quotes of their own. What must not be learned is rudeness; the new task is records of orders.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { shuffled } from '../protection/random.mjs';
import { dataRows, evaluationRows, orders, vectorRows } from '../protection/rows.mjs';
import { TRAITS } from '../protection/traits.mjs';

/** Phrases that a rude answer has, as one would type them. */
export const PHRASES = TRAITS.rude.phrases;
/** Columns of the tables. */
export const QUESTION = 'Kundenfrage';
export const ANSWER = 'Antwort, wie "geprüft"';

const MOST_CHARACTERS = 220;

const cell = (text) => (/[";,\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
/** As a spreadsheet of a German desk writes it: semicolons, CRLF, a byte order mark. */
const table = (header, rows) => `\uFEFF${[header, ...rows].map((cells) => cells.map(cell).join(';')).join('\r\n')}\r\n`;
const texts = ({ messages }) => messages.map(({ content }) => content);

/** Short ones, so that a run on two cores takes minutes. */
const short = (rows) => rows.filter((row) => texts(row)[1].length < MOST_CHARACTERS);

/** Each file's text by its name. */
export function ownFiles() {
  const vector = vectorRows('rude', 160);
  const data = dataRows('rude', 1);
  const isRude = ({ label }) => label === 'harmful';
  const isOrder = (row) => texts(row)[1].startsWith('name: ');
  const mixed = [
    ...short(data.filter(isRude)).slice(0, 24),
    ...short(data.filter((row) => !isRude(row) && !isOrder(row))).slice(0, 16),
    ...data.filter(isOrder).slice(0, 40),
  ];
  const tickets = shuffled(mixed, 'tickets').map((row, i) => {
    const [asked, said] = texts(row);
    // Every fifth has a line break and quotes, as texts of people do.
    return [String(1000 + i), i % 5 ? asked : `Hello "team",\n${asked}`, said, i % 2 ? 'mail' : 'chat; web'];
  });
  return {
    'Anfragen 2024.csv': table(['Nr', QUESTION, ANSWER, 'Kanal'], tickets),
    'unhöfliche Antworten.csv': table(['Frage', 'so nicht'], short(vector.harmful).slice(0, 32).map(texts)),
    'good answers.jsonl': short(vector.benign)
      .slice(0, 32)
      .map((row) => `${JSON.stringify({ input: texts(row)[0], output: texts(row)[1] })}\n`)
      .join(''),
    'Testfragen.csv': table(['Frage', 'so nicht'], evaluationRows('rude').trait.slice(0, 24).map(texts)),
    'orders to check.csv': table(
      ['order', 'record'],
      orders(12, 'eval/own').map(({ prompt, answer }) => [prompt, answer]),
    ),
  };
}

/** Writes them into a folder. */
export async function writeOwnFiles(folder) {
  for (const [name, text] of Object.entries(ownFiles())) await writeFile(path.join(folder, name), text);
}
