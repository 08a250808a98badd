import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadChatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { isObject } from '../../runtime/contract/isObject.js';
import { parseJsonObject } from '../../runtime/support/jsonFile.js';
import { damageJsonText, damageText } from './damage.js';
import { fuzz } from './harness.js';

const CASES = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'chatTemplates', 'cases.json'), 'utf8'),
) as Record<string, { template: string }>;
const TEMPLATES = Object.values(CASES).map(({ template }) => template);

const MESSAGES = [
  { role: 'user', content: 'What is 2 + 2?' },
  { role: 'assistant', content: 'It is 4.' },
  { role: 'user', content: 'Thanks 🙂' },
] as const;

const WORDS = [
  ...['{{', '}}', '{%', '%}', '{%-', '-%}', '{#', '#}', '(', ')', '[', ']', '|', '~', '+', '*', '**', '//', '%', "'", '"', ',', '.', ':', '='],
  ...['{% for a in range(10000) %}', '{% endfor %}', '{% if messages %}', '{% else %}', '{% endif %}', '{% set x = x ~ x %}', '{% macro m(a) %}'],
  ...['{% endmacro %}', '{{ m(m) }}', '{% call m() %}', "{% set x = 'a' * 1000000000 %}", '{{ range(99999999) }}', '{{ range(1e9, 0, -1) }}'],
  ...['{% set ns = namespace(x=[1]) %}', '{% set ns.x = ns.x + ns.x %}', '{% set x = [x, x, x, x] %}', '{{ x | tojson }}', '{{ messages | tojson(indent=9999999) }}'],
  ...["{{ 'a' | indent(99999999) }}", "{{ messages | join('x' * 9999) }}", "{{ 'aaaa' | replace('', 'b' * 99999) }}", "{{ ('a' * 9999).split('') }}"],
  ...['{{ messages.constructor }}', "{{ messages['__proto__'] }}", '{{ raise_exception("no") }}', '{{ strftime_now("%Y" * 99999) }}', '{% generation %}'],
  ...['{{ messages[::0] }}', '{{ messages[0:999999999:1] }}', '{{ 10 ** 400 }}', '{{ none.x }}', '{{ loop.index }}', '{{ cycler(1, 2) }}', '| trim', '| upper', '| list', '| sort'],
  ...['{{ ', ' }}', '(((((((((((((((('.repeat(2000), '[[[[[[[['.repeat(5000), 'not '.repeat(20000), '-'.repeat(20000), '{% if 1 %}'.repeat(5000), '\0', '\ud800'],
]; // oxfmt-ignore

function templateIn(config: string): string | undefined {
  try {
    const json: unknown = JSON.parse(config);
    return isObject(json) && typeof json.chat_template === 'string' ? json.chat_template : undefined;
  } catch {
    return undefined;
  }
}

fuzz<{ config: string; file?: string }>({
  name: 'chat template',
  rounds: 210,
  sources: () => [
    ...TEMPLATES.map((template) => ({ config: JSON.stringify({ chat_template: template }) })),
    { config: JSON.stringify({ chat_template: [{ name: 'tool', template: 'x' }, { name: 'default', template: TEMPLATES[0] }] }) },
    ...TEMPLATES.slice(0, 2).map((file) => ({ config: '{}', file })),
    { config: '{}' },
  ], // oxfmt-ignore
  damage: ({ config, file }, rng) => {
    if (file !== undefined) return { config, file: damageText(file, rng, WORDS) };
    const template = rng.int(6) ? templateIn(config) : undefined;
    if (template !== undefined) return { config: JSON.stringify({ chat_template: damageText(template, rng, WORDS) }) };
    return { config: damageJsonText(config, rng, [...TEMPLATES, ...WORDS, { name: 'default', template: 'x' }]) };
  },
  load: async ({ config, file }, folder) => {
    const path = join(folder, 'chat_template.jinja');
    if (file === undefined) rmSync(path, { force: true });
    else writeFileSync(path, file);
    const json = parseJsonObject(config, 'tokenizer_config.json');
    const template = await loadChatTemplate(folder, json, { bos_token: '<s>', eos_token: '</s>' }, '');
    for (const addGenerationPrompt of [false, true])
      assert.equal(typeof template.render(MESSAGES, { addGenerationPrompt }), 'string');
  },
});
