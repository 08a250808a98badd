/** That a chat template writes all of a conversation with tools: some leave out what they do not know. */
import type { ChatMessage, ToolCall } from '../contract/generation.js';
import { HumanError, unless } from '../support/errors.js';
import type { JsonObject } from '../support/jsonFile.js';
import type { ChatTemplate } from '../models/text/chatTemplate.js';
import { InvalidRow, UnfitRow } from './invalidRow.js';
import { parseExact } from './rawRow.js';

/** A part of a conversation in whose place a word stands that nothing else says, and what is wrong if it is missing. */
interface Marked {
  readonly mark: string;
  readonly lost: () => Error;
}

const MODEL = 'use a model whose template does';

/**
 * @param messages that are written, up to the last answer that is learned
 * @param template for the tools of the row
 * @throws InvalidRow where it does not write the tools, a call or a result of one; UnfitRow where it drops the text of
 * an answer that calls, too; HumanError where it fails to write any call
 */
export function checkToolUse(messages: readonly ChatMessage[], template: ChatTemplate): void {
  if (template.tools === undefined && !messages.some(({ role, tool_calls: calls }) => calls || role === 'tool')) return;
  const calling = messages.findIndex(({ tool_calls: calls }) => calls);
  if (calling >= 0 && !template.writesCalls()) throw notCalled(calling);
  const marks: Marked[] = [];
  const marked = (what: string, lost: Marked['lost']): string => {
    const mark = `zq${what}${marks.length}qz`;
    marks.push({ mark, lost });
    return mark;
  };
  const others = messages.map((message, i) => inMarks(message, i, marked));
  const tools = template.tools === undefined ? undefined : toolsInMarks(template.tools, marked);
  // What a template rejects of these it rejects, or not, of the row itself.
  const text = unless(HumanError, () => template.withTools(tools).render(others, { addGenerationPrompt: false }));
  const lost = text === undefined ? undefined : marks.find(({ mark }) => !text.includes(mark));
  if (lost) throw lost.lost();
}

type Mark = (what: string, lost: Marked['lost']) => string;

const notCalled = (i: number): InvalidRow =>
  new InvalidRow(
    `message ${i + 1} calls a tool, and the model's chat template does not write it: ${MODEL}, or write the call into the text of the message`,
  );

const notEach = (i: number): InvalidRow =>
  new InvalidRow(
    `message ${i + 1} calls several tools, and the model's chat template writes one call a message: ${MODEL}, or put each call into a message of its own, with its result behind it`,
  );

function inMarks(message: ChatMessage, i: number, marked: Mark): ChatMessage {
  const { role, content, tool_calls: calls } = message;
  if (role === 'tool' && content.trim() !== '')
    return {
      ...message,
      content: marked(
        'result',
        () =>
          new InvalidRow(
            `message ${i + 1} is the result of a tool, and the model's chat template does not write it: ${MODEL}`,
          ),
      ),
    };
  if (!calls) return message;
  const lost = (): UnfitRow =>
    new UnfitRow(
      `message ${i + 1} has a text and calls a tool, and the model's chat template does not write the text: remove it, or ${MODEL}`,
    );
  return {
    ...message,
    ...(content.trim() !== '' && { content: marked('text', lost) }),
    tool_calls: calls.map((call, n): ToolCall => {
      const missing = n === 0 ? notCalled : notEach;
      const [name, argument] = ['call', 'argument'].map((what) => marked(what, () => missing(i)));
      return { ...call, function: { ...call.function, name, arguments: JSON.stringify({ given: argument }) } };
    }),
  };
}

function toolsInMarks(tools: string, marked: Mark): string {
  const lost = (): InvalidRow =>
    new InvalidRow(
      `the row has tools, and the model's chat template does not write them: ${MODEL}, or remove them from the row`,
    );
  const list = (parseExact(tools) as (JsonObject & { function: JsonObject })[]).map((tool) => ({
    ...tool,
    function: { ...tool.function, name: marked('tool', lost) },
  }));
  return JSON.stringify(list);
}
