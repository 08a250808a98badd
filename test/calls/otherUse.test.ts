/**
 * An adapter knows what its base computed and how its rows were written: with another config, chat template or
 * tokenizer nothing is measured of it.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sharedBase } from '../../runtime/adapters/base.js';
import { ROLE_FILE } from '../../runtime/adapters/files.js';
import { calls } from '../../runtime/calls/calls.js';
import { runRecipe } from '../../runtime/calls/run.js';
import { writtenTokens } from '../../runtime/models/text/writtenTokens.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { PLAIN, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { silent } from '../support/silent.js';

let root: string;
const file = (...parts: string[]): string => join(root, ...parts);
const at = (name: string) => ({ path: file(name), scale: 1 });
const config = (): string => file('model', 'tokenizer_config.json');
const modelConfig = (): string => file('model', 'config.json');
let written: string;
let computed: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'other-tokens-'));
  await writeWorkspace(root);
  written = await readFile(config(), 'utf8');
  computed = await readFile(modelConfig(), 'utf8');
  await run({ ...VECTOR, output: 'vector' });
});
after(() => rm(root, { recursive: true, force: true }));

async function run(value: object): Promise<void> {
  const recipe = file('recipe.json');
  await writeFile(recipe, JSON.stringify(value));
  await runRecipe(recipe, { ...silent, force: true });
}

const changed = (value: object): Promise<void> =>
  writeFile(config(), JSON.stringify({ ...(JSON.parse(written) as object), ...value }));
const CHATML =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/** The same weights, of which another model is made. */
const turned = (text: string): string => JSON.stringify({ ...(JSON.parse(text) as object), rope_theta: 500 });

const evaluated = { model: 'model', generation: { maxNewTokens: 3 }, batch: { rows: 2 }, threads: 1, device: 'cpu' };
const data = (): string => file('train.jsonl');
const USES: Readonly<Record<string, () => Promise<unknown>>> = {
  'to be evaluated': () =>
    run({
      ...evaluated,
      kind: 'evaluate',
      adapters: [{ adapter: 'vector' }],
      evaluate: PLAIN.evaluate.slice(1),
      output: 'evaluated',
    }),
  'to score rows': () =>
    calls.score({ model: file('model'), adapters: [at('vector')], data: data(), device: 'cpu' }, silent),
  'to scan': () =>
    calls.scan({ model: file('model'), vector: file('vector'), data: data(), limit: { falseAlarms: 0.1 } }, silent),
  'to protect a fine-tuning': () =>
    run({ ...PLAIN, vectors: [{ adapter: 'vector', scale: 1 }], steps: 1, evaluate: [], output: 'tuned' }),
  'to start a fine-tuning from': () =>
    run({ ...PLAIN, adapter: { init: 'vector' }, steps: 1, evaluate: [], output: 'started' }),
};

for (const [what, use] of Object.entries(USES))
  test(`where config or chat template are others, an adapter is refused ${what}, until somebody says that it is meant`, async (t) => {
    await changed({ chat_template: CHATML });
    await writeFile(modelConfig(), turned(computed));
    const role = file('vector', 'adapter', ROLE_FILE);
    const own = await readFile(role, 'utf8');
    t.after(async () => {
      await writeFile(config(), written);
      await writeFile(modelConfig(), computed);
      await writeFile(role, own);
    });
    const { baseModel, ...rest } = JSON.parse(own) as { baseModel: Record<string, string | undefined> };
    for (const [key, message, remedy] of [
      ['computation', /^it was trained with another config\.json: /, /config\.json/],
      ['tokens', /^it was trained with another chat template or tokenizer: /, /chat_template\.jinja/],
    ] as const) {
      await assert.rejects(use(), { name: 'HumanError', message, place: file('vector', 'adapter'), remedy });
      assert.match(baseModel[key]!, /^(1-)?[0-9a-f]{64}$/);
      baseModel[key] = undefined;
      await writeFile(role, JSON.stringify({ ...rest, baseModel }));
    }
    await use();
  });

test('so is the model of a full fine-tuning, whose own files were changed', async () => {
  await run({ ...PLAIN, adapter: undefined, method: 'full', steps: 1, evaluate: [], output: 'full' });
  const [own, manifest] = [file('full', 'model', 'tokenizer_config.json'), file('full', 'manifest.json')];
  const before = await readFile(own, 'utf8');
  const states = [{ name: 'base' }, { name: 'full', model: 'full/model' }];
  const use = (): Promise<void> =>
    run({ ...evaluated, kind: 'evaluate', states, evaluate: PLAIN.evaluate.slice(1), output: 'measured' });
  await use();
  await writeFile(own, JSON.stringify({ ...(JSON.parse(before) as object), chat_template: CHATML }));
  await assert.rejects(use(), { message: /another chat template or tokenizer/, place: file('full', 'model') });
  const other = file('full', 'model', 'config.json');
  const kept = await readFile(other, 'utf8');
  await writeFile(other, turned(kept));
  await assert.rejects(use(), { message: /another config\.json/, place: file('full', 'model') });
  await writeFile(other, kept);
  const { model, ...rest } = JSON.parse(await readFile(manifest, 'utf8')) as { model: object };
  await writeFile(manifest, JSON.stringify({ ...rest, model: { ...model, tokens: undefined } }));
  await use();
});

test('an adapter that is made of several knows how its base was used where all of them say the same', () => {
  const of = (tokens?: string) => ({ provenance: { baseModel: { name: 'm', computation: 'c', tokens } } });
  assert.equal(sharedBase([of('a'), of('a')])?.tokens, 'a');
  assert.equal(sharedBase([of('a'), of('b')])?.computation, 'c');
  for (const files of [
    [of('a'), of('b')],
    [of('a'), of()],
    [of('a'), { provenance: {} }],
  ])
    assert.deepEqual([sharedBase(files)?.name, sharedBase(files)?.tokens], ['m', undefined]);
});

test('what changes no token is no other tokenizer, and in a chat another one is warned of', async (t) => {
  t.after(() => writeFile(config(), written));
  const before = writtenTokens(await loadTokenizer(file('model')));
  await changed({ model_max_length: 17, comment: 'written again' });
  assert.equal(writtenTokens(await loadTokenizer(file('model'))), before);
  // a branch for system messages alone
  const own = (JSON.parse(written) as { chat_template: string }).chat_template;
  await changed({ chat_template: `{% if messages[0]['role'] == 'system' %}you{% endif %}${own}` });
  assert.notEqual(writtenTokens(await loadTokenizer(file('model'))), before);
  await writeFile(config(), written);
  const options = { maxNewTokens: 1, temperature: 0, topP: 1 };
  const ask = async (): Promise<string[]> => {
    const said: string[] = [];
    const onLog = (_: unknown, text: string) => void said.push(text);
    await calls.generate({ model: file('model'), adapters: [at('vector')], ids: [5], options }, { ...silent, onLog });
    return said.filter((text) => /another chat template or tokenizer/.test(text));
  };
  assert.deepEqual(await ask(), []);
  await changed({ chat_template: CHATML });
  assert.equal((await ask()).length, 1);
});
