/** A base model without a chat template: who writes a conversation to it hears what that is written by. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { openContext, templateWarning } from '../../runtime/context/context.js';
import { sample } from '../export/sample.js';
import { place, type Place } from '../export/support.js';
import { silent } from '../support/silent.js';
import { cli } from './support.js';

let here: Place;
let model: string;
before(async () => {
  here = await place();
  model = await sample(here, 'base', {
    'tokenizer_config.json': ({ chat_template: _, ...settings }) => settings,
  });
});
after(() => here.remove());

const NO_TEMPLATE = /no chat template; conversations use a plain one \("User: …", "Assistant: …"\)/;
const question = { role: 'user', content: 'what is 2 plus 3 ?' } as const;

/** What a call warns of. */
async function warned(call: (reporter: typeof silent) => Promise<unknown>): Promise<string[]> {
  const said: string[] = [];
  await call({ ...silent, onLog: (level, message) => void (level === 'warn' && said.push(message)) });
  return said;
}

test('rows that are conversations are warned of, texts are not', async () => {
  const score = async (row: object) => {
    const data = here.file('rows.jsonl');
    await writeFile(data, `${JSON.stringify(row)}\n`);
    return warned((reporter) => calls.score({ model, adapters: [], data, device: 'cpu' }, reporter));
  };
  const answer = { role: 'assistant', content: '2 plus 3 is 5 .' };
  assert.match((await score({ messages: [question, answer] })).join(), NO_TEMPLATE);
  assert.deepEqual(await score({ text: '2 plus 3 is 5 .' }), []);
  assert.deepEqual(await score({ prompt: question.content, completion: answer.content }), []);
});

test('it names what the user gave, and a remedy for that: nobody writes into what was converted from a GGUF file', async () => {
  const gguf = here.file('base.gguf');
  await here.run({ model, format: 'gguf', out: gguf });
  const warningOf = async (path: string) =>
    templateWarning(await openContext(path, { device: 'cpu', scratch: here.file('scratch') }));
  const [file, folder] = [await warningOf(gguf), await warningOf(model)];
  assert.deepEqual([file?.place, folder?.place], [gguf, model]);
  assert.match(folder!.remedy, /tokenizer_config\.json/);
  assert.match(file!.remedy, /another GGUF file/);
  assert.equal(await warningOf(join(import.meta.dirname, '../../media/sample/tiny-assistant')), undefined);
});

test('generate warns of a prompt that becomes a conversation, beside the answer on stdout, and of no other', async () => {
  const ask = (...more: string[]) => cli(['generate', '--model', model, '--prompt', question.content, ...more]);
  const asked = await ask('--max-new-tokens', '1');
  assert.doesNotMatch(asked.stdout, /template/);
  assert.match(asked.stderr, NO_TEMPLATE);
  assert.match(asked.stderr, /^! .*base: /m);
  assert.doesNotMatch((await ask('--raw')).stderr, /template/);
});
