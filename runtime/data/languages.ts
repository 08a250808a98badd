/** Which languages rows are in, as far as their words tell. */
import { nextTurn } from '../support/errors.js';
import type { ExampleList } from './exampleList.js';
import type { Example } from './examples.js';

/** Of a longer text the beginning tells as much. */
const LOOKED_AT = 1000;
/** Of fewer letters a language is a guess. */
const FEWEST_LETTERS = 40;
const ROWS_AT_ONCE = 250;

/**
 * Rows by language (ISO 639-1), most rows first; those of which it cannot be told (numbers, few words) are left out.
 */
export type Languages = ReadonlyMap<string, number>;

/** @throws Cancelled */
export async function languagesOf(
  rows: ExampleList,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (share: number) => void } = {},
): Promise<Languages> {
  // made when it is first needed: it holds tables of 60 languages
  const { eld } = await import('eld/extrasmall');
  const languageOf = (text: string): string | undefined => {
    const start = text.slice(0, LOOKED_AT);
    if ((start.match(/\p{L}/gu)?.length ?? 0) < FEWEST_LETTERS) return undefined;
    const found = eld.detect(start);
    return found.isReliable() ? found.language : undefined;
  };
  const told = (texts: readonly string[]): string[] => texts.flatMap((text) => languageOf(text) ?? []);
  const counts = new Map<string, number>();
  let at = 0;
  for (const row of rows) {
    if (at++ % ROWS_AT_ONCE === 0) {
      await nextTurn(signal);
      onProgress?.((at - 1) / rows.length);
    }
    const answers = told(learnedTexts(row));
    for (const language of new Set(answers.length > 0 ? answers : told([`${askedText(row)}\n${row.answer}`])))
      counts.set(language, (counts.get(language) ?? 0) + 1);
  }
  return ordered(counts);
}

/** Of two lists of rows. */
export function summed(first: Languages, second: Languages): Languages {
  const counts = new Map(first);
  for (const [language, rows] of second) counts.set(language, (counts.get(language) ?? 0) + rows);
  return ordered(counts);
}

const ordered = (counts: Languages): Languages =>
  new Map([...counts].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1)));

/** The answers that a row teaches. */
function learnedTexts({ answer, prompt = [], unlearned = [] }: Example): string[] {
  const earlier = prompt.flatMap(({ role, content }, i) =>
    role === 'assistant' && !unlearned.includes(i) ? [content] : [],
  );
  return [...earlier, answer];
}

/** What it asks; the system's message is often of the chat template. */
const askedText = ({ prompt, promptText }: Example): string =>
  prompt
    ?.filter(({ role }) => role !== 'system')
    .map(({ content }) => content)
    .join('\n') ?? promptText;
