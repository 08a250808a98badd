import type { GenerateParams, ModelReference, Requests } from '../../runtime/contract/protocol.js';
import type { ChatPageEvent, ChatState, ChatTurn, Seen } from '../../webview/protocol.js';
import type { Listener, Token } from '../engine/engine.js';
import { Cancelled, errorData, inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Model } from '../workspace/models.js';

export interface ChatOptions {
  path: string;
  turns: ChatTurn[];
  /** The model as it is now; undefined when it was removed. */
  model(): Model | undefined;
  /** With the adapters that are attached now. */
  reference(): ModelReference;
  generate(params: GenerateParams, listener: Listener): Promise<Requests['generate']['result']>;
  /** Makes a token that `stop` cancels. */
  newStop(): { token: Token; cancel(): void };
  maxNewTokens(): number;
  post(event: ChatPageEvent): void;
  /** The page must draw the whole chat again. */
  changed(): void;
  /** Turns have changed for good: keep them. */
  keep(turns: ChatTurn[]): void;
}

/**
 * A conversation with a model of the workspace; each answer is made with what is attached at that moment. What is attached
 * makes a state of the model, and each state answers to its own: it is given the questions that it has answered itself, and
 * not those that others have. One that is attached later begins with nothing.
 */
export class Chat {
  private turns: ChatTurn[];
  private stopping: { cancel(): void } | undefined;

  constructor(private readonly options: ChatOptions) {
    this.turns = [...options.turns];
  }

  state(): ChatState {
    const model = this.options.model();
    return {
      id: this.options.path,
      model: { name: model?.name ?? this.options.path, path: this.options.path },
      adapters: (model?.adapters ?? []).map(({ path, name, role, attached }) => ({
        path,
        name,
        role: role ?? 'task',
        attached,
      })),
      turns: this.turns,
      busy: this.stopping !== undefined,
      sees: seen(this.turns, model && stateOf(model)),
      chatTemplate: model?.info?.chatTemplate ?? true,
      error: problem(model, this.options.path),
    };
  }

  /** Adds the person's turn and the answer to it; ends when the answer has ended, well or not. */
  async send(text: string): Promise<void> {
    if (this.stopping) throw inputError(t('the last answer is still being written.'), { remedy: t('Stop it first.') });
    const model = this.options.model();
    const adapters = model?.adapters.filter((a) => a.attached).map((a) => a.name) ?? [];
    const state = model && stateOf(model);
    const history = pairs(this.turns).filter(([, { state: by }]) => by === state);
    const answer: ChatTurn = { role: 'assistant', content: '', adapters, state, saw: seen(this.turns, state) };
    this.turns = [...this.turns, { role: 'user', content: text }, answer];
    const stop = this.options.newStop();
    this.stopping = stop;
    this.options.changed();
    try {
      const result = await this.options.generate(
        {
          ...this.options.reference(),
          messages: [...history.flat(), { role: 'user' as const, content: text }].map(({ role, content }) => ({
            role,
            content,
          })),
          options: { maxNewTokens: this.options.maxNewTokens(), temperature: 0, topP: 1 },
        },
        {
          token: stop.token,
          onToken: (piece) => {
            answer.content += piece;
            this.options.post({ type: 'token', text: piece });
          },
        },
      );
      answer.content = result.text;
      if (stop.token.isCancellationRequested) answer.stopped = true;
    } catch (error) {
      if (error instanceof Cancelled) answer.stopped = true;
      else answer.error = errorData(error);
    } finally {
      this.stopping = undefined;
    }
    // Cleared meanwhile: the answer belongs to a conversation that is gone.
    if (this.turns.includes(answer)) {
      this.options.keep(this.turns);
      this.options.post({ type: 'done', turn: answer });
    }
    this.options.changed();
  }

  stop(): void {
    this.stopping?.cancel();
  }

  clear(): void {
    this.stop();
    this.turns = [];
    this.options.keep([]);
    this.options.changed();
  }
}

/** What is attached and how strongly: the same base with the same adapters is the same state. */
const stateOf = (model: Model): string =>
  JSON.stringify(
    model.adapters
      .filter((a) => a.attached)
      .map(({ path, scale }) => [path, scale])
      .sort(),
  );

/** Questions with their answers. What failed or was left empty is no part of the conversation, and neither is its question. */
function pairs(turns: readonly ChatTurn[]): [ChatTurn, ChatTurn][] {
  return turns.flatMap((turn, i) => {
    const answer = turns[i + 1];
    const isPair = turn.role === 'user' && answer?.role === 'assistant' && answer.content && !answer.error;
    return isPair ? [[turn, answer]] : [];
  });
}

function seen(turns: readonly ChatTurn[], state: string | undefined): Seen {
  const all = pairs(turns);
  const own = all.filter(([, answer]) => answer.state === state).length;
  return { own, others: all.length - own };
}

function problem(model: Model | undefined, path: string): ChatState['error'] {
  if (!model) {
    return {
      kind: 'input',
      message: t('this model is not in the workspace any more.'),
      place: path,
      remedy: t('Add it again.'),
    };
  }
  return model.problem ? { kind: 'input', message: model.problem, place: path } : undefined;
}
