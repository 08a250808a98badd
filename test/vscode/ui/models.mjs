/** Own models and own data: a folder, a GGUF file, the Hub; each format of data; what is refused says why. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { tsImport } from 'tsx/esm/api';

export const title = 'Own models and own data';
export const workspace = 'empty';

const root = path.resolve(import.meta.dirname, '../../..');
const TINY = path.join(root, 'media/sample/tiny-assistant');
const NO_WEIGHTS = Buffer.from('\x02\0\0\0\0\0\0\0{}');

/** A Hub on this machine with one model. */
export async function prepare() {
  const { startHub } = await tsImport('../../support/hubServer.ts', import.meta.url);
  const hub = await startHub();
  const names = await readdir(TINY);
  const files = await Promise.all(names.map(async (name) => [name, await readFile(path.join(TINY, name))]));
  hub.repositories['someone/tiny-hub'] = { files: Object.fromEntries(files) };
  return { env: { HF_ENDPOINT: hub.url }, hub, stop: () => hub.close() };
}

const asked = (content, answer) => [
  { role: 'user', content },
  { role: 'assistant', content: answer },
];
const lines = (...rows) => rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n') + '\n';
const WORDS = ['lamp', 'cushion', 'ribbon', 'mirror', 'basket', 'kettle', 'candle', 'pillow'];

const table = (...rows) => ['prompt,completion', ...rows, ''].join('\n');
/** A row that is as it should be and longer than the recipe below takes. */
const LONG = `Say: all,${'lamp '.repeat(200).trim()}`;

/** Data files by name: their text, what the view shows, and the reasons of invalid rows. */
const DATA = {
  'alpaca.json': {
    text: JSON.stringify(
      [
        { instruction: 'Say what follows.', input: '8', output: '8' },
        { instruction: 'Say: 9', output: '9' },
        { output: 'nobody asked' },
      ],
      null,
      1,
    ),
    says: '3 rows · 1 invalid · alpaca',
    refused: [/line 11: "instruction" is missing/],
  },
  'completion.csv': {
    text: table(...WORDS.map((word) => `Say: ${word},"${word}, said"`), LONG, 'Say: a,b,c'),
    says: '10 rows · 1 invalid · completion',
    refused: [/line 11: this row has 3 cells, the header 2/],
  },
  'messages.jsonl': {
    text: lines(
      { messages: asked('Say: 8', '8') },
      '{"messages": [',
      { messages: [{ role: 'critic', content: '8' }] },
      { messages: asked('Say: 9', '9') },
    ),
    says: '4 rows · 2 invalid · messages',
    refused: [/line 2: this line is not JSON/, /line 3: message 1 has the role "critic"/],
  },
  'sharegpt.jsonl': {
    text: lines({
      conversations: [
        { from: 'human', value: 'Say: 8' },
        { from: 'gpt', value: '8' },
      ],
    }),
    says: '1 row · sharegpt',
  },
  'text.jsonl': {
    text: lines({ text: 'Once there was a lamp.' }, { text: '   ' }, { text: 'And then a kettle.' }),
    says: '3 rows · 1 invalid · text',
    refused: [/line 2: "text" is empty/],
  },
  'tokens.jsonl': {
    text: lines({ input_ids: [3, 4, 5] }, { input_ids: [3, 4], labels: [3] }),
    says: '2 rows · 1 invalid · tokens',
    refused: [/line 2: "labels" has 1 entries, "input_ids" 2/],
  },
};

export default async function models({ step, page, shot, command, pick, answer, prepared, ...bench }) {
  const { container, row, tooltip, notification, open, lens } = bench;
  const inWorkspace = (...names) => path.join(bench.workspace, ...names);
  const outside = path.join(bench.dataDir, 'elsewhere/tiny-folder');
  const addModel = () => command('Security Vectors: Add a Model');

  await step('a model folder from anywhere is added by the dialog', async () => {
    await cp(TINY, outside, { recursive: true });
    await container('Security Vectors');
    await addModel();
    await pick('Choose a model folder');
    await answer('Add model', `${outside}/`);
    await row('Models', 'tiny-folder')
      .filter({ hasText: /llama · [\d.]+ M/ })
      .waitFor();
    assert.match(await tooltip('Models', 'tiny-folder'), /layers, F32/);
  });

  await step('a GGUF file of the workspace is offered and added', async () => {
    const gguf = inWorkspace('downloads/tiny.gguf');
    await mkdir(path.dirname(gguf));
    const args = ['export', '--model', TINY, '--format', 'gguf', '--out', gguf];
    await promisify(execFile)(process.execPath, [path.join(root, 'dist/cli.js'), ...args]);
    await addModel();
    await pick('tiny.gguf');
    await row('Models', /^tiny\s*llama · [\d.]+ M/).waitFor();
    assert.match(await tooltip('Models', /^tiny\s*llama/), /tiny\.gguf\s+\d layers, .*F16/);
  });

  await step('a model comes from the Hub', async () => {
    await addModel();
    await pick('Download from the Hugging Face Hub');
    await answer('Download a model', 'someone/tiny-hub');
    await row('Models', 'tiny-hub')
      .filter({ hasText: /llama · [\d.]+ M/ })
      .waitFor();
    for (const [name, content] of Object.entries(prepared.hub.repositories['someone/tiny-hub'].files))
      assert.ok(content.equals(await readFile(inWorkspace('models/tiny-hub', name))), `${name} is that of the Hub`);
  });

  await step('one that the Hub does not have is said to be missing', async () => {
    await command('Security Vectors: Download a Model from the Hugging Face Hub');
    await answer('Download a model', 'someone/nothing');
    await notification(/someone\/nothing/)
      .filter({ hasText: /no model|not/ })
      .first()
      .waitFor();
  });

  await step(
    'a public set, or a revision of it, that the Hub does not have is said in the box and typed again',
    async () => {
      prepared.hub.repositories['datasets/some/set'] = {
        files: { 'train.jsonl': Buffer.from(lines({ prompt: 'Say: 8', completion: '8' })) },
        licence: 'mit',
      };
      const said = (text) =>
        page.locator('.quick-input-widget .quick-input-message').filter({ hasText: text }).waitFor();
      await command('Security Vectors: Train a Vector from a Public Set');
      await pick('Another data set');
      await answer('Data set on the Hugging Face Hub', 'some/sets');
      await said('there is no such public data set');
      await shot('34-no-set', ['dark']);
      await answer('there is no such public data set', 'some/set');
      await pick('None');
      await pick('Another revision');
      await answer('Revision', 'v9');
      await said('there is no revision "v9"');
      await answer('there is no revision', 'main');
      await bench.asked(/some\/set · split train/);
      await page.keyboard.press('Escape');
    },
  );

  await step('an architecture that is not supported is shown refused, with the reason', async () => {
    const folder = inWorkspace('models/mixture');
    await mkdir(folder, { recursive: true });
    const config = { architectures: ['MixtralForCausalLM'], model_type: 'mixtral', num_local_experts: 8 };
    await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
    await writeFile(path.join(folder, 'model.safetensors'), NO_WEIGHTS);
    await addModel();
    await pick('mixture');
    await row('Models', 'mixture').filter({ hasText: 'cannot be used' }).waitFor();
    await notification('mixture was added, but it cannot be used').filter({ hasText: 'mixtral' }).first().waitFor();
    assert.match(await tooltip('Models', 'mixture'), /mixtral/i);
    // nothing is offered that would fail: no chat with it
    const chat = (name) => row('Models', name).locator('[aria-label^="Chat"]').count();
    assert.equal(await chat('mixture'), 0);
    await row('Models', 'tiny-hub').hover();
    assert.equal(await chat('tiny-hub'), 1);
    await row('Models', 'mixture').hover();
    await shot('50-models', ['dark']);
  });

  await step('data of each format: rows, format, and invalid rows', async () => {
    await mkdir(inWorkspace('data'));
    for (const [name, { text }] of Object.entries(DATA)) await writeFile(inWorkspace('data', name), text);
    for (const name of ['snappy.parquet', 'foreign.parquet'])
      await cp(path.join(root, 'test/fixtures/data', name), inWorkspace('data', name));
    for (const [name, { says }] of Object.entries(DATA)) await row('Data', name).filter({ hasText: says }).waitFor();
    await row('Data', 'snappy.parquet').filter({ hasText: '7 rows · tokens' }).waitFor();
    await row('Data', 'foreign.parquet').filter({ hasText: 'columns to be chosen' }).waitFor();
  });

  await step('its tooltip names each invalid line, with the reason', async () => {
    for (const [name, { refused = [] }] of Object.entries(DATA)) {
      if (!refused.length) continue;
      const text = await tooltip('Data', name);
      for (const reason of refused) assert.match(text, reason);
    }
    assert.match(await tooltip('Data', 'foreign.parquet'), /its fields \("a", "b"\) match no row format/);
    await shot('51-data', ['dark']);
  });

  await step('a recipe with a broken row in its data does not run: its page says which', async () => {
    const recipe = {
      kind: 'finetune',
      model: '../downloads/tiny.gguf',
      data: { file: '../data/completion.csv' },
      method: 'lora',
      adapter: { rank: 4, alpha: 8, sites: 'all-linear' },
      optimizer: { learningRate: 0.001 },
      batch: { rows: 4, maxTokens: 64 },
      steps: 2,
      seed: 1,
      output: '../adapters/said',
    };
    await mkdir(inWorkspace('recipes'));
    await writeFile(inWorkspace('recipes/said.json'), JSON.stringify(recipe, null, 2));
    await open('recipes/said.json');
    const run = await bench.runPage(lens('fine-tune without protection'));
    const message = run.getByRole('alert').filter({ hasText: 'The run failed' });
    await message.getByText('Correct or remove this row').waitFor();
    assert.match(await message.textContent(), /completion\.csv:11\s*this row has 3 cells, the header 2/);
    assert.doesNotMatch(await run.locator('header.run .facts').textContent(), /failed:/);
    await shot('52-broken-row', ['dark']);
  });

  await step('corrected, it trains the GGUF on the CSV, and says what it skipped', async () => {
    await writeFile(inWorkspace('data/completion.csv'), DATA['completion.csv'].text.replace('Say: a,b,c', 'Say: a,b'));
    await row('Data', 'completion.csv').filter({ hasText: '10 rows · completion' }).waitFor();
    await open('recipes/said.json');
    const run = await bench.runPage(lens('fine-tune without protection'));
    await run.locator('header.run .facts').filter({ hasText: 'finished' }).waitFor({ timeout: 60_000 });
    assert.match(await run.locator('header.run .facts').textContent(), /step 2/);
    const warnings = await run.locator('.notice.warning').textContent();
    assert.match(warnings, /1 of 10 rows is skipped \(line 10: the row has \d+ tokens, more than "maxTokens" \(64\)\)/);
    assert.match(warnings, /completion\.csv:10/);
    await row('Runs', 'said').filter({ hasText: 'plain' }).waitFor();
    await row('Models', /^said/).filter({ hasText: 'task' }).waitFor();
    await shot('53-csv-run', ['dark']);
  });
}
