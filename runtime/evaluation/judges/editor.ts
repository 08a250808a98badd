/** A language model of the editor: the host asks it, after it has asked the person. */
import type { EditorChoice } from '../../contract/recipeJudges.js';
import type { HostRequests, ModelReply } from '../../contract/protocol.js';
import { HumanError } from '../../support/errors.js';
import { nameOf } from './choices.js';
import { JudgeFault, type LanguageModel } from './languageModel.js';

/** Asks the host; without one there is no editor. */
export type AskEditor = (
  asked: Omit<HostRequests['askModel']['params'], 'id'>,
  signal: AbortSignal,
) => Promise<ModelReply>;

/** Few at a time: a model of the editor is shared with everything else that a person does there. */
const CONCURRENCY = 2;

/**
 * @param most answers that it may be asked about, which the person is told before
 * @throws HumanError outside VS Code
 */
export function editorModel(
  choice: EditorChoice,
  { place, most, askEditor }: { place: string; most: number; askEditor?: AskEditor },
): LanguageModel {
  if (!askEditor)
    throw new HumanError('this judge is a language model of VS Code, which is not there on the command line.', {
      place: `${place}.vscode`,
      remedy: 'Run it in VS Code, name an "endpoint" instead, or leave this judge out and add it in VS Code later.',
    });
  let model = 'vscode';
  return {
    at: 'vscode',
    model: () => model,
    concurrency: CONCURRENCY,
    async ask(system, user, signal, sent) {
      const reply = await askEditor({ judge: nameOf(choice), model: choice.vscode, most, system, user }, signal);
      // Where it may not be asked, nothing was sent.
      if (!('fault' in reply && reply.over)) sent();
      if ('fault' in reply) throw new JudgeFault(reply.fault, reply.over ? 'judge' : 'answer');
      ({ model } = reply);
      return reply;
    },
    close: () => Promise.resolve(),
  };
}
