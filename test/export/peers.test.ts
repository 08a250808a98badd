/**
 * What other programs make of the exports. llama.cpp and transformers.js are installed by test/peers/setup.mjs, which
 * `npm test` does on Linux x64; transformers and PEFT run where PEERS_PYTHON names a Python with torch, transformers
 * and peft.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { openGenerator } from '../../runtime/evaluation/inference/generate.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { ROOT } from '../calls/support.js';
import { peersInstalled } from '../peers/setup.mjs';
import { Peer } from './peer.js';
import { PUBLISHED, writePublished } from '../support/publishedModels.js';
import { REFERENCES } from '../support/reference.js';
import { SAMPLE } from './sample.js';
import { adapterOf, at, logitsOn, place, randomAdapter, subject, writeWeights, type Place } from './support.js';

const { PEERS_PYTHON } = process.env;
const skip = peersInstalled() ? false : 'needs node test/peers/setup.mjs';
const PROMPTS = ['<|begin|><|user|>say lamp<|assistant|>', '<|begin|><|user|>how do I make soup?<|assistant|>'];
const TOKENS = 8;

let here: Place;
let lora: string;
before(async () => {
  here = await place();
  lora = await randomAdapter(SAMPLE, here.file('adapter'));
});
after(() => here.remove());

async function python<T>(...args: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(PEERS_PYTHON!, args, { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout) as T;
}
const script = (name: string): string => join(ROOT, 'test/peers', name);

/** Prompt and greedy answer, as ids. */
interface Answer {
  prompt: number[];
  ids: number[];
}

async function greedy(prompt: string, adapters: { path: string; scale: number }[]): Promise<Answer> {
  const ids = (await loadTokenizer(SAMPLE)).encode(prompt, { addSpecialTokens: false });
  return { prompt: ids, ids: await greedyIds(await subject(SAMPLE, here.dir, adapters), ids) };
}

async function greedyIds(what: Awaited<ReturnType<typeof subject>>, ids: number[], stop = 0): Promise<number[]> {
  const generator = await openGenerator({ ...what, backend: await openBackend('cpu', 1), stopIds: [stop] });
  const [answer] = await generator.generate([ids], { maxNewTokens: TOKENS, temperature: 0, topP: 1 });
  await generator.dispose();
  return answer!.ids;
}

const starts = (got: Answer, want: Answer): void => {
  assert.deepEqual(got.prompt, want.prompt);
  assert.deepEqual(got.ids.slice(0, want.ids.length), want.ids);
};

function close(got: readonly number[], want: readonly number[], share: number): void {
  const scale = Math.max(...want.map(Math.abs));
  got.forEach((x, i) => assert.ok(Math.abs(x - want[i]!) <= share * scale, `logit ${i}: ${x} instead of ${want[i]}`));
}

describe('transformers and PEFT', { skip: PEERS_PYTHON ? false : 'needs PEERS_PYTHON' }, () => {
  const ids = [3, 14, 15, 92, 65, 35, 89];

  it('transformers loads merged models, one of them float16 in shards, and gives their logits', async () => {
    const cases = await Promise.all(
      (['llama', 'gpt2', 'gemma2', 'qwen2'] as const).map(async (family) => {
        const out = here.file(`st-${family}`);
        const adapters = [at(adapterOf(family, 'task'), 0.5)];
        await here.run({ model: join(REFERENCES, family), adapters, format: 'safetensors', out });
        return {
          out,
          want: await logitsOn(await subject(join(REFERENCES, family), here.dir, adapters), ids, [1, ids.length]),
        };
      }),
    );
    const half = here.file('llama-f16');
    await mkdir(half);
    await copyFile(join(REFERENCES, 'llama', 'config.json'), join(half, 'config.json'));
    await writeWeights(join(REFERENCES, 'llama'), half, 'F16', 2);
    await here.run({ model: half, format: 'safetensors', out: here.file('st-f16') });
    cases.push({ out: here.file('st-f16'), want: await logitsOn(await subject(half, here.dir), ids, [1, ids.length]) });
    const results = await python<{ logits: number[] }[]>(
      script('transformers_load.py'),
      JSON.stringify(ids),
      ...cases.map(({ out }) => out),
    );
    results.forEach(({ logits }, i) => close(logits, [...cases[i]!.want.slice(-128)], 3e-5));
  });

  it('PEFT loads a scaled adapter and a joined one and gives their logits', async () => {
    const pairs: string[] = [];
    const wants: number[][] = [];
    for (const family of ['llama', 'gpt2']) {
      const model = join(REFERENCES, family);
      for (const [name, adapters] of [
        ['scaled', [at(adapterOf(family, 'task'), -0.5)]],
        ['joined', [at(adapterOf(family, 'task')), at(adapterOf(family, 'security'), 0.5)]],
      ] as const) {
        const out = here.file(`peft-${family}-${name}`);
        await here.run({ model, adapters: [...adapters], format: 'peft', out });
        pairs.push(model, out);
        const logits = await logitsOn(await subject(model, here.dir, [...adapters]), ids, [1, ids.length]);
        wants.push([...logits.slice(-128)]);
      }
    }
    const results = await python<{ logits: number[] }[]>(
      script('peft_load.py'),
      '--ids',
      JSON.stringify(ids),
      ...pairs,
    );
    results.forEach(({ logits }, i) => close(logits, wants[i]!, 3e-5));
  });
});

describe('transformers.js', { skip }, () => {
  const transformers = new Peer<Answer & { error?: string }>(script('transformers_js.mjs'));
  after(() => transformers.close());

  it('loads the folder by its name alone and gives the same greedy answer', async () => {
    const out = here.file('onnx');
    await here.run({ model: SAMPLE, adapters: [at(lora)], format: 'onnx', out });
    for (const prompt of PROMPTS) {
      const want = await greedy(prompt, [at(lora)]);
      starts(await transformers.ask({ folder: out, prompt, tokens: TOKENS }), want);
    }
  });

  it('loads every family and answers as here, but for those of which the export says that it does not', async () => {
    const prompt = [3, 14, 15, 92, 65];
    for (const family of readdirSync(REFERENCES)) {
      const model = join(REFERENCES, family);
      if (!existsSync(join(model, 'config.json'))) continue;
      const out = here.file(`js-${family}`);
      const { notes } = await here.run({ model, format: 'onnx', out });
      const { error, ...answer } = await transformers.ask({ folder: out, prompt, tokens: TOKENS });
      assert.equal(error !== undefined, notes?.some((note) => note.startsWith('transformers.js 4 does not')) ?? false, `${family}: ${error}`); // oxfmt-ignore
      if (error !== undefined) continue;
      const ids = await greedyIds(await subject(model, here.dir), prompt, 2);
      starts(answer, { prompt, ids });
    }
  });
});

describe('llama.cpp', { skip }, () => {
  const llama = new Peer<Answer>(script('llama_cpp.mjs'));
  const logits = new Peer<{ logs?: number[]; error?: string }>(script('llama_cpp_logits.mjs'));
  after(() => Promise.all([llama.close(), logits.close()]));
  const answer = (model: string, prompt: string, lora?: string): Promise<Answer> =>
    llama.ask({ model, lora, prompt, tokens: TOKENS });

  it('loads F32, F16 and Q8_0 and gives the same greedy answer', async () => {
    for (const quantization of ['F32', 'F16', 'Q8_0'] as const) {
      const out = here.file(`sample-${quantization}.gguf`);
      await here.run({ model: SAMPLE, format: 'gguf', quantization, out });
      for (const prompt of PROMPTS) starts(await answer(out, prompt), await greedy(prompt, []));
    }
  });

  it('an adapter merged into the model, and beside it as a LoRA', async () => {
    const [merged, base, beside] = [here.file('merged.gguf'), here.file('base.gguf'), here.file('lora.gguf')];
    await here.run({ model: SAMPLE, adapters: [at(lora)], format: 'gguf', quantization: 'F32', out: merged });
    await here.run({ model: SAMPLE, format: 'gguf', quantization: 'F32', out: base });
    await here.run({ model: SAMPLE, adapters: [at(lora)], format: 'gguf', what: 'adapter', out: beside });
    for (const prompt of PROMPTS) {
      const want = await greedy(prompt, [at(lora)]);
      assert.notDeepEqual(want.ids, (await greedy(prompt, [])).ids, 'the adapter changes the answer');
      starts(await answer(merged, prompt), want);
      starts(await answer(base, prompt, beside), want);
    }
  });

  for (const name of Object.keys(PUBLISHED)) {
    it(`${name} as F32: the same distribution as ours, and with a LoRA beside`, async () => {
      const model = here.file(name);
      await writePublished(name, model);
      const adapters = [at(await randomAdapter(model, here.file(`${name}-adapter`)))];
      const [base, beside, merged] = ['', '-lora', '-merged'].map((what) => here.file(`${name}${what}.gguf`));
      await here.run({ model, format: 'gguf', quantization: 'F32', out: base! });
      await here.run({ model, adapters, format: 'gguf', what: 'adapter', out: beside! });
      // in other tensors than in the model's own folder
      const inParts = name.startsWith('granite-4');
      if (inParts) await here.run({ model, adapters, format: 'gguf', quantization: 'F32', out: merged! });
      // longer than the windows and the original contexts
      const ids = Array.from({ length: 24 }, (_, i) => ((i * 37 + 5) % 300) + 20);
      const files = [{ model: base! }, { model: base!, lora: beside! }, ...(inParts ? [{ model: merged! }] : [])];
      for (const [i, used] of [[], adapters, ...(inParts ? [adapters] : [])].entries()) {
        const { logs, error } = await logits.ask({ ...files[i]!, ids });
        assert.equal(error, undefined);
        const what = await subject(model, here.dir, used);
        const ours = await logitsOn(what, ids, [1, ids.length]);
        const want = logOfSoftmax(ours.slice(-what.spec.vocabSize));
        const worst = Math.max(...want.map((x, id) => Math.abs(x - logs![id]!)));
        // llama.cpp looks GELU up in a table of float16, and has one form of it; measured: 5e-6 without, 2e-3 with
        const limit = what.spec.layers[0]!.mlp.activation.startsWith('gelu') ? 1e-2 : 1e-4;
        assert.ok(worst < limit, `file ${i}, ${used.length} adapters: ${worst}`);
      }
    });
  }
});

function logOfSoftmax(logits: Float32Array): number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((a, x) => a + Math.exp(x - largest), 0);
  return [...logits].map((x) => x - largest - Math.log(sum));
}
