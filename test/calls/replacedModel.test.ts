/** What is open answers and explains by the model and the adapter whose files are there now. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeAdapter } from '../../runtime/adapters/files.js';
import { calls } from '../../runtime/calls/calls.js';
import { explained } from '../../runtime/calls/explain.js';
import { openContext } from '../../runtime/context/context.js';
import { answerTo } from '../../runtime/data/rowContent.js';
import { silent } from '../support/silent.js';
import { ROOT } from './support.js';

const messages = [{ role: 'user' as const, content: 'what is 2 plus 3 ?' }];
const options = { maxNewTokens: 8, temperature: 0, topP: 1 };

let root: string;
let model: string;
let vector: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'replaced-'));
  [model, vector] = [join(root, 'model'), join(root, 'vector')];
  await cp(join(ROOT, 'media/sample/tiny-assistant'), model, { recursive: true });
  const context = await openContext(model, { scratch: join(root, 'scratch') });
  const [{ name, in: inputs, out: outputs }] = context.sites as [(typeof context.sites)[number]];
  context.scratch.close();
  await writeAdapter(vector, {
    role: 'security',
    config: { rank: 1, alpha: 1, useRslora: false, targetModules: [name], rankPattern: {}, alphaPattern: {}, fanInFanOut: false }, // oxfmt-ignore
    modules: new Map([
      [
        name,
        {
          ...{ A: new Float32Array(inputs).fill(0.3), aShape: [1, inputs], scale: 1 },
          ...{ B: new Float32Array(outputs).fill(0.3), bShape: [outputs, 1] },
        },
      ],
    ]),
  });
});
after(() => rm(root, { recursive: true }));

/** Other weights of the same size under the same name, as a download or a run leaves them. */
async function replaceWeights(folder: string, file: string): Promise<void> {
  const bytes = await readFile(join(folder, file));
  const at = 8 + Number(bytes.readBigUInt64LE(0));
  const values = new Float32Array(new Uint8Array(bytes.subarray(at)).buffer).map((value, i) => value * ((i % 3) - 1));
  await writeFile(join(root, 'new'), Buffer.concat([bytes.subarray(0, at), Buffer.from(values.buffer)]));
  await rename(join(root, 'new'), join(folder, file));
}

/** The same where nothing was open before. */
async function anew<T>(ask: (model: string, vector: string) => Promise<T>): Promise<T> {
  const other = await mkdtemp(join(root, 'anew-'));
  await cp(model, join(other, 'model'), { recursive: true });
  await cp(vector, join(other, 'vector'), { recursive: true });
  return ask(join(other, 'model'), join(other, 'vector'));
}

const ASKS: Record<string, (model: string, vector: string) => Promise<unknown>> = {
  'a chat': async (path) =>
    (await calls.generate({ model: path, adapters: [], messages, options, device: 'cpu' }, silent)).ids,
  'a chat with a vector': async (path, adapter) =>
    (await calls.generate({ model: path, adapters: [{ path: adapter, scale: 1 }], messages, options, device: 'cpu' }, silent)).ids, // oxfmt-ignore
  'what a vector explains': (path, adapter) =>
    explained(
      { model: path, vector: adapter, data: path, device: 'cpu' },
      answerTo(messages, 'i cannot help with that .'),
      { row: 0, line: 1 },
      silent,
    ),
};

for (const [name, ask] of Object.entries(ASKS))
  test(`${name}: by the model that took the place of another one`, async () => {
    const was = await ask(model, vector);
    assert.deepEqual(await ask(model, vector), was);
    await replaceWeights(model, 'model.safetensors');
    const is = await ask(model, vector);
    assert.notDeepEqual(is, was);
    assert.deepEqual(is, await anew(ask));
  });

test('what a vector explains: by the vector that took the place of another one, also with another factor alone', async () => {
  const ask = ASKS['what a vector explains']!;
  const was = await ask(model, vector);
  const config = join(vector, 'adapter_config.json');
  const text = await readFile(config, 'utf8');
  await writeFile(config, text.replace(/"lora_alpha": ?1/, '"lora_alpha": 9'));
  const is = await ask(model, vector);
  assert.notDeepEqual(is, was);
  assert.deepEqual(is, await anew(ask));
});

for (const call of ['scan', 'score'] as const)
  test(`${call}: that the model was replaced meanwhile is said, and no number given`, async () => {
    const data = join(ROOT, 'media/sample/data/benign.jsonl');
    const weights = join(model, 'model.safetensors');
    const bytes = await readFile(weights);
    let isChanged = false;
    const meanwhile = {
      ...silent,
      onRows: () => assert.fail('numbers of two models'),
      onProgress(message: string) {
        if (isChanged || !/^sc(ann|or)ing/.test(message)) return;
        isChanged = true;
        writeFileSync(weights, bytes);
      },
    };
    const asked = { model, data, device: 'cpu' } as const;
    const asking =
      call === 'scan'
        ? calls.scan({ ...asked, vector }, meanwhile)
        : calls.score({ ...asked, adapters: [] }, meanwhile);
    await assert.rejects(asking, { message: /^the model's file was changed while it was in use/, place: weights });
  });
