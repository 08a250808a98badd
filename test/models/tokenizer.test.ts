import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadTokenizer, makeTokenizer } from '../../runtime/models/text/tokenizer.js';
import type { Tokenizer } from '../../runtime/models/text/tokenizer.js';

const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), '../fixtures');
const json = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

interface Cases {
  vocabSize: number;
  strings: { text: string; ids: number[]; special?: number[]; decoded: string; skipped?: string }[];
  decode: { ids: number[]; decoded: string }[];
}

describe('ids and texts equal those of the tokenizers library', () => {
  const kinds = readdirSync(join(FIXTURES, 'tokenizers'), { withFileTypes: true }).filter((e) => e.isDirectory());
  assert.ok(kinds.length >= 26);
  for (const { name } of kinds) {
    test(name, async () => {
      const folder = join(FIXTURES, 'tokenizers', name);
      const cases = json(join(folder, 'cases.json')) as unknown as Cases;
      const tokenizer = await loadTokenizer(folder);
      assert.equal(tokenizer.vocabSize, cases.vocabSize);
      for (const { text, ids, special, decoded, skipped } of cases.strings) {
        assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), ids, JSON.stringify(text));
        assert.deepEqual(tokenizer.encode(text), special ?? ids, `with special tokens: ${JSON.stringify(text)}`);
        assert.equal(tokenizer.decode(ids), decoded);
        assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), skipped ?? decoded);
      }
      for (const { ids, decoded } of cases.decode) assert.equal(tokenizer.decode(ids), decoded, ids.join());
    });
  }
});

describe('SmolLM2-135M-Instruct', () => {
  interface SmolCases {
    strings: { text: string; ids: number[]; decoded: string; decoded_skip_special: string }[];
    chats: {
      messages: { role: 'user' | 'assistant' | 'system'; content: string }[];
      add_generation_prompt: boolean;
      text: string;
      ids: number[];
    }[];
  }
  const cases = json(join(FIXTURES, 'smollm2/cases.json')) as unknown as SmolCases;
  let tokenizer: Tokenizer;
  before(async () => {
    tokenizer = await loadTokenizer(join(FIXTURES, 'smollm2'));
  });

  test('all strings encode and decode to the reference', () => {
    assert.equal(cases.strings.length, 73);
    for (const { text, ids, decoded, decoded_skip_special } of cases.strings) {
      assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
      assert.equal(tokenizer.decode(ids), decoded);
      assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), decoded_skip_special);
    }
  });

  test('a text is encoded alike whatever was encoded before it', async () => {
    const added = tokenizer.decode([1]);
    const texts = cases.strings.slice(0, 20).map(({ text }) => `${added}${text}${added}${text}`);
    const first = texts.map((text) => tokenizer.encode(text));
    // More than is kept.
    for (let i = 0; i < 40; i++) tokenizer.encode(`${added}${`word ${i} `.repeat(4000)}`);
    for (const [i, text] of texts.entries()) {
      assert.deepEqual(tokenizer.encode(text), first[i]);
      assert.deepEqual(tokenizer.encode(text.slice(added.length)), first[i]!.slice(1));
    }
  });

  test('all chats render and encode to the reference, with and without generation prompt', () => {
    assert.equal(cases.chats.length, 18);
    assert.ok(
      cases.chats.some((chat) => chat.add_generation_prompt) && cases.chats.some((c) => !c.add_generation_prompt),
    );
    for (const { messages, add_generation_prompt, text, ids } of cases.chats) {
      const rendered = tokenizer.chatTemplate!.render(messages, { addGenerationPrompt: add_generation_prompt });
      assert.equal(rendered, text);
      assert.deepEqual(tokenizer.encode(rendered, { addSpecialTokens: false }), ids);
    }
  });

  test('special tokens are found', () => {
    assert.equal(tokenizer.bosId, 1);
    assert.deepEqual(tokenizer.eosIds, [2]);
    assert.equal(tokenizer.padId, 2);
    assert.equal(tokenizer.unkId, 0);
    assert.deepEqual(tokenizer.prefixIds, []);
    assert.equal(tokenizer.vocabSize, 49152);
    assert.equal(tokenizer.chatTemplate!.plain, false);
  });

  test('ids that are no tokens give no text', () => {
    assert.equal(tokenizer.decode([]), '');
    assert.equal(tokenizer.decode([49999, -1, 504, 1e9]), tokenizer.decode([504]));
  });
});

describe('a model folder', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
  });
  after(() => rm(folder, { recursive: true }));
  const put = async (files: Record<string, unknown>): Promise<void> => {
    await rm(folder, { recursive: true });
    await (await import('node:fs/promises')).mkdir(folder);
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
    }
  };
  const llama = json(join(FIXTURES, 'tokenizers/llama/tokenizer.json'));

  test('end tokens come from the tokenizer, then the generation config; config.json only without one', async () => {
    const config = { bos_token: { content: '<s>' }, eos_token: '<|end|>', pad_token: null };
    await put({ 'tokenizer.json': llama, 'tokenizer_config.json': config });
    let tokenizer = await loadTokenizer(folder);
    assert.deepEqual([tokenizer.bosId, tokenizer.eosIds, tokenizer.padId], [1, [480], undefined]);
    assert.deepEqual(tokenizer.prefixIds, [1]);
    await put({
      'tokenizer.json': llama,
      'tokenizer_config.json': config,
      'generation_config.json': { eos_token_id: [2, 480, 999_999, -1], pad_token_id: 0 },
      'config.json': { eos_token_id: 5, vocab_size: 512 },
    });
    tokenizer = await loadTokenizer(folder);
    assert.deepEqual([tokenizer.eosIds, tokenizer.padId, tokenizer.modelVocabSize], [[480, 2], 0, 512]);
    await put({ 'tokenizer.json': llama, 'config.json': { eos_token_id: 2, bos_token_id: 1 } });
    tokenizer = await loadTokenizer(folder);
    assert.deepEqual([tokenizer.bosId, tokenizer.eosIds], [1, [2]]);
  });

  test('what a chat template writes behind an answer ends it, too, before other ends', async () => {
    const turns = (end: string): string =>
      `{% for m in messages %}<s>{{ m.role }}\\n{{ m.content }}${end}\\n{% endfor %}{% if add_generation_prompt %}<s>assistant\\n{% endif %}`;
    const cases: [template: string, eosIds: number[]][] = [
      [turns('<|end|>'), [2, 480, 5]],
      // only at the very end of a text, as Phi's
      [`${turns(' <|end|>')}{% if not add_generation_prompt %}</s>{% endif %}`, [2, 480, 5]],
      // behind the mark that closes an answer stands the end that is known, as Command R7B's
      [turns('<|end|></s>'), [2, 5]],
      [turns('<|end|><unk>'), [2, 480, 5]],
      [turns('</s>'), [2, 5]],
      // no token of its own
      [turns('###'), [2, 5]],
      [turns(' end <|end|>'), [2, 5]],
      // not for such messages
      ["{{ raise_exception('no') }}", [2, 5]],
      ['{% for %}', [2, 5]],
      ['{{ bos_token }}', [2, 5]],
    ];
    for (const [chat_template, eosIds] of cases) {
      await put({
        'tokenizer.json': llama,
        'tokenizer_config.json': { eos_token: '</s>', chat_template },
        'generation_config.json': { eos_token_id: 5 },
      });
      assert.deepEqual((await loadTokenizer(folder)).eosIds, eosIds, chat_template);
    }
    // the model has no embedding for it
    await put({
      'tokenizer.json': llama,
      'tokenizer_config.json': { eos_token: '</s>', chat_template: turns('<|end|>') },
      'config.json': { vocab_size: 480 },
    });
    assert.deepEqual((await loadTokenizer(folder)).eosIds, [2]);
  });

  test('added tokens may have ids that the model lacks, which are then no padding', async () => {
    const added = [{ id: 600, content: '<image>', special: true, normalized: false, lstrip: false, rstrip: false }];
    const model = llama.model as { vocab: Record<string, number> };
    const files = {
      'tokenizer.json': { ...llama, added_tokens: [...(llama.added_tokens as unknown[]), ...added] },
      'tokenizer_config.json': { eos_token: '<|end|>', pad_token: '<image>' },
      'generation_config.json': { eos_token_id: [600, 2] },
      'config.json': { vocab_size: 512 },
    };
    const sizes = ({ vocabSize, ownVocabSize }: Tokenizer): number[] => [vocabSize, ownVocabSize];
    await put(files);
    const tokenizer = await loadTokenizer(folder);
    assert.deepEqual([tokenizer.eosIds, tokenizer.padId], [[480, 2], undefined]);
    const own = tokenizer.ownVocabSize;
    assert.deepEqual(sizes(tokenizer), [601, own]);
    assert.ok(own <= 512);
    // some files list them in both places
    const twice = { ...files['tokenizer.json'], model: { ...model, vocab: { ...model.vocab, '<image>': 600 } } };
    await put({ ...files, 'tokenizer.json': twice });
    assert.deepEqual(sizes(await loadTokenizer(folder)), [601, own]);
    await put({
      ...files,
      'tokenizer.json': { ...twice, added_tokens: llama.added_tokens },
      'tokenizer_config.json': {},
    });
    assert.deepEqual(sizes(await loadTokenizer(folder)), [601, 601]);
  });

  test('templates get the special tokens by name; where only the model has an end token, that one', async () => {
    const chat_template = '{{ bos_token }}|{{ eos_token }}|{{ sep_token }}|{{ image_token }}|{{ foo }}';
    const text = async (config: object, model = {}): Promise<string> => {
      await put({
        'tokenizer.json': llama,
        'tokenizer_config.json': { chat_template, ...config },
        'config.json': model,
      });
      const { chatTemplate } = await loadTokenizer(folder);
      return chatTemplate!.render([], { addGenerationPrompt: false });
    };
    const more = { image_token: { content: '<img>' }, extra_special_tokens: { foo: 'bar' } };
    assert.equal(await text({ bos_token: '<s>', sep_token: '</s>', ...more }), '<s>||</s>|<img>|bar');
    assert.equal(await text({}, { bos_token_id: 1, eos_token_id: [2, 480] }), '<s>|</s>|||');
    assert.equal(await text({ bos_token: null }, { bos_token_id: 1, eos_token_id: 2 }), '|</s>|||');
  });

  test('without a tokenizer the error has a remedy', async () => {
    await put({ 'config.json': {} });
    await assert.rejects(loadTokenizer(folder), {
      name: 'HumanError',
      message: /no tokenizer\.json/,
      place: join(folder, 'tokenizer.json'),
      remedy: /Copy tokenizer\.json/,
    });
    await put({ 'config.json': {}, 'tokenizer.model': 'x' });
    await assert.rejects(loadTokenizer(folder), { remedy: /older format.*save_pretrained/ });
  });

  test('a broken or unsupported tokenizer.json is refused by name', async () => {
    const broken: [unknown, RegExp][] = [
      ['{"model": ', /not valid JSON/],
      ['[]', /JSON object/],
      [{}, /no "model"/],
      [{ model: { type: 'Char', vocab: {} } }, /model type "Char" is not known/],
      [{ model: { type: 'BPE', vocab: { a: 5e9 }, merges: [] } }, /id of "a" is 5000000000/],
      [{ model: { type: 'BPE', vocab: { a: 0 }, merges: ['a b c'] } }, /merge 0 is not a pair/],
      [{ model: { type: 'Unigram', vocab: [['a', 'x']] } }, /entry 0/],
      [{ ...llama, pre_tokenizer: { type: 'UnicodeScripts' } }, /unknown pre-tokenizer "UnicodeScripts"/],
      [{ ...llama, decoder: { type: 'CTC' } }, /unknown decoder "CTC"/],
      [{ ...llama, normalizer: { type: 'Nmt' } }, /Unknown Normalizer type: Nmt/],
      [{ ...llama, normalizer: { type: 'x'.repeat(5000) } }, /^.{1,400}$/],
      [{ ...llama, post_processor: { type: 'Other' } }, /unknown post-processor "Other"/],
      [
        { ...llama, normalizer: { type: 'Strip', strip_left: true }, added_tokens: [{ id: 3, content: ' ' }] },
        /nothing is left of the added token " "/,
      ],
      [
        { ...llama, normalizer: { type: 'Replace', pattern: { String: 'e' }, content: 'e'.repeat(1000) } },
        /makes texts too long/,
      ],
    ];
    for (const [content, message] of broken) {
      await put({ 'tokenizer.json': content });
      await assert.rejects(loadTokenizer(folder), {
        name: 'HumanError',
        message,
        place: join(folder, 'tokenizer.json'),
      });
    }
  });

  test('a special token that only the config names is cut out of a text', async () => {
    const plain = structuredClone(llama);
    plain.added_tokens = [];
    await put({
      'tokenizer.json': plain,
      'tokenizer_config.json': {
        eos_token: '</s>',
        added_tokens_decoder: { 481: { content: '<|tool|>', special: true, normalized: false } },
      },
    });
    const tokenizer = await loadTokenizer(folder);
    assert.equal(tokenizer.encode('a</s>', { addSpecialTokens: false }).at(-1), 2);
    assert.equal(tokenizer.encode('a<|tool|>').at(-1), 481);
    assert.equal(tokenizer.decode([481], { skipSpecialTokens: true }), '');
  });
});

describe('where @huggingface/tokenizers differs from the tokenizers library', () => {
  // The ids are those of tokenizers 0.23.
  const encoder = (file: object) => {
    const { encode } = makeTokenizer(file as Parameters<typeof makeTokenizer>[0], {}, 'tokenizer.json');
    return (text: string): number[] => encode(text, { addSpecialTokens: false });
  };
  const unigram = {
    ...{ type: 'Unigram', unk_id: 0 },
    vocab: [['<unk>', 0], ['a', -1], ['b', -1], ['▁', -2], ['▁a', -1.5]],
  }; // oxfmt-ignore
  const words = { type: 'WordLevel', unk_token: '[UNK]', vocab: { '[UNK]': 0, ab: 1, a: 2 } };
  const first = { type: 'Metaspace', prepend_scheme: 'first' };
  const added = (id: number, content: string, more = {}) => ({
    id,
    content,
    special: false,
    normalized: false,
    ...more,
  });
  const bySpaces = { type: 'WhitespaceSplit' };

  test('a BPE without an unknown token merges over what it does not know', () => {
    const vocab = { l: 0, a: 1, y: 2, la: 3, lay: 4 };
    const encode = encoder({ model: { type: 'BPE', unk_token: null, vocab, merges: ['l a', 'la y'] } });
    assert.deepEqual(encode('lazy'), [4]);
  });

  test('unknown tokens become one within a word only', () => {
    assert.deepEqual(encoder({ model: unigram, pre_tokenizer: { type: 'Whitespace' } })('a xx !? b'), [1, 0, 0, 2]);
  });

  test('the start of a text is where nothing was removed', () => {
    const pre_tokenizer = { type: 'Sequence', pretokenizers: [bySpaces, first] };
    const split = encoder({ model: unigram, pre_tokenizer });
    assert.deepEqual([split('a a'), split(' a a')], [[4, 1], [1, 1]]); // oxfmt-ignore
    const stripped = encoder({
      ...{ model: unigram, pre_tokenizer: first },
      normalizer: { type: 'Strip', strip_left: true, strip_right: false },
    });
    assert.deepEqual([stripped('a'), stripped(' a')], [[4], [1]]);
    const token = encoder({
      ...{ model: unigram, pre_tokenizer: first, normalizer: { type: 'Lowercase' } },
      added_tokens: [added(5, '<T>', { normalized: true })],
    });
    assert.deepEqual([token('a<t>a'), token('a<T> a')], [[4, 5, 1], [4, 5, 4]]); // oxfmt-ignore
  });

  test('added tokens as single words, with the white space that they take', () => {
    const encode = encoder({
      ...{ model: words, pre_tokenizer: bySpaces },
      added_tokens: [
        added(3, 'x', { single_word: true }),
        added(4, '  ', { rstrip: true }),
        added(5, 'y', { lstrip: true, rstrip: true }),
      ],
    });
    const expected = { 'x a': [3, 2], 'ax a': [0, 2], 'a x!': [2, 3, 0], éx: [0], 'a    a': [2, 4, 4, 2], 'a y  a': [2, 5, 4, 2], yy: [5, 5], 'x\u0301': [0] }; // oxfmt-ignore
    for (const [text, ids] of Object.entries(expected)) assert.deepEqual(encode(text), ids, text);
  });

  test('an added token is no word of the model', () => {
    const encode = encoder({
      ...{ model: words, pre_tokenizer: bySpaces, normalizer: { type: 'BertNormalizer', clean_text: true } },
      added_tokens: [added(3, 'cd'), added(1, 'ab')],
    });
    assert.deepEqual(['cd', 'c\0d', 'a\0b'].map(encode), [[3], [0], [1]]);
  });

  test('small letters one by one, ideographs of all planes, nothing before nothing', () => {
    const vocab = { '[UNK]': 0, σασ: 1, 𠀀: 2, b: 3, '▁': 4 };
    const model = { type: 'WordLevel', unk_token: '[UNK]', vocab };
    const bert = { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true };
    const encode = encoder({ model, pre_tokenizer: bySpaces, normalizer: bert });
    assert.deepEqual([encode('ΣΑΣ'), encode('𠀀B')], [[1], [2, 3]]);
    assert.deepEqual(encoder({ model, pre_tokenizer: bySpaces, normalizer: { type: 'Lowercase' } })('ΣΑΣ'), [1]);
    const normalizers = [
      { type: 'Strip', strip_left: true },
      { type: 'Prepend', prepend: '▁' },
    ];
    assert.deepEqual(encoder({ model, normalizer: { type: 'Sequence', normalizers } })(' '), []);
  });

  test('places to cut, and letters that are the same where case is ignored', () => {
    const vocab = { '[UNK]': 0, '1': 1, '234': 2, '567': 3, a: 4, "'ſ": 5, '\u212a': 6, '': 7 };
    const split = (Regex: string, behavior = 'Isolated') =>
      encoder({
        model: { type: 'WordLevel', unk_token: '[UNK]', vocab },
        pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior, invert: false },
      });
    for (const behavior of ['Isolated', 'MergedWithPrevious', 'MergedWithNext'])
      assert.deepEqual(split('(?=(\\d{3})+(?!\\d))', behavior)('1234567'), [1, 2, 3], behavior);
    assert.deepEqual(split("(?i:'s|k)|a")("a'ſ\u212a"), [4, 5, 6]);
  });

  test('a template has ids of its own; a minus sign can be a delimiter', () => {
    const single = [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
    const special_tokens = { '<s>': { id: '<s>', ids: [2, 1], tokens: ['a', 'ab'] } };
    const file = {
      ...{ model: words, pre_tokenizer: { type: 'CharDelimiterSplit', delimiter: '-' } },
      post_processor: { type: 'TemplateProcessing', single, special_tokens },
    };
    assert.deepEqual(encoder(file)('a-ab'), [2, 1]);
    assert.deepEqual(makeTokenizer(file, {}, 'tokenizer.json').encode('a-ab'), [2, 1, 2, 1]);
  });
});

test('a regular expression that backtracks for ever is stopped', { timeout: 30_000 }, () => {
  const gpt2 = json(join(FIXTURES, 'tokenizers/gpt2/tokenizer.json'));
  gpt2.pre_tokenizer = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false };
  const tokenizer = makeTokenizer(gpt2, {}, 'tokenizer.json');
  assert.throws(() => tokenizer.encode(`${'a'.repeat(60)}b`), { name: 'HumanError', message: /takes too long/ });
  assert.deepEqual(tokenizer.decode(tokenizer.encode('stillworks')), 'stillworks');
});
