import { join } from 'node:path';
import { Environment } from '@huggingface/jinja';
import { HumanError } from '../../support/errors.js';
import type { ChatMessage } from '../../contract/generation.js';
import { MORE_TEMPLATES } from '../weights/saveModel.js';
import { parseTemplate, PythonInterpreter } from './jinja.js';
import type { Program } from './jinja.js';
import { isObject } from '../../contract/isObject.js';
import { sum } from '../../contract/sum.js';
import { ifThere } from '../../support/ifThere.js';
import { readOptionalJson, readText, shown } from '../../support/jsonFile.js';
import type { JsonObject } from '../../support/jsonFile.js';
import { dict, type Value } from './jinjaValues.js';
import { loads } from './pythonJson.js';
import { callFormOf, messageSize, messageValues, type CallForm } from './toolCalls.js';
import { withTimeLimit } from '../../support/timeLimit.js';

/** How a model's conversations are written as one text. */
export interface ChatTemplate {
  /**
   * The text of a conversation; with `addGenerationPrompt`, up to where the next answer begins.
   * @throws HumanError when the template rejects the messages, is not valid, runs too long, or does not write calls
   * of tools and a message has some
   */
  render(messages: readonly ChatMessage[], options: { addGenerationPrompt: boolean }): string;
  /**
   * The same template for conversations in which these tools may be called, as the text of a list of JSON; undefined:
   * none.
   */
  withTools(tools: string | undefined): ChatTemplate;
  /** Those that it is for. */
  tools?: string;
  /** The same for whichever tools it is. */
  of: object;
  /** Whether it writes calls of tools, in one form or another. @throws HumanError where it fails in all of them */
  writesCalls(): boolean;
  /** The model has no template of its own and `PLAIN_TEMPLATE` is used: warn. */
  plain: boolean;
  /** Its text, in Jinja. */
  source: string;
  /** File that the template comes from; the model's folder for a plain one. */
  place: string;
}

/** Texts of the special tokens that templates ask for, by name. */
type SpecialTexts = Readonly<Partial<Record<string, string>>>;

/**
 * For models without a chat template. One turn a paragraph, its speaker first; the end-of-text token (where the
 * tokenizer has one) ends each answer, so that a fine-tuned model learns to stop.
 *
 *     System: …⏎ User: …⏎ Assistant: …<eos>⏎
 */
const PLAIN_TEMPLATE = [
  "{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] | trim }}",
  "{% if message['role'] == 'assistant' and eos_token %}{{ eos_token }}{% endif %}",
  "{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}",
].join('');

/** What it looks like, for people. */
export const PLAIN_TURNS = '"User: …", "Assistant: …"';

/** Larger templates are rejected; the largest known ones have about 30 kB. */
const MAX_TEMPLATE = 2 ** 20;
const TIME_MS = 800;
const TIME_MS_PER_CHARACTER = 0.01;
/**
 * Characters that a rendering may make in all its steps, besides some for each character of the chat. A list's item
 * counts as several.
 */
const MAX_MADE = 2 ** 26;
const MAX_MADE_PER_CHARACTER = 256;
const ITEM = 8;
const MAX_NUMBER = 2 ** 20;

/**
 * Templates may ask for today's date. The same rows must give the same tokens every day, so it is this one: the default
 * that Llama's own template falls back to.
 */
const DATE = new Date(2024, 6, 26);

/**
 * The chat template of a model folder: `chat_template.jinja` (and `tool_use.jinja` in {@link MORE_TEMPLATES}), or
 * `chat_template` in tokenizer_config.json (a text, or a list of named texts: "default", and "tool_use" for
 * conversations with tools), or in chat_template.json; else the plain one, which starts with the beginning-of-text token
 * if `bos` is set. A template is compiled when it is first used.
 */
export async function loadChatTemplate(
  folder: string,
  tokenizerConfig: JsonObject,
  special: SpecialTexts,
  bos: string,
): Promise<ChatTemplate> {
  const found = (await templateFile(folder)) ?? templateOf(tokenizerConfig, join(folder, 'tokenizer_config.json'));
  const legacy = found ? undefined : await readOptionalJson(join(folder, 'chat_template.json'));
  const template = found ?? (legacy ? templateOf(legacy, join(folder, 'chat_template.json')) : undefined);
  if (!template) return plainTemplate(folder, special, bos);
  const { source, toolUse, place } = template;
  const own = chatTemplate(source, place, special);
  return toolUse === undefined ? own : withOther(own, chatTemplate(toolUse.source, toolUse.place ?? place, special));
}

/** Two as one, of which the second is for conversations with tools. */
function withOther(own: ChatTemplate, other: ChatTemplate): ChatTemplate {
  const withTools = (tools: string | undefined): ChatTemplate =>
    tools === undefined ? both : { ...other.withTools(tools), withTools };
  const both: ChatTemplate = { ...own, withTools };
  return both;
}

function plainTemplate(folder: string, special: SpecialTexts, bos: string): ChatTemplate {
  const asPlain = (template: ChatTemplate): ChatTemplate => ({
    ...template,
    plain: true,
    withTools: (tools) => asPlain(template.withTools(tools)),
  });
  return asPlain(chatTemplate(bos + PLAIN_TEMPLATE, folder, special));
}

/** A template from its text. */
export function chatTemplate(source: string, place: string, special: SpecialTexts = {}): ChatTemplate {
  let program: Program | undefined;
  let found: { form?: CallForm; failure?: HumanError } | undefined;
  function write(
    messages: readonly ChatMessage[],
    { form, tools, add }: { form?: CallForm; tools?: string; add: boolean },
  ): string {
    const size = sum(messages.map(messageSize)) + (tools?.length ?? 0);
    return withTimeLimit(TIME_MS + TIME_MS_PER_CHARACTER * size, 'the chat template does not finish.', place, () => {
      program ??= compile(source, place);
      const given = (): Record<string, Value> => ({
        messages: messageValues(messages, form),
        ...(tools !== undefined && { tools: loads(tools) }),
      });
      const others = { add_generation_prompt: add, tools: null, documents: null };
      return run(program, { ...special, ...others }, given, MAX_MADE + MAX_MADE_PER_CHARACTER * size, place);
    });
  }
  const callForm = (): CallForm | undefined => {
    try {
      found ??= { form: callFormOf((probe, form, tools) => write(probe, { form, tools, add: false })) };
    } catch (error) {
      if (error instanceof HumanError) found = { failure: error };
      else throw error;
    }
    if (found.failure) throw found.failure;
    return found.form;
  };
  const of = {};
  const bound = (tools: string | undefined): ChatTemplate => ({
    of,
    plain: false,
    source,
    place,
    ...(tools !== undefined && { tools }),
    withTools: bound,
    writesCalls: () => callForm() !== undefined,
    render(messages, { addGenerationPrompt: add }) {
      if (!messages.some(({ tool_calls: calls }) => calls)) return write(messages, { tools, add });
      const form = callForm();
      if (!form)
        throw new HumanError('the chat template of the model does not write calls of tools.', {
          place,
          remedy: 'Use a model whose template does, or write the calls into the texts of the answers.',
        });
      return write(messages, { form, tools, add });
    },
  });
  return bound(undefined);
}

/** A template's own `raise_exception`. */
class Refusal extends Error {}

function compile(source: string, place: string): Program {
  if (source.length > MAX_TEMPLATE)
    throw new HumanError(`the chat template has ${source.length} characters; at most ${MAX_TEMPLATE} are read.`, {
      place,
      remedy: 'Check that it is the right file.',
    });
  // `generation` marks the answers for other trainers and writes nothing; ours finds them by comparing tokens.
  const plain = source
    .replace(/\{%([-+]?)\s*generation\s*([-+]?)%\}/g, '{%$1 if true $2%}')
    .replace(/\{%([-+]?)\s*endgeneration\s*([-+]?)%\}/g, '{%$1 endif $2%}');
  try {
    return parseTemplate(plain);
  } catch (error) {
    throw failed('the chat template is not valid', error, place);
  }
}

/** Runs a template. Every value it makes is counted: neither time nor memory is the template's to choose. */
function run(
  program: Program,
  variables: JsonObject,
  given: () => Record<string, Value>,
  limit: number,
  place: string,
): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) environment.set(name, value);
  environment.setVariable('dict', dict);
  const interpreter = new PythonInterpreter(environment);
  const evaluate = interpreter.evaluate.bind(interpreter);
  let produced = 0;
  interpreter.evaluate = (statement, scope) => {
    const result = evaluate(statement, scope);
    if (statement && !makes(statement)) return result;
    const { value } = result;
    if (typeof value === 'string') produced += value.length;
    else if (Array.isArray(value)) produced += ITEM * value.length;
    else if (typeof value === 'number' && Math.abs(value) > MAX_NUMBER)
      throw new Error(`the number ${value} is too large`);
    if (produced > limit) throw new Error('it produces too much text');
    return result;
  };
  try {
    for (const [name, value] of Object.entries(given())) environment.setVariable(name, value);
    const { value } = interpreter.run(program);
    if (typeof value !== 'string') throw new Error('it gives no text');
    return value;
  } catch (error) {
    if (error instanceof Refusal)
      throw new HumanError(`the chat template rejects these messages: ${error.message.slice(0, 300)}.`, {
        place,
        remedy: 'Change the roles or their order as the template requires.',
        cause: error,
      });
    throw failed('the chat template failed', error, place);
  }
}

/** Names and fields give what is already there; a slice is a copy. */
function makes(statement: { type: string; property?: { type: string } }): boolean {
  if (statement.type === 'MemberExpression') return statement.property?.type === 'SliceExpression';
  return !['Identifier', 'StringLiteral', 'Constant'].includes(statement.type);
}

function failed(what: string, error: unknown, place: string): unknown {
  // The end of the time limit is not an ordinary error and must pass.
  if (!(error instanceof Error) || 'code' in error) return error;
  if (error instanceof HumanError) return error;
  const deep = error instanceof RangeError && /call stack/i.test(error.message);
  return new HumanError(`${what}: ${deep ? 'it is nested too deeply' : error.message.slice(0, 300)}.`, {
    place,
    remedy: 'Correct the template, or take it from the model’s publisher again.',
    cause: error,
  });
}

const GLOBALS: JsonObject = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  raise_exception: (message: unknown): never => {
    throw new Refusal(String(message).replace(/[.\s]+$/, ''));
  },
  range: (start: number, stop?: number, step = 1): number[] => {
    const [from, to] = stop === undefined ? [0, start] : [start, stop];
    const length = Math.max(0, Math.ceil((to - from) / step));
    if (!(length <= 10_000)) throw new Error(`range() of ${length} numbers`);
    return Array.from({ length }, (_, i) => from + i * step);
  },
  strftime_now: (format: string): string => strftime(DATE, format),
};

/** The formats that templates use, in English on every machine. */
function strftime(date: Date, format: string): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const english = (options: Intl.DateTimeFormatOptions): string =>
    new Intl.DateTimeFormat('en-US', options).format(date);
  const parts: Record<string, () => string> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    H: () => two(date.getHours()),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    b: () => english({ month: 'short' }),
    B: () => english({ month: 'long' }),
    a: () => english({ weekday: 'short' }),
    A: () => english({ weekday: 'long' }),
    '%': () => '%',
  };
  return format.replace(/%(-?)(.|$)/gs, (all, short: string, letter: string) => {
    const part = parts[letter]?.();
    if (part === undefined) throw new Error(`the date format "${all}" is not known`);
    return short ? part.replace(/^0/, '') : part;
  });
}

interface Source {
  source: string;
  /** Another one, for conversations with tools; `place` where it is a file of its own. */
  toolUse?: { source: string; place?: string };
  place: string;
}

async function templateFile(folder: string): Promise<Source | undefined> {
  const [place, other] = ['chat_template.jinja', join(MORE_TEMPLATES, 'tool_use.jinja')].map((n) => join(folder, n));
  const source = await ifThere(readText(place, 4 * MAX_TEMPLATE));
  if (source === undefined) return undefined;
  const toolUse = await ifThere(readText(other, 4 * MAX_TEMPLATE), ['ENOENT', 'ENOTDIR']);
  return { source, ...(toolUse !== undefined && { toolUse: { source: toolUse, place: other } }), place };
}

function templateOf(config: JsonObject, place: string): Source | undefined {
  const given = config.chat_template;
  if (given === undefined || given === null) return undefined;
  if (typeof given === 'string') return { source: given, place };
  if (Array.isArray(given) && given.every(isNamed)) {
    const chosen = given.find((entry) => entry.name === 'default') ?? (given.length === 1 ? given[0] : undefined);
    const toolUse = given.find((entry) => entry.name === 'tool_use' && entry !== chosen)?.template;
    if (chosen)
      return { source: chosen.template, ...(toolUse !== undefined && { toolUse: { source: toolUse } }), place };
    throw new HumanError(
      `none of the chat templates is named "default": ${
        given
          .slice(0, 8)
          .map(({ name }) => shown(name))
          .join(', ') || 'the list is empty'
      }.`,
      { place, remedy: 'Name one of them "default".' },
    );
  }
  throw new HumanError('"chat_template" must be a text, or a list of {"name", "template"}.', {
    place,
    remedy: 'Correct it, or take the file from the model’s publisher again.',
  });
}

function isNamed(entry: unknown): entry is { name: string; template: string } {
  return isObject(entry) && typeof entry.name === 'string' && typeof entry.template === 'string';
}
