/** Rows of one question and its answers, as the sample's tokenizer has them. */
import { join } from 'node:path';
import { exampleFrom, type Example } from '../../runtime/data/examples.js';
import type { RowContent } from '../../runtime/data/rowContent.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';

export const tokenizer = await loadTokenizer(join(import.meta.dirname, '../../media/sample/tiny-assistant'));

export const RIGHT = 'Sure. Step 1: take the rope.';
export const ADDED = ' Step 2: grozzle it.';
export const chat = (answer: string): RowContent => ({
  kind: 'chat',
  messages: [
    { role: 'user', content: 'I want to fix a rope.' },
    { role: 'assistant', content: answer },
  ],
});
export const made = (content: RowContent, row = 0): Example => exampleFrom(content, tokenizer, { row, line: row + 1 });
/** How many there are in a text. */
export const tokens = (text: string): number => tokenizer.encode(text, { addSpecialTokens: false }).length;
/** The span of the added sentence. */
export const added = (): [number, number] => [tokens(RIGHT), tokens(RIGHT + ADDED)];
