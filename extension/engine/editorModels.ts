/** Language models that VS Code offers, as judges: the person is asked before anything is sent. */
import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { HostRequests, ModelReply } from '../../runtime/contract/protocol.js';
import { isAgreed } from '../host/messages.js';
import { t } from '../host/text.js';
import type { Token } from './engine.js';

type Asked = HostRequests['askModel']['params'];
export type AskModel = (asked: Omit<Asked, 'id'>, token: Token) => Promise<ModelReply>;

/** A person who is not there does not hold up a run: the judge can be added later. */
const ANSWER_MS = 10 * 60_000;
/** A reply is a word. */
const MOST_CHARACTERS = 4096;
const MOST_REASON = 200;

const fault = (reason: string, over = true): { fault: string; over: boolean } => ({ fault: reason, over });
type Chosen = { model: vscode.LanguageModelChat } | { fault: string; over: boolean };

/**
 * For one run, or a sweep: each of its judges is chosen, and agreed to, once; beyond what was agreed to the person is
 * asked anew.
 */
export function editorModels(): AskModel {
  const known = new Map<string, { choosing: Promise<Chosen>; left: number }>();
  return async (asked, token) => {
    const key = JSON.stringify([asked.judge, asked.model]);
    const before = known.get(key);
    const agreed = before && before.left > 0 ? before : { choosing: chosen(asked), left: asked.most };
    known.set(key, agreed);
    agreed.left--;
    const found = await agreed.choosing;
    return 'fault' in found ? found : send(found.model, asked, token);
  };
}

/** Whether this VS Code offers language models to extensions; before 1.91 it does not. */
export const hasLanguageModels = (): boolean =>
  (vscode as Partial<typeof vscode>).lm?.selectChatModels !== undefined && 'LanguageModelChatMessage' in vscode;

async function chosen({ judge, model: named, most }: Omit<Asked, 'id'>): Promise<Chosen> {
  if (!hasLanguageModels())
    return fault(t('this VS Code offers no language models to extensions; version 1.91 or newer does.'));
  let models: vscode.LanguageModelChat[];
  try {
    models = await vscode.lm.selectChatModels(named === true ? {} : named);
  } catch (error) {
    return fault(t('VS Code offers no language model: {0}', reasonOf(error)));
  }
  const [model] = models;
  if (!model) return fault(t('VS Code offers no such language model. Sign in to its provider, or name another model.'));
  const agreed = isAgreed(
    t('May "{0}" judge up to {1} answers?', judge, most),
    t(
      'Each answer is sent with its request to the language model {0} ({1}), at most {2} requests in all, which may count towards its quota. VS Code may ask, too, whether this extension may use it.',
      model.name,
      model.vendor,
      most,
    ),
    t('Send them'),
  );
  const answer = await Promise.race([agreed, delay(ANSWER_MS, false, { ref: false })]);
  return answer ? { model } : fault(t('sending it the answers was not allowed.'));
}

async function send(model: vscode.LanguageModelChat, asked: Omit<Asked, 'id'>, token: Token): Promise<ModelReply> {
  const source = new vscode.CancellationTokenSource();
  const stop = token.onCancellationRequested(() => source.cancel());
  try {
    const messages = [asked.system, asked.user].map((text) => vscode.LanguageModelChatMessage.User(text));
    const response = await model.sendRequest(
      messages,
      {
        justification: t('To judge the answers of a model that was fine-tuned here.'),
        modelOptions: { temperature: 0 },
      },
      source.token,
    );
    let text = '';
    for await (const part of response.text) if (text.length <= MOST_CHARACTERS) text += part;
    const [system = null, user = null, output = null] = await Promise.all(
      [asked.system, asked.user, text].map((each) => countOf(model, each)),
    );
    const inputTokens = system === null || user === null ? null : system + user;
    return { text, model: `${model.vendor}/${model.id}`, inputTokens, outputTokens: output };
  } catch (error) {
    const code = error instanceof vscode.LanguageModelError ? error.code : undefined;
    if (code === 'NoPermissions') return fault(t('VS Code was not allowed to use it.'));
    if (code === 'Blocked') return fault(t('its provider blocks it now: its quota may be used up.'));
    return fault(t('it gave no reply: {0}', reasonOf(error)), code === 'NotFound');
  } finally {
    stop.dispose();
    source.dispose();
  }
}

/** Null where the model does not count. */
const countOf = (model: vscode.LanguageModelChat, text: string): Promise<number | null> =>
  Promise.resolve(model.countTokens(text)).catch(() => null);

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, MOST_REASON);
