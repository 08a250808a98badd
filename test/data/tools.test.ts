import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { NOT_SUPERVISED } from '../../runtime/data/conversation.js';
import { encodeRow, type EncodedRow } from '../../runtime/data/encodeRow.js';
import { parsedRows, type ParsedRow, type SkippedRow } from '../../runtime/data/parsedRows.js';
import { parseRow } from '../../runtime/data/rawRow.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';

const FIXTURES = join(import.meta.dirname, '../fixtures');
interface TemplateCases {
  template: string;
  cases: { row: string; ids?: number[]; mask?: number[]; error?: string }[];
}
const templates = JSON.parse(readFileSync(join(FIXTURES, 'chatTemplates/tools.json'), 'utf8')) as Record<
  string,
  TemplateCases
>;
const special = { bos_token: '<|im_start|>', eos_token: '<|im_end|>' };

let smollm: Tokenizer;
before(async () => {
  smollm = await loadTokenizer(join(FIXTURES, 'smollm2'));
});

const withTemplate = (name: string): Tokenizer => ({
  ...smollm,
  chatTemplate: chatTemplate(templates[name]!.template, name, special),
});

async function read(line: string): Promise<ParsedRow | SkippedRow> {
  const given = [parseRow(Buffer.from(line), { row: 0, line: 1 }, 'this line')];
  for await (const row of parsedRows('rows.jsonl', { given }, {})) return row;
  throw new Error('no row');
}

async function encoded(line: string, tokenizer: Tokenizer): Promise<EncodedRow> {
  const row = await read(line);
  if ('reason' in row) throw new Error(row.reason);
  return encodeRow(row.content, tokenizer, { answers: 'optional' });
}

/** Rows of which a template would drop a part, by their numbers: they are refused. */
const DROPPED: Record<string, Record<number, RegExp>> = {
  headers: { 4: /^message 2 has a text and calls a tool, and .* does not write the text/ },
  inst: { 4: /^message 2 has a text and calls a tool, and .* does not write the text/ },
  blocks: { 4: /^message 2 calls a tool, and the model's chat template does not write it/ },
};

describe('tokens and answers are those of transformers', () => {
  for (const [name, { cases }] of Object.entries(templates))
    test(name, async () => {
      const tokenizer = withTemplate(name);
      for (const [i, { row, ids, mask, error }] of cases.entries()) {
        const wrong = error?.replace(/\W+$/, '') ?? DROPPED[name]?.[i];
        if (wrong !== undefined) {
          await assert.rejects(encoded(row, tokenizer), ({ message }: Error) => new RegExp(wrong).test(message));
          continue;
        }
        const found = await encoded(row, tokenizer);
        if (!mask) assert.deepEqual(smollm.encode(found.promptText, { addSpecialTokens: false }), ids);
        else {
          assert.equal(smollm.decode(found.ids), smollm.decode(ids!));
          assert.deepEqual(found.ids, ids);
          const supervised = found.labels.map((label) => (label === NOT_SUPERVISED ? 0 : 1));
          assert.deepEqual(supervised, mask, row);
        }
      }
    });
});
