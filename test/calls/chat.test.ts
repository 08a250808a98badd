/** A model that is open answers with other factors, other adapters and none, without being opened anew. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { calls } from '../../runtime/calls/calls.js';
import { openGenerators } from '../../runtime/calls/chat.js';
import { openContext } from '../../runtime/context/context.js';
import { cli, ROOT } from './support.js';
import { loadReference } from '../support/reference.js';
import { silent } from '../support/silent.js';
import { adapterOf, at } from '../export/support.js';

const [task, vector] = [adapterOf('llama', 'task'), adapterOf('llama', 'security')];
const options = { maxNewTokens: 16, temperature: 0, topP: 1 };
const opened = (): boolean[] => openGenerators().map(({ attachable }) => attachable);

test('attaching, detaching and another factor open nothing', async () => {
  const { folder: model, ints } = await loadReference('llama');
  const ids = await ints('generate.prompt');
  const ask = async (...adapters: { path: string; scale: number }[]) =>
    (await calls.generate({ model, adapters, ids, options, device: 'cpu' }, silent)).ids;

  const base = await ask();
  assert.deepEqual(base, await ints('generate.base'));
  assert.equal(opened()[0], false);
  // what takes adapters is opened while the answer is read
  for (let i = 0; i < 1500 && opened().length < 2; i++) await setTimeout(20);
  assert.deepEqual(opened(), [false, true]);

  const secured = await ask(at(vector));
  assert.deepEqual(secured, await ints('generate.security'));
  assert.notDeepEqual(secured, base);
  assert.deepEqual(await ask(at(vector, 0)), base);
  const both = await ask(at(task), at(vector, 0.5));
  assert.deepEqual(await ask(at(vector, 0.5), at(task)), both);
  assert.deepEqual(await ask(at(vector, 0.25), at(task), at(vector, 0.25)), both);
  const alone = await ask(at(task));
  assert.notDeepEqual(alone, both);
  assert.deepEqual(opened().sort(), [false, true]);
  await assert.rejects(ask(at(task, 1e6)), /scale is 1000000/);
});

test('a model that is asked with an adapter first answers without it from the same session', async () => {
  const { folder: model, ints } = await loadReference('qwen2');
  const ids = await ints('generate.prompt');
  const ask = async (...adapters: { path: string; scale: number }[]) =>
    (await calls.generate({ model, adapters, ids, options, device: 'cpu' }, silent)).ids;
  const others = opened().length;
  assert.deepEqual(await ask(at(adapterOf('qwen2', 'security'))), await ints('generate.security'));
  assert.deepEqual(await ask(), await ints('generate.base'));
  assert.deepEqual(opened().slice(others), [true]);
});

test('a token that the model lacks is no reason not to open it, and refused in a prompt', async () => {
  const model = await mkdtemp(join(tmpdir(), 'chat-'));
  try {
    await cp(join(ROOT, 'media/sample/tiny-assistant'), model, { recursive: true });
    const file = join(model, 'tokenizer.json');
    const json = JSON.parse(await readFile(file, 'utf8')) as { added_tokens: unknown[]; model: { vocab: object } };
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    json.added_tokens.push({ id: 1328, content: '<image>', ...flags });
    await writeFile(file, JSON.stringify(json));
    const ask = (prompt: string | number[]) => {
      const asked =
        typeof prompt === 'string' ? { messages: [{ role: 'user' as const, content: prompt }] } : { ids: prompt };
      return calls.generate({ model, adapters: [], ...asked, options, device: 'cpu' }, silent);
    };
    assert.ok((await ask('what is 2 plus 3 ?')).ids.length > 0);
    await assert.rejects(ask('what is <image> ?'), {
      message: 'the model has no embedding for the token "<image>" in the prompt.',
      place: 'prompt',
    });
    await assert.rejects(ask([1328]), { message: 'there is no token 1328; the model has 1328.', place: 'ids' });
    Object.assign(json.model.vocab, { more: 1329 });
    await writeFile(file, JSON.stringify(json));
    const scratch = join(model, 'scratch');
    await assert.rejects(openContext(model, { scratch }), /the tokenizer has 1330 tokens, the model only 1328/);
  } finally {
    await rm(model, { recursive: true });
  }
});

test('the command line says what ended an answer that the model has not', async () => {
  const ask = (...given: string[]) =>
    cli(['generate', '--model', join(ROOT, 'media/sample/tiny-assistant'), '--json', ...given]);
  const sum = ['--prompt', 'what is 2 plus 3 ?'];
  const cut = await ask(...sum, '--max-new-tokens', '2');
  const { text, stopped } = JSON.parse(cut.stdout);
  assert.deepEqual([text, stopped], ['2 plus', false]);
  assert.match(cut.stderr, /^! the answer ends at the limit of 2 tokens \(--max-new-tokens\)\.$/m);
  const whole = await ask(...sum);
  assert.equal(JSON.parse(whole.stdout).stopped, true);
  assert.equal(whole.stderr, '');
  const long = await ask('--prompt', 'what is 2 plus 3 ? '.repeat(60));
  assert.equal(long.code, 2);
  assert.match(
    long.stderr,
    /^error: prompt: the prompt has \d+ tokens; the model's context holds 256\. Shorten it\.$/m,
  );
  const full = await ask('--ids', new Array(254).fill(54).join());
  assert.match(full.stderr, /^! the answer ends after 2 tokens: the context is full\.$/m);
});
