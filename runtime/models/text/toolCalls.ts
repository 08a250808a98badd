/** Messages as values of a template; calls of tools in the form that it can write. */
import type { ChatMessage, ToolCall } from '../../contract/generation.js';
import { HumanError } from '../../support/errors.js';
import { Dict, List, Nothing, Text, type Value } from './jinjaValues.js';
import { loads } from './pythonJson.js';

/**
 * Most templates write the arguments of a call as JSON and want an object, as transformers says; some want OpenAI's
 * text. A message that only calls has no content, as transformers 5 leaves out what is null; to some templates it must
 * be a text, or null.
 */
export interface CallForm {
  readonly arguments: 'object' | 'text';
  readonly content: undefined | null | '';
}

const FORMS: readonly CallForm[] = (['object', 'text'] as const).flatMap((given) =>
  ([undefined, '', null] as const).map((content) => ({ arguments: given, content })),
);

const [ASKED, CALLED, KEY, VALUE] = ['Which?', 'called_probe', 'key_probe', 'value_probe'];
/** Some templates want ids of nine letters and digits. */
const ID = 'abcdefghi';
const CALL: readonly ChatMessage[] = [
  { role: 'user', content: ASKED },
  {
    role: 'assistant',
    content: '',
    tool_calls: [{ id: ID, type: 'function', function: { name: CALLED, arguments: JSON.stringify({ [KEY]: VALUE }) } }],
  },
];
/** Some want a text before a call. */
const SAID = CALL.map((message) => (message.tool_calls ? { ...message, content: 'I look.' } : message));
/** Some write a call otherwise where more follows; some reject that. */
const PROBES: readonly (readonly ChatMessage[])[] = [CALL, SAID].flatMap((call) => [
  [
    ...call,
    { role: 'tool', tool_call_id: ID, name: CALLED, content: 'Found.' },
    { role: 'assistant', content: 'This.' },
  ],
  call,
]);
/** What such a template may ask for before it writes calls. */
const PROBE_TOOLS = JSON.stringify([
  {
    type: 'function',
    function: { name: 'other_probe', description: '', parameters: { type: 'object', properties: {} } },
  },
]);

/**
 * The first form in which a template writes calls, if it can where more follows; undefined where it writes none.
 * @throws HumanError where it fails in every form
 */
export function callFormOf(
  render: (messages: readonly ChatMessage[], form: CallForm, tools: string) => string,
): CallForm | undefined {
  let failure: HumanError | undefined;
  let isWritten = false;
  let asPython: CallForm | undefined;
  for (const probe of PROBES)
    for (const form of FORMS)
      try {
        const text = render(probe, form, PROBE_TOOLS);
        isWritten = true;
        if (![CALLED, KEY, VALUE].every((part) => text.includes(part))) continue;
        // One that writes an object as Python does means the text to be given.
        if (!text.includes(`{'${KEY}'`)) return form;
        asPython ??= form;
      } catch (error) {
        if (!(error instanceof HumanError)) throw error;
        failure = error;
      }
  if (failure && !isWritten) throw failure;
  return asPython;
}

/** The messages of a conversation as the template sees them. @param form undefined: none of them calls */
export const messageValues = (messages: readonly ChatMessage[], form: CallForm | undefined): Value =>
  new List(messages.map((message) => messageValue(message, form)));

function messageValue({ role, content, tool_calls: calls, ...others }: ChatMessage, form: CallForm | undefined): Value {
  const said = calls && content === '' ? form?.content : content;
  return dict({
    role: new Text(role),
    ...(said !== undefined && { content: said === null ? new Nothing(null) : new Text(said) }),
    ...(calls && { tool_calls: new List(calls.map((call) => callValue(call, form))) }),
    ...texts({ tool_call_id: others.tool_call_id, name: others.name }),
  });
}

function callValue({ id, type, function: called }: ToolCall, form: CallForm | undefined): Value {
  const parts = Object.entries(called).map(([key, text]): [string, Value] => [
    key,
    key === 'arguments' && form?.arguments === 'object' ? loads(text) : new Text(text),
  ]);
  return dict({ ...texts({ id, type }), function: dict(Object.fromEntries(parts)) });
}

const dict = (entries: Record<string, Value>): Value => new Dict(new Map(Object.entries(entries)));

const texts = (given: Record<string, string | undefined>): Record<string, Value> =>
  Object.fromEntries(
    Object.entries(given).flatMap(([key, text]) => (text === undefined ? [] : [[key, new Text(text)] as const])),
  );

/** Characters. */
export const messageSize = ({ content, tool_calls: calls = [] }: ChatMessage): number =>
  calls.reduce((size, { function: { name, arguments: given } }) => size + name.length + given.length, content.length);
