import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HumanError } from '../../runtime/support/errors.js';
import type { ChatMessage } from '../../runtime/contract/generation.js';
import { chatTemplate, loadChatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { processorTime } from '../support/processorTime.js';

const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), '../fixtures');
interface TemplateCases {
  template: string;
  cases: { messages: ChatMessage[]; text?: string; prompt?: string; error?: string }[];
}
const templates = JSON.parse(readFileSync(join(FIXTURES, 'chatTemplates/cases.json'), 'utf8')) as Record<
  string,
  TemplateCases
>;
const special = {
  bos_token: '<|im_start|>',
  eos_token: '<|im_end|>',
  pad_token: '<|im_end|>',
  unk_token: '<|endoftext|>',
};
const hi: ChatMessage[] = [{ role: 'user', content: 'Hi' }];
const render = (source: string, messages = hi): string =>
  chatTemplate(source, 'tokenizer_config.json', special).render(messages, { addGenerationPrompt: true });

describe('renders what Jinja2 renders', () => {
  for (const [name, { template, cases }] of Object.entries(templates)) {
    test(name, () => {
      const own = chatTemplate(template, name, special);
      for (const { messages, text, prompt, error } of cases) {
        if (error !== undefined) {
          assert.throws(
            () => own.render(messages, { addGenerationPrompt: false }),
            (e: HumanError) => {
              assert.ok(e instanceof HumanError && e.place === name);
              assert.ok(
                e.message.startsWith(`the chat template rejects these messages: ${error.replace(/\.+$/, '')}`),
                e.message,
              );
              return true;
            },
          );
          continue;
        }
        assert.equal(own.render(messages, { addGenerationPrompt: false }), text);
        assert.equal(own.render(messages.slice(0, -1), { addGenerationPrompt: true }), prompt);
      }
    });
  }
});

test('the date is always the same', () => {
  assert.equal(render('{{ strftime_now("%d %b %Y, %A %B %m") }}'), '26 Jul 2024, Friday July 07');
  assert.equal(render('{{ strftime_now("%-m/%y") }}'), '7/24');
  assert.throws(() => render('{{ strftime_now("%j") }}'), /date format "%j"/);
});

describe('what the library takes for JavaScript is Python', () => {
  const chat: ChatMessage[] = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: '\n\n  Yes' },
    { role: 'user', content: 'A\u{1f600}' },
  ];
  // Left: templates; right: what Jinja2 3.1 and transformers 5.23 make of them.
  const cases: [source: string, text: string][] = [
    ["{{ '' == false }}{{ 1 == true }}{{ '1' == 1 }}{{ none == x }}{{ [] == [] }}", 'FalseTrueFalseFalseTrue'],
    ['{{ true }}{{ none }}{{ 1/2 }}{{ x }}{{ false ~ none ~ x }}', 'TrueNone0.5FalseNone'],
    ["{{ '1' in [1] }}{{ none in [none] }}{{ x in ['a'] }}{{ 'a' in x }}", 'FalseTrueFalseFalse'],
    ["[{{ messages[1].content.lstrip('\\n') }}][{{ messages[1]['content'].strip() }}][{{ 'xxaxx'.strip('x') }}]", '[  Yes][Yes][a]'],
    ["[{{ '--x-'|trim('-') }}][{{ '\\u00a0\\ufeff x\\u0085'|trim }}]", '[x][\ufeff x]'],
    ["{{ ' a\\u0085b  c '.split()|join('-') }}{{ 'a,b,c'.split(',', 1)|join('-') }}", 'a-b-ca-b,c'],
    ["{{ messages[2].content|length }}{{ messages[2].content[1] }}{{ messages[2].content[-1:] }}", '2\u{1f600}\u{1f600}'],
    ["{{ 'hELLO wORLD'|capitalize }} {{ 'hELLO wORLD'|title }}", 'Hello world Hello World'],
    ["{{ x|upper }}{{ x|length }}{{ x|first }}{{ x|join(',') }}{{ [true, none]|join(',') }}", '0True,None'],
    ["{% for m in messages %}{% if loop.first %}{% set x = 'F' %}{% endif %}[{{ x }}]{% endfor %}", '[F][][]'],
    ["{% for m in messages %}{% if m.role == 'user' %}U{% continue %}{% endif %}{{ m.role }}{% endfor %}", 'UassistantU'],
    ["{% for m in messages %}{{ loop.index }}{% if loop.index == 2 %}x{% break %}{% endif %},{% endfor %}", '1,2x'],
    ["{% for c in 'ab' %}{{ c }}.{% endfor %}{% for c in x %}{{ c }}{% else %}none{% endfor %}", 'a.b.none'],
    ["{% macro f() %}{{ g }}{{ m is defined }} {% endmacro %}{% set g = 'G' %}{% for m in messages %}{{ f() }}{% endfor %}", 'GFalse GFalse GFalse '],
    ["{{ messages|selectattr('x', 'undefined')|list|length }}{{ messages|rejectattr('role', 'eq', 'user')|list|length }}", '31'],
    ["{{ 'ab'|selectattr('type', 'equalto', 'x')|list|length }}{{ x is iterable }}{{ messages[0] is iterable }}", '0TrueTrue'],
    ["{{ none|selectattr('x')|list|length }}{{ none|rejectattr('x', 'eq', 1)|list|length }}{{ none|map(attribute='x')|join }}{{ none|select|list|length }}{{ x|reject('none')|list|length }}", '0000'],
    ['{{ -7 % 3 }}{{ -7 // 2 }}', '2-4'],
    ["{% set ns = namespace(length=3) %}{{ ns.length }}{{ 'abc'.length }}{{ messages.length }}", '3'],
    ["{% set d = {2: 'b', 1: 'a', 'x': 'c'} %}{{ d[1] }}{{ d['x'] }}{{ d[3] }}{{ 1 in d }}{{ '1' in d }}{{ d.get(2) }}{{ d.get(5, 'no') }}{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}", 'acTrueFalsebno2b1axc'],
    ["{% for k, v in {10: 'a', 9: 'b', 100: 'c'} | dictsort %}{{ k + 1 }}{{ v }}{% endfor %}{% for k, v in {'b': 1, 'A': 2} | dictsort %}{{ k }}{% endfor %}", '10b11a101cAb'],
    ["{{ ['integer', 'null'] }}{{ ['string', none]|upper }}{{ [1.0, true, {'a': {}, 2: []}]|string }}{{ 'x' ~ [1] }}", "['integer', 'null']['STRING', NONE][1.0, True, {'a': {}, 2: []}]x[1]"],
    ["{{ [\"it's\", 'say \"x\"', 'it\\'s \"x\"', 'a\\\\b\\n\\t'] }}", "[\"it's\", 'say \"x\"', 'it\\'s \"x\"', 'a\\\\b\\n\\t']"],
    ["{{ [messages[2].content, '\x7f\xa0é\u200b\u3000 \u{e0001}', x] }}", "['A\u{1f600}', '\\x7f\\xa0é\\u200b\\u3000 \\U000e0001', Undefined]"],
    ["{{ [(1, 2)] }}{{ messages[0].items()|list }}", "[(1, 2)][('role', 'user'), ('content', 'Hi')]"],
    ["{{ '<{}>{}'.format('a', x) }}{{ '{1}{0}{{}}'.format(none, 2) }}{{ 'x' * 3 }}{{ 2 * 'ab' }}{{ 'x' * -1 }}", '<a>2None{}xxxabab'],
    ["{{ messages[2].content.find('\u{1f600}') }}{{ '\u{1f600}aba'.rfind('a') }}{{ 'a'.find('b') }}", '13-1'],
    ["{{ [2, 1.5, 3]|min }}{{ [2, 3]|max }}[{{ []|min }}]{{ dict(id='a', n=1)|tojson }}{{ dict({'a': 1}, a=2).a }}", '1.53[]{"id": "a", "n": 1}2'],
    ["{{ ['a', 'b']|map('upper')|join }}{{ [' a']|map('trim')|list }}{{ messages|map('length')|list }}{{ ['a-b']|map('replace', '-', '+')|first }}", "AB['a'][2, 2, 2]a+b"],
    ["{{ ['a', '', none]|select|list }}{{ ['a', 'b']|reject('equalto', 'a')|list }}{{ ['a', 1]|select('string')|list }}{{ 1.0 is float }}{{ 1 is float }}", "['a']['b']['a']TrueFalse"],
    ["{{ \"it's an x-ray (of) 1ab\"|title }}{{ \"it's\".title() }}{{ [true]|title }}", "It's An X-Ray (Of) 1abIt'S[True]"],
    ["{{ x|default(default_value='D') }}{{ ''|default('E', boolean=true) }}{{ ''|d('F', true) }}[{{ none|default('G') }}{{ x|d }}]", 'DEF[None]'],
    ["{{ '12abc'|int }} {{ ' 1_2 '|int }} {{ '1.9'|int }} {{ -1.5|int }} {{ 'x'|int(7) }} {{ 'x'|int(default=8) }} {{ '-007'|int }}", '0 12 1 -1 7 8 -7'],
    ["{{ '12abc'|float }} {{ 7|float(1.5) }} {{ '1e3'|float }} {{ none|float(2.5) }}", '0.0 7.0 1000.0 2.5'],
    ["{{ -7.5 % 2 }} {{ 7 % -1.5 }} {{ -7 % 7 }}{{ ['a', 'A', 'b', 1, 1.0]|unique|join }}", '0.5 -0.5 0ab1'],
    ['{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}', '123'],
    ['a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc', 'a\nb\nc'],
  ]; // oxfmt-ignore
  for (const [source, text] of cases) test(source, () => assert.equal(render(source, chat), text));

  test('a call whose arguments a template writes without making JSON of them has the text of its row', () => {
    const write = '{% for c in m.tool_calls %}{{ c.function.name }}({{ c.function.arguments }}){% endfor %}';
    const each = (body: string): string => `{% for m in messages %}${body}{% endfor %}`;
    const args = '{"city": "Ulm", "days": null}';
    const calls: ChatMessage[] = [
      { role: 'assistant', content: '', tool_calls: [{ type: 'function', function: { name: 'f', arguments: args } }] },
    ];
    assert.equal(render(each(write), calls), `f(${args})`);
    const wanted = `{% for c in m.tool_calls %}{% if c.function.arguments is not mapping %}{{ raise_exception("text") }}{% endif %}{% endfor %}${write}`;
    assert.equal(render(each(wanted), calls), "f({'city': 'Ulm', 'days': None})");
  });

  test('a template that wants a text before a call writes calls behind one', () => {
    const source = `{% for m in messages %}{{ m.content[0].thought }}{{ m.content }}{% for c in m.tool_calls %}
      {%- for key, value in c.function.arguments.items() %}[{{ c.function.name }} {{ key }} {{ value }}]{% endfor %}
    {%- endfor %}{% endfor %}`;
    const tool_calls = [{ type: 'function' as const, function: { name: 'f', arguments: '{"a": 1.0}' } }];
    assert.equal(render(source, [{ role: 'assistant', content: 'Now.', tool_calls }]), 'Now.[f a 1.0]');
    assert.throws(() => render(source, [{ role: 'assistant', content: '', tool_calls }]), /the chat template failed/);
  });

  test('what Python refuses is refused', () => {
    for (const source of ['{{ x.y }}', '{{ messages[9].role }}', "{{ 'a' + 1 }}"])
      assert.throws(() => render(source, chat), { name: 'HumanError' });
  });
});

describe('a hostile template is stopped', () => {
  const loops = (n: number): string =>
    Array.from({ length: n }, (_, i) => `{% for a${i} in range(10000) %}`).join('') + 'x' + '{% endfor %}'.repeat(n);
  const hostile: [name: string, source: string, message: RegExp][] = [
    ['nested loops', loops(4), /does not finish/],
    ['a long range', '{% for i in range(1000000000) %}x{% endfor %}', /range\(\) of 1000000000|too large/],
    ['doubling text', '{% set n = namespace(x="ab") %}{% for i in range(100) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}', /too much text/],
    ['doubling lists', '{% set n = namespace(x=[1, 2]) %}{% for i in range(100) %}{% set n.x = n.x + n.x %}{% endfor %}', /too much text/],
    ['copies in a list', '{% set n = namespace(x=[]) %}{% for i in range(10000) %}{% set n.x = n.x + [("y" | replace("y", "yyyyyyyy")) | upper] %}{% endfor %}', /too much text|finish/],
    ['a text many times', "{{ 'xx' * 100000000 }}", /too much text|too large/],
    ['a long text many times', "{% set n = namespace(x='x' * 1000000) %}{{ n.x * 1000000 }}", /too much text/],
    ['wide indent', '{{ messages | tojson(indent=100000000) }}', /too large/],
    ['endless recursion', '{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}', /nested too deeply/],
    ['deep nesting', `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`, /nested too deeply/],
    ['bad syntax', '{% if %}', /not valid/],
    ['an unknown filter', '{{ messages | explode }}', /failed.*explode/],
    ['a huge template', 'x'.repeat(2 ** 20 + 1), /1048577 characters/],
  ]; // oxfmt-ignore
  for (const [name, source, message] of hostile) {
    test(name, { timeout: 30_000 }, () => {
      const before = process.memoryUsage().rss;
      const computed = processorTime();
      assert.throws(() => render(source), { name: 'HumanError', message, place: 'tokenizer_config.json', remedy: /./ });
      assert.ok(computed() < 5000);
      assert.ok(process.memoryUsage().rss - before < 2 ** 29);
    });
  }

  test('and has nothing of ours to reach', () => {
    assert.equal(
      render('{{ messages.constructor }}{{ messages.__proto__ }}{{ process }}{{ raise_exception.constructor }}'),
      '',
    );
  });
});

test('a long conversation is rendered', () => {
  const messages: ChatMessage[] = Array.from({ length: 400 }, (_, i) => ({
    role: i % 2 ? 'assistant' : 'user',
    content: 'word '.repeat(500),
  }));
  const text = chatTemplate(templates.think!.template, 'x', special).render(messages, { addGenerationPrompt: true });
  assert.ok(text.length > 400 * 2500);
});

describe('where a template comes from', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'template-'));
  });
  after(() => rm(folder, { recursive: true }));
  const load = (config: Record<string, unknown>, bos = '') => loadChatTemplate(folder, config, special, bos);
  const text = async (config: Record<string, unknown>): Promise<string> =>
    (await load(config)).render(hi, { addGenerationPrompt: true });

  test('tokenizer_config.json, then chat_template.json; chat_template.jinja before both', async () => {
    assert.equal((await load({})).plain, true);
    await writeFile(join(folder, 'chat_template.json'), JSON.stringify({ chat_template: 'json' }));
    assert.equal(await text({}), 'json');
    assert.equal(await text({ chat_template: 'config' }), 'config');
    assert.equal((await load({ chat_template: 'config' })).place, join(folder, 'tokenizer_config.json'));
    await writeFile(join(folder, 'chat_template.jinja'), 'jinja');
    assert.equal(await text({ chat_template: 'config' }), 'jinja');
    assert.equal((await load({})).plain, false);
    await rm(join(folder, 'chat_template.jinja'));
    await rm(join(folder, 'chat_template.json'));
  });

  test('a list of named templates', async () => {
    const named = (name: string) => ({ name, template: name });
    assert.equal(await text({ chat_template: [named('tool_use'), named('default')] }), 'default');
    assert.equal(await text({ chat_template: [named('rag')] }), 'rag');
    const both = await load({ chat_template: [named('tool_use'), named('default')] });
    const forTools = both.withTools('[{"function": {"name": "f"}}]');
    const written = [forTools, forTools.withTools(undefined)].map((one) =>
      one.render(hi, { addGenerationPrompt: true }),
    );
    assert.deepEqual([...written, forTools.source], ['tool_use', 'default', 'tool_use'], 'as in transformers');
    await assert.rejects(load({ chat_template: [named('a'), named('b')] }), /none .* is named "default": "a", "b"/);
    await assert.rejects(load({ chat_template: 7 }), { name: 'HumanError' });
  });

  test('a template of a folder beside the default one writes tools', async () => {
    await mkdir(join(folder, 'additional_chat_templates'));
    await writeFile(join(folder, 'additional_chat_templates', 'tool_use.jinja'), 'tools');
    assert.equal((await load({ chat_template: 'config' })).withTools('[]').source, 'config');
    await writeFile(join(folder, 'chat_template.jinja'), 'default');
    const template = await load({ chat_template: 'config' });
    const forTools = template.withTools('[]');
    assert.deepEqual(
      [template.source, forTools.source, basename(forTools.place)],
      ['default', 'tools', 'tool_use.jinja'],
    );
    await rm(join(folder, 'chat_template.jinja'));
    await rm(join(folder, 'additional_chat_templates'), { recursive: true });
  });

  test('a model without one gets the plain one', async () => {
    const plain = await load({}, '<s>');
    assert.equal(plain.plain, true);
    const messages: ChatMessage[] = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: ' Hi ' },
      { role: 'assistant', content: 'Hello!' },
      { role: 'user', content: 'Bye' },
    ];
    assert.equal(
      plain.render(messages, { addGenerationPrompt: true }),
      '<s>System: Be kind.\nUser: Hi\nAssistant: Hello!<|im_end|>\nUser: Bye\nAssistant:',
    );
    const without = await loadChatTemplate(folder, {}, {}, '');
    assert.equal(without.render(messages.slice(1, 3), { addGenerationPrompt: false }), 'User: Hi\nAssistant: Hello!\n');
  });
});
