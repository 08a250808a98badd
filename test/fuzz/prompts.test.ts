import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPrompts } from '../../runtime/recipes/protection/prompts.js';
import { damageJsonText, damageText, JSON_WORDS } from './damage.js';
import { fuzz } from './harness.js';

const GOOD = [
  { messages: [{ role: 'user', content: 'Hi' }], harmful: 'Yes', base: 'No' },
  { prompt: 'Once', harmful: ' a', base: ' b' },
  { prompt: 'Twice', base: ' c', ordinary: true },
];
const VALUES: readonly unknown[] = ['user', 'system', 'tool', GOOD[0].messages, { role: 'user', content: 5 }];

/** prompts.jsonl, which comes with a security vector. */
fuzz<string>({
  name: 'prompts of a vector',
  rounds: 180,
  sources: () => [...GOOD.map((prompt) => JSON.stringify(prompt)), GOOD.map((p) => JSON.stringify(p)).join('\n')],
  damage: (source, rng) =>
    rng.int(4) ? damageJsonText(source, rng, VALUES) : damageText(source, rng, [...JSON_WORDS, '\n', '\r\n']),
  load: async (text, folder) => {
    const file = join(folder, 'prompts.jsonl');
    writeFileSync(file, text);
    for (const prompt of (await readPrompts(file)) ?? []) {
      assert(typeof prompt.base === 'string');
      assert(prompt.ordinary ? !('harmful' in prompt) : typeof prompt.harmful === 'string');
      if (prompt.messages) assert(prompt.messages.every(({ content }) => typeof content === 'string'));
      else assert(typeof prompt.prompt === 'string');
    }
  },
});
