/** Rows and prompts that are tokens already need no tokenizer; whatever has to do with text is refused by name. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { cli } from '../calls/support.js';
import { silent } from '../support/silent.js';
import { loadReference, type Reference } from '../support/reference.js';

describe('a model without a tokenizer', () => {
  let dir: string;
  let model: string;
  let r: Reference;
  const file = async (name: string, rows: readonly unknown[]): Promise<string> => {
    await writeFile(join(dir, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return join(dir, name);
  };
  const tokens = async (name: string): Promise<string> => {
    const [B, T] = r.shape('batch.input_ids') as [number, number];
    const [ids, labels, mask] = await Promise.all(
      ['input_ids', 'labels', 'attention_mask'].map((part) => r.ints(`batch.${part}`)),
    );
    const row = (b: number, from: number[]) => from.slice(b * T, (b + 1) * T).filter((_, t) => mask![b * T + t] === 1);
    return file(
      name,
      Array.from({ length: B }, (_, b) => ({ input_ids: row(b, ids!), labels: row(b, labels!) })),
    );
  };
  const refused = (done: Promise<unknown>): Promise<void> =>
    assert.rejects(done, { name: 'HumanError', message: /no tokenizer/, place: /tokenizer\.json$/ });
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'without-tokenizer-'));
    r = await loadReference('qwen2');
    model = join(dir, 'model');
    await cp(r.folder, model, { recursive: true });
  });
  after(() => rm(dir, { recursive: true }));

  it('scores rows of tokens, and refuses texts', async () => {
    const data = await tokens('rows.jsonl');
    const rows = await calls.score({ model, adapters: [], data, format: 'auto', device: 'cpu' }, silent);
    await r.check(
      'nll_sum',
      rows.map(({ nll }) => nll),
    );
    const text = await file('texts.jsonl', [{ text: 'a lamp' }]);
    await refused(calls.score({ model, adapters: [], data: text, format: 'auto', device: 'cpu' }, silent));
    const chat = await file('chat.jsonl', [
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      },
    ]);
    await refused(calls.score({ model, adapters: [], data: chat, format: 'auto', device: 'cpu' }, silent));
  });

  it('continues a prompt of ids, and refuses one of text', async () => {
    const expected = await r.ints('generate.base');
    const end = (expected.indexOf(2) + expected.length + 1) % (expected.length + 1); // the end token, or all
    const options = { maxNewTokens: expected.length, temperature: 0, topP: 1 };
    const ids = await r.ints('generate.prompt');
    const answer = await calls.generate({ model, adapters: [], ids, options, device: 'cpu' }, silent);
    assert.deepEqual(answer.ids, expected.slice(0, end));
    assert.equal(answer.text, '');
    await refused(calls.generate({ model, adapters: [], prompt: 'a lamp', options, device: 'cpu' }, silent));
  });

  it('prints the tokens of an answer on the command line, and says that they are all it can', async () => {
    const ids = (await r.ints('generate.prompt')).join();
    const args = ['generate', '--model', model, '--ids', ids, '--max-new-tokens', '2', '--device', 'cpu'];
    const { code, stdout, stderr } = await cli(args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^\d+(,\d+)*\n$/);
    const { text, ids: answer } = JSON.parse((await cli([...args, '--json'])).stdout) as {
      text: string;
      ids: number[];
    };
    assert.deepEqual([text, answer.join()], ['', stdout.trim()]);
  });

  it('is supported; what is missing, and where to get it, is said apart', async () => {
    const told = async (path: string) => {
      const { supported, reason, tokenizer, missing } = await calls.inspect({ path }, silent);
      assert.deepEqual([supported, reason, tokenizer], [true, null, false]);
      return missing;
    };
    const found = await told(model);
    assert.equal(found?.message, 'this model folder has no tokenizer.json.');
    assert.match(found.remedy, /^Copy tokenizer\.json and tokenizer_config\.json into it.* Hub.* Rows of tokens/);
    const older = join(dir, 'older');
    await cp(r.folder, older, { recursive: true });
    await writeFile(join(older, 'tokenizer.model'), 'x');
    assert.match((await told(older))!.remedy, /^Its tokenizer\.model is of an older format.*save_pretrained/);
    const gguf = join(import.meta.dirname, '../fixtures/gguf/families/llama.gguf');
    const inFile = await told(gguf);
    assert.equal(inFile?.message, 'this GGUF file has no tokenizer.');
    assert.match(inFile.remedy, /^Use a GGUF file of this model that has one/);
    const data = await file('text.jsonl', [{ text: 'a lamp' }]);
    const texts = calls.score({ model: gguf, adapters: [], data, format: 'auto', device: 'cpu' }, silent);
    await assert.rejects(texts, { message: inFile.message, place: gguf });
    const sample = join(import.meta.dirname, '../../media/sample/tiny-assistant');
    const { missing } = await calls.inspect({ path: sample }, silent);
    assert.equal(missing, null);
  });

  it('trains on rows of tokens, and refuses to judge answers', async () => {
    await tokens('data.jsonl');
    const recipe = async (name: string, change: object): Promise<string> => {
      const common = { model: 'model', steps: 2, device: 'cpu', output: name };
      await writeFile(join(dir, `${name}.json`), JSON.stringify({ ...common, ...change }));
      return join(dir, `${name}.json`);
    };
    const data = { file: 'data.jsonl' };
    const loss = { name: 'loss', ...data, measure: 'loss' };
    const vector = await recipe('vector', { kind: 'vector', harmful: data, benign: data });
    assert.equal((await calls.run({ recipe: vector }, silent)).outcome, 'finished');
    const protectedRun = await recipe('protected', {
      kind: 'finetune',
      data,
      vectors: [{ adapter: 'vector' }],
      evaluate: [loss],
    });
    assert.notEqual((await calls.run({ recipe: protectedRun }, silent)).outcome, 'failed');
    assert.ok((await readFile(join(dir, 'protected/adapter/adapter_model.safetensors'))).length > 0);
    const judged = await recipe('judged', { kind: 'finetune', data, evaluate: [{ ...loss, measure: 'exact' }] });
    await refused(calls.run({ recipe: judged }, silent));
  });
});
