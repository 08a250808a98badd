/** Whether llama.cpp cuts text into words as the pre-tokenizers do that we have under its names. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { readGguf } from '../../runtime/models/gguf/file/gguf.js';
import { readMetadata } from '../../runtime/models/gguf/file/metadata.js';
import { PRE_TOKENIZERS } from '../../runtime/models/gguf/preTokenizers.js';
import { convertTokenizer } from '../../runtime/models/gguf/tokenizer.js';
import { writeGgufFile } from '../../runtime/models/gguf/file/writeFile.js';
import { BYTE_CHARACTERS } from '../../runtime/models/text/preTokenizers.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { ROOT } from '../calls/support.js';
import { peersInstalled } from '../peers/setup.mjs';

const TEXTS = [
  ...[
    "I'm, He'LL don't",
    "A'S B'RE'x",
    'don’t ‘q’',
    '"it\'s"\n\tx',
    'a  b   c',
    '  lead',
    'a\t\tb ',
    'x\n\ny \n z\r\n',
  ],
  ...['\n\n\n  a', '12345 678,9', 'x1y22z333', ' 1 22', 'a1000000b', '$5.00 + 10%', '¼½ ٣٤٥ ²³', '(a)=[b]; //c'],
  ...['foo_bar-baz', '...wait!!! ok', '!abc #tag @me', '`code` <b>~|^', 'a, b. c… d، e。', 'ABCdef GHi jK'],
  ...['ÜberGröße ñ', 'русский Текст', 'ǅa ªb ℵc', '日本語とカナ', '한국어 텍스트', 'ￇ ﬁ ＡＢ！', '🙂🙂 ok'],
  ...['\u00e9\u0301\u00e0 x\u0302', 'नमस्ते दुनिया', 'กขค ໃຫ້'],
];

/** Where llama.cpp is known to do otherwise than the models' own tokenizers. */
const cased = /\p{M}/u; // letters are told from marks, and only ASCII has upper and lower case
const falcon = /\P{ASCII}| \d/u; // digits are looked for in the bytes of other characters, and apart from the space before them
const OTHERWISE: Readonly<Record<string, RegExp>> = {
  ...{ falcon, default: falcon, tekken: cased, 'gpt-4o': cased },
  tiny_aya: /[A-Z][a-z]|\P{ASCII}|\d[a-z]/u, // letters are made small, and digits may be followed by a letter
  'deepseek-llm': /\p{N}\p{N}/u, // digits stay together; the vocabulary has none of more than one
  pixtral: /^/, // as in Llama 3
};

/** Every part of every text, in every way to join it of two: a word becomes one token, whatever it is. */
function vocabulary(): { tokens: string[]; merges: string[] } {
  const tokens = new Set(BYTE_CHARACTERS);
  const merges = new Set<string>();
  const words = TEXTS.map((text) => [...Buffer.from(text)].map((byte) => BYTE_CHARACTERS[byte]!));
  const longest = Math.max(...words.map(({ length }) => length));
  for (let length = 2; length <= longest; length++)
    for (const word of words)
      for (let from = 0; from + length <= word.length; from++) {
        const part = word.slice(from, from + length);
        tokens.add(part.join(''));
        for (let cut = 1; cut < length; cut++) merges.add(`${part.slice(0, cut).join('')} ${part.slice(cut).join('')}`);
      }
  return { tokens: [...tokens], merges: [...merges] };
}

const skip = peersInstalled() ? false : 'needs node test/peers/setup.mjs';
it('llama.cpp cuts words at the same places, but for what is listed', { skip }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tokens-'));
  try {
    const { tokens, merges } = vocabulary();
    const names = Object.keys(PRE_TOKENIZERS);
    const sizes = ['context_length', 'embedding_length', 'block_count', 'feed_forward_length', 'attention.head_count'];
    for (const name of names)
      await writeGgufFile(
        join(dir, `${name}.gguf`),
        {
          'general.architecture': { text: 'llama' },
          ...Object.fromEntries(sizes.map((size) => [`llama.${size}`, { u32: 1 }])),
          'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
          'llama.vocab_size': { u32: tokens.length },
          'tokenizer.ggml.model': { text: 'gpt2' },
          'tokenizer.ggml.pre': { text: name },
          'tokenizer.ggml.tokens': { texts: tokens },
          'tokenizer.ggml.merges': { texts: merges },
          'tokenizer.ggml.add_bos_token': { bool: false },
        },
        [],
      );
    const script = join(ROOT, 'test/peers/llama_cpp_tokens.mjs');
    const files = names.map((name) => join(dir, `${name}.gguf`));
    const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(TEXTS), ...files], { maxBuffer: 2 ** 26 }); // oxfmt-ignore
    const theirs = JSON.parse(stdout) as number[][][];
    for (const [i, name] of names.entries()) {
      const folder = join(dir, name);
      await mkdir(folder);
      const { tokenizer } = convertTokenizer(readMetadata(readGguf(files[i]!)), 64)!;
      await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
      const ours = await loadTokenizer(folder);
      for (const [j, text] of TEXTS.entries()) {
        if (OTHERWISE[name]?.test(text)) continue;
        const shown = (ids: number[]): string => ids.map((id) => tokens[id]).join('|');
        assert.equal(shown(ours.encode(text, { addSpecialTokens: false })), shown(theirs[i]![j]!), `${name}: ${text}`);
      }
    }
  } finally {
    await rm(dir, { recursive: true });
  }
});
