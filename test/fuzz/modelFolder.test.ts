import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectModel } from '../../runtime/calls/inspect.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { damageJsonText } from './damage.js';
import { fuzz } from './harness.js';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
const MODEL = join(FIXTURES, 'reference', 'llama');
const TOKENIZER = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  bos_token: '<s>',
  eos_token: { content: '</s>', lstrip: false },
  chat_template: "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{{ eos_token }}{% endfor %}",
  extra_special_tokens: { image_token: '<img>' },
};
const FILES = ['config.json', 'generation_config.json', 'tokenizer_config.json', 'special_tokens_map.json'] as const;
type Files = Record<(typeof FILES)[number], string>;

const VALUES: readonly unknown[] = [
  ...['</s>', ['</s>'], [1, 2], 0, 1, 1e9, { content: 5 }, { content: '<s>' }, [{ name: 'default', template: 'x' }]],
  ...['{{ messages }}', 'llama', 'mamba', ['LlamaForCausalLM'], [[1]], { text_config: {} }],
];

/** The JSON files of a model's folder beside each other, as the folder is looked at and its tokenizer is loaded. */
fuzz<Files>({
  name: 'model folder',
  rounds: 100,
  sources: (folder) => {
    mkdirSync(join(folder, 'model'));
    cpSync(join(MODEL, 'model.safetensors'), join(folder, 'model', 'model.safetensors'));
    cpSync(join(FIXTURES, 'tokenizers', 'llama', 'tokenizer.json'), join(folder, 'model', 'tokenizer.json'));
    return [
      {
        'config.json': readFileSync(join(MODEL, 'config.json'), 'utf8'),
        'generation_config.json': '{"eos_token_id":[2,3],"bos_token_id":1,"pad_token_id":0}',
        'tokenizer_config.json': JSON.stringify(TOKENIZER),
        'special_tokens_map.json': '{"unk_token":"<unk>","additional_special_tokens":["<x>"]}',
      },
    ];
  },
  damage: (files, rng) => {
    const name = rng.pick(FILES);
    return { ...files, [name]: damageJsonText(files[name], rng, VALUES) };
  },
  load: async (files, folder) => {
    const model = join(folder, 'model');
    for (const name of FILES) writeFileSync(join(model, name), files[name]);
    const info = await inspectModel(model);
    for (const count of [info.parameters, info.layers, info.contextLength])
      assert(count === null || Number.isSafeInteger(count), JSON.stringify(info));
    for (const text of [info.architecture, info.reason]) assert(text === null || typeof text === 'string');
    const tokenizer = await loadTokenizer(model);
    for (const id of [...tokenizer.eosIds, tokenizer.bosId ?? 0, tokenizer.padId ?? 0])
      assert(Number.isSafeInteger(id) && id >= 0);
    tokenizer.chatTemplate?.render([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true });
    return info.supported;
  },
});
