/** Templates are run as Jinja2 and Python run them, where the library of JavaScript knows something else or less. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ChatMessage } from '../../runtime/contract/generation.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';

const chat: ChatMessage[] = [
  { role: 'user', content: 'Hi <b>' },
  { role: 'assistant', content: 'Hello' },
  { role: 'user', content: 'Why?' },
];
const render = (source: string): string =>
  chatTemplate(source, 'tokenizer_config.json').render(chat, { addGenerationPrompt: true });
// Left: templates; right: what Jinja2 3.1 and transformers 5.23 make of them.
const writes = (...cases: [source: string, text: string][]): void => {
  for (const [source, text] of cases) test(source, () => assert.equal(render(source), text));
};
const refuses = (...sources: string[]): void => {
  for (const source of sources) test(source, () => assert.throws(() => render(source), { name: 'HumanError' }));
};

describe('what filters make on the way is no list', () => {
  writes(
    ["{{ 1 if messages|selectattr('role', 'equalto', 'tool') else 0 }}{{ 1 if []|map('upper') else 0 }}", '11'],
    ["{% set g = messages|map(attribute='role') %}{{ g|join('-') }}|{% for r in g %}{{ r }}{% endfor %}", 'user-assistant-user|'],
    ["{% set g = messages|selectattr('role', 'equalto', 'user') %}{{ g|list|length }}{{ g|list|length }}", '20'],
    ["[{{ (messages|map(attribute='role'))[0] }}]{{ messages|map(attribute='role') is sequence }}", '[]False'],
    ["{{ messages|map(attribute='role') is iterable }}{{ 'user' in messages|map(attribute='role') }}", 'TrueTrue'],
    ["{{ messages|map(attribute='role')|map('upper')|first }}{{ [3, 1]|reverse|list }}{{ 'abc'|reverse }}", 'USER[1, 3]cba'],
    ["{{ messages|map(attribute='role')|default('x')|list|length }}{{ x|map('upper')|list }}", '3[]'],
    ["{{ {'a': 1}.items() }}{{ {'a': 1}.keys()|list }}{{ {'a': 1}.values()|length }}{{ {}.items() is sequence }}", "dict_items([('a', 1)])['a']1False"],
    ["{% set i = {'a': 1}.items() %}{{ i|list }}{{ i|list }}{{ {'a': 1}|items|list }}", "[('a', 1)][('a', 1)][('a', 1)]"],
  ); // oxfmt-ignore
  refuses(
    "{{ messages|map(attribute='role')|length }}",
    "{{ messages|map(attribute='role')|tojson }}",
    "{{ messages|selectattr('role') }}",
  );
});

describe('a text that is safe makes others safe', () => {
  writes(
    ["{{ 'a'|safe + '<b>' }}{{ '<x>' + ('\"y\"'|safe) }}{{ ('a'|safe) ~ '<' }}", 'a&lt;b&gt;&lt;x&gt;"y"a<'],
    ["{{ (['<a>']|tojson|safe) + '<' }}{{ ('<a>'|safe|trim) + '<' }}{{ '<a> '|safe }}", '["<a>"]&lt;<a>&lt;<a> '],
    ["{{ messages[0].content|safe + '&' + ('<'|safe).strip() + '\\'' }}", 'Hi <b>&amp;<&#39;'],
  ); // oxfmt-ignore
});

describe('texts and lists', () => {
  writes(
    ["{{ messages|join(', ', attribute='role') }}{{ messages|join('', 'content') }}{{ [1, none]|join }}", 'user, assistant, userHi <b>HelloWhy?1None'],
    ["{{ 'abc'.startswith('b', 1) }}{{ 'abc'.endswith('b', 0, 2) }}{{ 'abc'.startswith(('x', 'a')) }}", 'TrueTrueTrue'],
    ['{{ (1, 2) == [1, 2] }}{{ (1, 2) == (1, 2) }}{{ (1, 2, 3)[1:] }}{{ (1, 2)[0] }}', 'FalseTrue(2, 3)1'],
  ); // oxfmt-ignore
});

describe('what is told apart and put into order', () => {
  writes(
    ["{{ 'a' < 'b' }}{{ 'Z' < 'a' }}{{ '\u{1f600}' > '\uffff' }}{{ '' < 'a' }}{{ 'abc' <= 'abd' }}", 'TrueTrueTrueTrueTrue'],
    ["{{ (1, 2) < (1, 3) }}{{ (1, 'b') <= (1, 'b') }}{{ [1] < [1, 2] }}{{ [2] > [1, 2] }}{{ 1 < 1.5 }}", 'TrueTrueTrueTrueTrue'],
    ["{{ ['b', 'A', 'c']|sort }}{{ ['b', 'A']|sort(true, true) }}{{ [[1, 'a'], [0, 'b']]|sort }}", "['A', 'b', 'c']['b', 'A'][[0, 'b'], [1, 'a']]"],
    ["{{ messages|sort(attribute='role')|map(attribute='content')|list }}{{ messages|unique(attribute='role')|list|length }}", "['Hello', 'Hi <b>', 'Why?']2"],
    ["{{ ['b', 'A']|min }}{{ ['b', 'A']|max(case_sensitive=true) }}{{ messages|map(attribute='role')|max }}", 'Abuser'],
    ["{{ {'b': 1, 'a': 2}|dictsort }}{{ {'b': 1, 'a': 2}|dictsort(false, 'value') }}{{ {'b': 1, 'A': 2}|dictsort(reverse=true) }}", "[('a', 2), ('b', 1)][('b', 1), ('a', 2)][('b', 1), ('A', 2)]"],
  ); // oxfmt-ignore
  refuses("{{ 'a' < 1 }}", '{{ none < 1 }}', '{{ [1] < (1, 2) }}', '{{ 3 > 2 > 1 }}', "{{ [1, 'a']|sort }}");
});

describe('sums, rounded numbers and places in texts', () => {
  writes(
    ["{{ [1, 2]|sum }}{{ [0.1, 0.2]|sum }}{{ messages|sum(attribute='x', start=2) if false }}{{ [[1], [2]]|sum(start=[]) }}{{ x|sum }}", '30.30000000000000004[1, 2]0'],
    ['{{ 3.7|round }} {{ 2.5|round }} {{ 0.125|round(2) }} {{ 2.675|round(2) }} {{ 1250|round(-2) }} {{ 3|round }} {{ -2.5|round|int }}', '4.0 2.0 0.12 2.67 1200 3 -2'],
    ["{{ 3.2|round(0, 'floor') }} {{ 2.11|round(1, 'ceil') }} {{ 5|round(method='floor') }}", '3.0 2.2 5.0'],
    ["{{ '%s-%d'|format('a', 3) }} {{ '%(a)s'|format(a=1) }} {{ '%.2f' % 1.005 }} {{ '%.1f' % 0.25 }} {{ '%s %s' % ('a', none) }}", 'a-3 1 1.00 0.2 a None'],
    ["{{ '%05d|%-5s|%5s|%+d|%%' % (-42, 'a', '\u{1f600}', 3) }} {{ '%d' % 3.9 }} {{ '%.2s' % 'abc' }}", '-0042|a    |    \u{1f600}|+3|% 3 ab'],
  ); // oxfmt-ignore
  refuses("{{ '%s' % ('a', 'b') }}", "{{ '%s %s' % 'a' }}", "{{ '%d' % 'a' }}", "{{ '%2000s' % 'a' }}", '{{ 1e9 }}');
});

describe('tuples of one and of nothing', () => {
  writes(
    ["{{ (1,) }}{{ () }}{{ ('a',)[0] }}{{ ((1, 2), (3,)) }}{{ (1)|string }}{{ (1, 2)|list }}", "(1,)()a((1, 2), (3,))1[1, 2]"],
    ["{{ 'abc'.startswith(('a',)) }}{{ range(3,)|list }}{{ messages[0].get('role',) }}{{ (1, 2) + (3,) }}", 'True[0, 1, 2]user(1, 2, 3)'],
    ["{% macro m(a, b=(1,)) %}{{ a }}{{ b }}{% endmacro %}{{ m(1,) }}{{ m((2,)) }}{{ m(()) }}{% if not (x) %}b{% endif %}", '1(1,)(2,)(1,)()(1,)b'],
    ["{% for a in () %}x{% else %}none{% endfor %}{% for a in (1,) %}{{ a }}{% endfor %}{% set a = (1, 2,) %}{{ a|length }}", 'none12'],
  ); // oxfmt-ignore
});

describe('what is raw', () => {
  writes(
    ['a {% raw %}{{ x }} {% if %}{% endraw %} b', 'a {{ x }} {% if %} b'],
    ['a {%- raw -%} {{ x }} {%- endraw -%} b', 'a{{ x }}b'],
    ['a\n  {% raw %}\n"q" \'a\' \\n {# c #} é\u{1f600}\n  {% endraw %}\nb', 'a\n\n"q" \'a\' \\n {# c #} é\u{1f600}\nb'],
  ); // oxfmt-ignore
});
