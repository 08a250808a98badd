import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NOT_SUPERVISED, superviseCompletion, superviseConversation } from '../../runtime/data/conversation.js';
import { encodeRow, type EncodedRow } from '../../runtime/data/encodeRow.js';
import { InvalidRow } from '../../runtime/data/invalidRow.js';
import { withSystem } from '../../runtime/data/withSystem.js';
import type { ChatMessage } from '../../runtime/contract/generation.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import type { Tokenizer } from '../../runtime/models/text/tokenizer.js';

const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), '../fixtures');
interface TemplateCases {
  template: string;
  cases: { messages: ChatMessage[]; ids?: number[]; mask?: number[]; prompt?: string; error?: string }[];
}
const templates = JSON.parse(readFileSync(join(FIXTURES, 'chatTemplates/cases.json'), 'utf8')) as Record<
  string,
  TemplateCases
>;
const special = { bos_token: '<|im_start|>', eos_token: '<|im_end|>' };
const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
const refusal = (message: RegExp) => (error: unknown) => error instanceof InvalidRow && message.test(error.message);

let smollm: Tokenizer;
before(async () => {
  smollm = await loadTokenizer(join(FIXTURES, 'smollm2'));
});

/** The supervised runs as texts. */
function answers(ids: number[], labels: number[], tokenizer: Tokenizer): string[] {
  const runs: number[][] = [];
  labels.forEach((label, t) => {
    if (label === NOT_SUPERVISED) return;
    assert.equal(label, ids[t]);
    if (t === 0 || labels[t - 1] === NOT_SUPERVISED) runs.push([]);
    runs.at(-1)!.push(label);
  });
  return runs.map((run) => tokenizer.decode(run));
}

describe('the supervised tokens are those between the generation marks', () => {
  for (const [name, { template, cases }] of Object.entries(templates)) {
    test(name, () => {
      let compared = 0;
      for (const { messages, ids, mask, prompt } of cases) {
        if (!ids || !mask) continue;
        const found = superviseConversation(messages, smollm, chatTemplate(template, name, special));
        assert.deepEqual(found.ids, ids);
        const supervised = found.labels.map((label) => (label === NOT_SUPERVISED ? 0 : 1));
        assert.deepEqual(supervised, mask, JSON.stringify(messages));
        assert.equal(found.promptText, prompt);
        assert.deepEqual(found.promptIds, ids.slice(0, found.promptIds.length));
        compared++;
      }
      assert.ok(compared >= 6);
    });
  }
});

describe('a chat with SmolLM2', () => {
  const supervise = (...messages: ChatMessage[]) => superviseConversation(messages, smollm, smollm.chatTemplate!);

  test('answers and their end tokens are supervised, nothing else', () => {
    const { ids, labels, promptIds } = supervise(
      user('Hi'),
      assistant('Hello!\nYou?'),
      user('Fine'),
      assistant('Good.'),
    );
    assert.deepEqual(answers(ids, labels, smollm), ['Hello!\nYou?<|im_end|>', 'Good.<|im_end|>']);
    assert.deepEqual(ids.slice(0, promptIds.length), promptIds);
    assert.ok(smollm.decode(promptIds).endsWith('<|im_start|>assistant\n'));
    // The line break after the last end token belongs to the row, but nobody needs to say it.
    assert.equal(smollm.decode(ids.slice(-2)), '<|im_end|>\n');
    assert.equal(labels.at(-1), NOT_SUPERVISED);
  });

  test('messages after the last answer are left out; rows without an answer are refused', () => {
    const { ids } = supervise(user('Hi'), assistant('Hello'), user('and then?'));
    assert.ok(!smollm.decode(ids).includes('and then?'));
    assert.throws(() => supervise(user('Hi')), refusal(/no answer/));
    assert.throws(() => supervise(user('Hi'), assistant(' \n')), refusal(/answer is empty/));
  });

  test('an answer whose beginning changes the prompt’s tokens is refused, saying so', () => {
    // Two line breaks before a letter are two tokens, two at the end of a text are one.
    const template = chatTemplate(
      "{% for m in messages %}<repo_name>{{ m.role }}{{ '\\n\\n' + m.content + eos_token }}{% endfor %}{% if add_generation_prompt %}<repo_name>assistant{{ '\\n\\n' }}{% endif %}",
      'x',
      special,
    );
    assert.throws(
      () => superviseConversation([user('Hi'), assistant('Hello')], smollm, template),
      refusal(/beginning of an answer .* become one token/),
    );
    for (const content of [' Hello', '\nHello', '🙂']) {
      const { ids, labels } = supervise(user('Hi'), assistant(content));
      assert.deepEqual(answers(ids, labels, smollm), [`${content}<|im_end|>`]);
    }
  });

  test('an end token inside an answer does not end its supervision', () => {
    const { ids, labels } = supervise(user('Hi'), assistant('a<|im_end|>b'));
    assert.deepEqual(answers(ids, labels, smollm), ['a<|im_end|>b<|im_end|>']);
  });
});

const written = (template: string) => chatTemplate(template, 'x', special);
/** Mistral Nemo's and Ministral's, without tools. */
const NEMO = `{%- if messages[0]["role"] == "system" %}{%- set system_message = messages[0]["content"] %}{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}{%- for message in loop_messages %}{%- if message["role"] == "user" %}{%- if loop.last and system_message is defined %}{{- "[INST]" + system_message + "\\n\\n" + message["content"] + "[/INST]" }}{%- else %}{{- "[INST]" + message["content"] + "[/INST]" }}{%- endif %}{%- elif message["role"] == "assistant" %}{{- message["content"] + eos_token }}{%- endif %}{%- endfor %}`;
const turns = [user('a question'), assistant('first answer'), user('b'), assistant('second')];

test('a generation prompt that opens a thought: the answer is what stands instead of it', () => {
  const thinking = written(
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token if m.role == 'assistant' }}{% endfor %}{% if add_generation_prompt %}[assistant]<think>\n{% endif %}",
  );
  const { ids, labels, promptText } = superviseConversation(turns, smollm, thinking);
  assert.deepEqual(answers(ids, labels, smollm), ['first answer<|im_end|>', 'second<|im_end|>']);
  assert.ok(promptText.endsWith('[assistant]<think>\n'));
});

test('what is asked ends with what the template writes before an answer: an empty thought, or none', () => {
  const [question, answer] = [user('Hi'), assistant('Hello')];
  const asked = (template: string, ...messages: ChatMessage[]) => {
    const { chatTemplate: _, ...others } = smollm;
    const tokenizer = { ...others, chatTemplate: written(template) };
    const [answered, alone] = [messages, messages.slice(0, -1)].map((some) =>
      encodeRow({ kind: 'chat', messages: some }, tokenizer, { answers: 'optional' }),
    ) as [EncodedRow, EncodedRow];
    assert.deepEqual(answered.ids.slice(0, answered.promptIds.length), answered.promptIds);
    assert.equal(alone.promptText, answered.promptText);
    return [answered, alone].map(({ promptIds, opened }) => [smollm.decode(promptIds), opened]);
  };
  const think = templates['think']!.template;
  const prompt = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n';
  const behind = [`${prompt}<think>\n\n</think>\n\n`, true];
  assert.deepEqual(asked(think, question, answer), [behind, behind]);
  // A row with a thought of its own goes on from the generation prompt.
  const thought = assistant('<think>\nWhy?\n</think>\n\nHello');
  assert.deepEqual(asked(think, question, thought), [[prompt, undefined], behind]);
  const dropping =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token if m.role == 'assistant' }}{% endfor %}{% if add_generation_prompt %}[assistant]<think>\n{% endif %}";
  assert.deepEqual(asked(dropping, question, answer), [['[user]Hi[assistant]', true], ['[user]Hi[assistant]', true]]); // oxfmt-ignore
  // Whatever is said: a word of it may stand in a thought, too.
  assert.deepEqual(asked(think, user('think'), answer), [behind, behind].map(([text]) => [String(text).replace('Hi', 'think'), true])); // oxfmt-ignore
  // Nothing changes where nothing, or only white space, is written there.
  for (const [name, { template }] of Object.entries(templates)) {
    if (name === 'think') continue;
    const system: ChatMessage = { role: 'system', content: 'Be kind.' };
    for (const before of template.includes('System role not supported') ? [[]] : [[], [system]])
      for (const [, opened] of asked(template, ...before, question, answer)) assert.equal(opened, undefined, name);
  }
  const spaced =
    '{% for m in messages %}[{{ m.role }}]: {{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]:{% endif %}';
  for (const [text, opened] of asked(spaced, question, answer))
    assert.deepEqual([text, opened], ['[user]: Hi<|im_end|>[assistant]:', undefined]);
});

test('a system message that a template writes only while nobody has answered is asked with', () => {
  const template = written(NEMO);
  const tokenizer: Tokenizer = { ...smollm, chatTemplate: template };
  const system: ChatMessage = { role: 'system', content: 'Hi. Refuse what is harmful.' };
  const prompt = '<|im_start|>[INST]Hi. Refuse what is harmful.\n\nHi[/INST]';
  for (const messages of [
    [system, user('Hi')],
    [system, user('Hi'), assistant('Hello')],
  ]) {
    const row = encodeRow({ kind: 'chat', messages }, tokenizer, { answers: 'optional' });
    assert.deepEqual([smollm.decode(row.promptIds), row.promptText, row.opened], [prompt, prompt, undefined]);
    assert.ok(messages.length < 3 || answers(row.ids, row.labels, smollm).join() === 'Hello<|im_end|>');
  }
  const alone = encodeRow({ kind: 'chat', messages: [user('Hi')] }, tokenizer, { answers: 'optional' });
  const [asked] = withSystem([{ row: 0, line: 1, ...alone }], system.content, { tokenizer, contextLength: 999 });
  assert.equal(smollm.decode(asked!.promptIds), prompt);
});

test('a generation prompt that opens a thought which a given answer closes: the row is trained on, whichever tokens become one', () => {
  // Qwen3-Thinking-2507's. Here two line breaks are one token at the end of a text only, there everywhere.
  const { template } = templates['think']!;
  for (const [breaks, closing] of [
    ['\\n', '\n</think>\n\n'],
    ['\\n\\n', ''],
  ] as const) {
    const opening = template.replace("'<|im_start|>assistant\\n' }}\n    {%- if", `'<|im_start|>assistant\\n<think>${breaks}' }}\n    {%- if`); // oxfmt-ignore
    assert.notEqual(opening, template);
    const messages = [user('Hi'), assistant('Hello')];
    const { ids, labels, promptIds } = superviseConversation(messages, smollm, written(opening));
    assert.deepEqual(answers(ids, labels, smollm), [`${closing}Hello<|im_end|>`]);
    assert.ok(smollm.decode(promptIds).endsWith('assistant\n<think>\n\n</think>\n\n'));
  }
});

test('a template that drops the thought of an answer, or moves the system message, leaves the answers where they are', () => {
  // DeepSeek-R1's: the prompt opens a thought, a given answer is written without its own.
  const dropping = written(
    "{% for m in messages %}[{{ m.role }}]{{ m.content.split('</think>')[-1] }}{{ eos_token if m.role == 'assistant' }}{% endfor %}{% if add_generation_prompt %}[assistant]<think>\n{% endif %}",
  );
  const thought = [...turns.slice(0, 3), assistant('<think>\nWhy?\n</think>\n\nsecond')];
  const dropped = superviseConversation(thought, smollm, dropping);
  assert.deepEqual(answers(dropped.ids, dropped.labels, smollm), ['first answer<|im_end|>', '\n\nsecond<|im_end|>']);
  // Mistral's: the system message stands in the last question.
  const moving = written(
    "{% for m in messages if m.role != 'system' %}[{{ m.role }}]{% if m.role == 'user' and loop.index0 + 2 >= loop.length %}{{ messages[0].content }} {% endif %}{{ m.content }}{{ eos_token if m.role == 'assistant' }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
  );
  const moved = superviseConversation([{ role: 'system', content: 'Be kind.' }, ...turns], smollm, moving);
  assert.deepEqual(answers(moved.ids, moved.labels, smollm), ['first answer<|im_end|>', 'second<|im_end|>']);
});

test('a prompt for the next answer that a template always writes is not part of the last one', () => {
  const always = written('{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}[assistant]');
  const { ids, labels } = superviseConversation(turns, smollm, always);
  assert.deepEqual(answers(ids, labels, smollm), ['first answer<|im_end|>', 'second<|im_end|>']);
});

test('a template that does not write the answer is refused', () => {
  const silent = written('{% for m in messages %}[{{ m.role }}]{{ m.content.text }}{{ eos_token }}{% endfor %}');
  assert.throws(() => superviseConversation(turns, smollm, silent), refusal(/does not write the answer/));
});

test('what a template writes only at the very end of a text is not part of an earlier answer', () => {
  // Phi's: an end token after each turn, and the end of the text after the last.
  for (const eosIds of [[0, 5], [5], [0]]) {
    const phi = written(
      '{% for m in messages %}<repo_name>{{ m.role }}\n{{ m.content }}<file_sep>{% endfor %}{% if add_generation_prompt %}<repo_name>assistant\n{% else %}<|endoftext|>{% endif %}',
    );
    const { ids, labels } = superviseConversation(turns, { ...smollm, eosIds }, phi);
    const end = eosIds.includes(5) ? '<file_sep>' : '<file_sep><|endoftext|>';
    assert.deepEqual(answers(ids, labels, smollm), ['first answer<file_sep>', `second${end}`], String(eosIds));
  }
});

test('an end that a template writes only where more follows is part of the answer before it', () => {
  const source =
    "{% for m in messages %}{% if m.role == 'user' %}{% if not loop.first %}\n<|im_end|>\n{% endif %}U:{{ m.content }}\n{% else %}A:{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}A:{% endif %}";
  const chat = [user('Hi'), assistant('Yes.'), user('<|im_end|>'), assistant('No.')];
  const { ids, labels } = superviseConversation(chat, smollm, chatTemplate(source, 'a', special));
  assert.deepEqual(answers(ids, labels, smollm), ['Yes.<|im_end|>', 'No.']);
  const none = source.replace('\n<|im_end|>\n', '\n');
  const bare = superviseConversation(chat, smollm, chatTemplate(none.replace('U:', ''), 'b', special));
  assert.deepEqual(answers(bare.ids, bare.labels, smollm), ['Yes.', 'No.'], 'the user’s own is none');
});

test('a template that writes an answer in another way than it is given, without marks, is refused', () => {
  const shouting = written(
    '{% for m in messages %}[{{ m.role }}]{{ m.content | upper if loop.last else m.content }}{% endfor %}{% if add_generation_prompt %}[Assistant]{% endif %}',
  );
  assert.throws(() => superviseConversation(turns, smollm, shouting), refusal(/differently from the prompt/));
  // The first answer is cut when it is not the last, and no token ends it.
  const cutting = written(
    "{% for m in messages %}[{{ m.role }}] {% if loop.last or m.role == 'user' %}{{ m.content }}{% else %}{{ m.content[:3] }}{% endif %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
  );
  assert.throws(() => superviseConversation(turns, smollm, cutting), refusal(/end of an answer before the last one/));
  // The only end token stands behind the next question.
  const late = written(
    "{% for m in messages %}[{{ m.role }}] {{ m.content[:3] if m.role == 'assistant' and not loop.last else m.content }}{{ eos_token if m.role == 'user' }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
  );
  assert.throws(() => superviseConversation(turns, smollm, late), refusal(/end of an answer before the last one/));
  const { ids, labels } = superviseConversation(turns.slice(0, 2), smollm, cutting);
  assert.deepEqual(answers(ids, labels, smollm), [' first answer']);
});

test('the plain template with tokenizers of other kinds', async () => {
  for (const name of ['llama', 'gemma', 'llama3', 'gpt2', 'unigram-bytes', 'falcon']) {
    const tokenizer = await loadTokenizer(join(FIXTURES, 'tokenizers', name));
    const end = tokenizer.encode('</s>', { addSpecialTokens: false }).at(-1)!;
    tokenizer.eosIds = [end];
    const template = chatTemplate(
      "{% for m in messages %}{{ m.role }}: {{ m.content }}{% if m.role == 'assistant' %}</s>{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}",
      'x',
    );
    const { ids, labels } = superviseConversation(
      [user('make a cake'), assistant('take 3 eggs'), user('and the dog'), assistant('it runs')],
      tokenizer,
      template,
    );
    const found = answers(ids, labels, tokenizer).map((text) => text.trim());
    assert.deepEqual(found, ['take 3 eggs</s>', 'it runs</s>'], name);
  }
});

test('prompt and completion as one text: completion and end are supervised', async () => {
  const llama = await loadTokenizer(join(FIXTURES, 'tokenizers/llama'));
  llama.eosIds = [2];
  const { ids, labels, promptIds } = superviseCompletion('The dog', ' runs away', llama);
  assert.equal(ids[0], 1);
  assert.equal(ids.at(-1), 2);
  assert.deepEqual(promptIds, ids.slice(0, promptIds.length));
  assert.equal(llama.decode(ids.filter((_, t) => labels[t] !== NOT_SUPERVISED)), 'runs away</s>');
  assert.equal(llama.decode(ids), '<s> The dog runs away</s>');
  const smol = superviseCompletion('The capital of France is', ' Paris', smollm);
  assert.equal(smollm.decode(smol.ids), 'The capital of France is Paris<|im_end|>');
  assert.throws(() => superviseCompletion('The cap', 'ital', smollm), refusal(/become one token/));
});

test('the end of an answer is learned once, where the row has written it, too', () => {
  const prompt = 'The capital of France is';
  const once = encodeRow({ kind: 'completion', prompt, completion: ' Paris' }, smollm, {});
  const plain = { ...smollm, chatTemplate: undefined };
  for (const end of ['<|im_end|>', '<|im_end|>\n', '<|im_end|><|im_end|>']) {
    const { ids, labels } = superviseCompletion(prompt, ` Paris${end}`, smollm);
    assert.equal(smollm.decode(ids), `${prompt} Paris<|im_end|>`, end);
    assert.equal(ids.at(-1), labels.at(-1));
    for (const tokenizer of [smollm, plain]) {
      const row = encodeRow({ kind: 'completion', prompt, completion: ` Paris${end}` }, tokenizer, {});
      assert.equal(row.answer, once.answer, 'what a model answers has no end token');
    }
  }
  const other = superviseCompletion(prompt, ' Paris<|im_start|>', smollm);
  assert.equal(smollm.decode(other.ids), `${prompt} Paris<|im_start|><|im_end|>`);
});

test('answers of weight 0 are read and not learned, and what follows the last learned one is not read', () => {
  const messages = [user('a?'), assistant('one'), user('b?'), assistant('two'), user('c?'), assistant('three')];
  const encoded = (unlearned: number[]) => encodeRow({ kind: 'chat', messages, unlearned }, smollm, {});
  const learned = (unlearned: number[]) => {
    const { ids, labels } = encoded(unlearned);
    return answers(ids, labels, smollm);
  };
  assert.deepEqual(learned([1]), ['two<|im_end|>', 'three<|im_end|>']);
  assert.deepEqual(learned([3, 5]), ['one<|im_end|>']);
  assert.deepEqual(encoded([1]).ids, encoded([]).ids);
  assert.deepEqual([encoded([1]).unlearned, encoded([]).unlearned], [[1], undefined]);
  const first = encoded([3, 5]);
  assert.deepEqual(first.ids, encodeRow({ kind: 'chat', messages: messages.slice(0, 2) }, smollm, {}).ids);
  assert.deepEqual([first.answer, first.unlearned], ['one', undefined]);
  assert.throws(() => encoded([1, 3, 5]), refusal(/no message of the assistant that is to be learned/));

  const asking = (given: ChatMessage[], unlearned: number[]) =>
    encodeRow({ kind: 'chat', messages: given, unlearned }, smollm, { answers: 'optional' });
  const set = asking([user('a?'), assistant('one')], [1]);
  assert.deepEqual(set, asking([user('a?')], []), 'of a set it is asked what an answer that is not learned answers');

  const row = { row: 0, line: 1, ...encoded([1]) };
  const asked = withSystem([row], 'Be brief.', { tokenizer: smollm, contextLength: 1000 }).at(0)!;
  assert.deepEqual(answers(asked.ids, asked.labels, smollm), ['two<|im_end|>', 'three<|im_end|>']);
});

test('a row is named by what people ask: a greeting that opens it is no question', () => {
  const [hello, first, second] = [assistant('Hello!'), user('why?'), user('and then?')];
  const chatml = chatTemplate(templates['chatml']!.template, 'c', special);
  const answers = (...messages: ChatMessage[]) =>
    superviseConversation(messages, smollm, chatml).earlier?.map(({ answer }) => answer);
  assert.equal(answers(hello, first, assistant('so.')), undefined);
  assert.deepEqual(answers(hello, first, assistant('so.'), second, assistant('that.')), ['so.']);
  assert.deepEqual(answers(first, assistant('so.'), second, assistant('that.')), ['so.']);
});

test('an answer that opens a conversation is learned, where the template cannot write an empty one, too', () => {
  const messages = [assistant('Hello!'), user('why?'), assistant('so.')];
  for (const name of ['chatml', 'think']) {
    const template = chatTemplate(templates[name]!.template, name, special);
    const { ids, labels } = superviseConversation(messages, smollm, template);
    const [greeting, answer] = answers(ids, labels, smollm);
    assert.match(greeting!, /^Hello!<\|im_end\|>/, name);
    assert.match(answer!, /so\.<\|im_end\|>/, name);
  }
  // Zephyr's and Granite's: the generation prompt is written behind the last message only.
  const last = `{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>
{%- if loop.last and add_generation_prompt %}<|im_start|>assistant\n{% endif %}{% endfor %}`;
  const { ids, labels } = superviseConversation(messages, smollm, chatTemplate(last, 'last', special));
  assert.deepEqual(answers(ids, labels, smollm), ['Hello!<|im_end|>', 'so.<|im_end|>']);
});
