import type { ChatMessage } from '../../runtime/contract/generation.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import type { DeviceChoice } from '../../runtime/contract/recipeWords.js';
import type { ChatAnswer, ChatPageEvent, ChatRound, ChatState } from '../../webview/protocol/chat.js';
import type { Listener, Token } from '../engine/engine.js';
import { Cancelled, errorData, inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Adapter, Model } from '../workspace/models.js';
import { adapterBoxes } from './adapterBoxes.js';
import { chatColumns, stateId, type Answered, type Column, type ModelState } from './chatColumns.js';

/** What is kept of a chat. */
export interface ChatMemory {
  rounds: ChatRound[];
  /** States of the model that have answered. */
  states: Answered[];
  /** Columns that the person has put in or taken out. */
  shown: Record<string, boolean>;
}

export const EMPTY_CHAT: ChatMemory = { rounds: [], states: [], shown: {} };

/** A question to a state of the model with what was said before it, and the answer. */
export interface Said {
  messages: ChatMessage[];
  answer: string;
  /** The model has not ended it. */
  cut?: boolean;
}

export interface ChatOptions {
  path: string;
  memory: ChatMemory;
  /** The model as it is now; undefined when it was removed. */
  model(): Model | undefined;
  /** States of the model that are compared elsewhere, too: base, plain, protected, and with what is attached now. */
  states(model: Model): ModelState[];
  /** A vector that says what it would have explained of an answer. */
  vector(model: Model): Pick<Adapter, 'path' | 'name' | 'precision'> | undefined;
  generate(params: Requests['generate']['params'], listener: Listener): Promise<Requests['generate']['result']>;
  explain(
    params: Requests['explainAnswer']['params'],
    listener: Listener,
  ): Promise<Requests['explainAnswer']['result']>;
  /** Makes a token that `cancel` cancels. */
  newStop(): Stop;
  maxNewTokens(): number;
  device(): DeviceChoice;
  post(event: ChatPageEvent): void;
  /** The page must draw the whole chat again. */
  changed(): void;
  /** The chat has changed for good: keep it. */
  keep(memory: ChatMemory): void;
  onBug(error: unknown): void;
}

interface Stop {
  token: Token;
  cancel(): void;
}

/**
 * A conversation with states of a model beside each other: each is a column, gets the same question, and answers to its
 * own history: the questions that it has answered itself. A column that comes later begins with nothing.
 */
export class Chat {
  private memory: ChatMemory;
  private stopping: Stop | undefined;
  private explaining: Stop | undefined;

  constructor(private readonly options: ChatOptions) {
    const { memory } = options;
    this.memory = { ...memory, rounds: memory.rounds.map(cutOff) };
  }

  state(): ChatState {
    const model = this.options.model();
    const { rounds } = this.memory;
    return {
      id: this.options.path,
      model: { name: model?.name ?? this.options.path, path: this.options.path },
      adapters: adapterBoxes(model),
      columns: this.columns(model).map((column) => ({
        id: column.id,
        name: column.name,
        details: column.details,
        attached: column.attached,
        danger: column.danger,
        unread: column.unread,
        shown: this.isShown(column),
      })),
      rounds,
      busy: this.stopping !== undefined,
      chatTemplate: model?.info?.chatTemplate ?? true,
      error: problem(model, this.options.path),
    };
  }

  /** Asks all columns that are shown, one after the other; ends when the last answer has ended, well or not. */
  async send(text: string): Promise<void> {
    if (this.stopping) throw inputError(t('the last answer is still being written.'), { remedy: t('Stop it first.') });
    const columns = this.columns(this.options.model()).filter((column) => this.isShown(column));
    if (columns.length === 0)
      throw inputError(t('no column is chosen: nobody would answer.'), { remedy: t('Choose one above.') });
    this.explaining?.cancel();
    const { rounds, states } = this.memory;
    const round: ChatRound = {
      id: (rounds.at(-1)?.id ?? 0) + 1,
      question: text,
      answers: columns.map(({ id, name, danger }) => ({
        column: id,
        name,
        danger,
        content: '',
        phase: 'waiting' as const,
        saw: answersOf(rounds, id).length,
        of: rounds.length,
      })),
    };
    const known = new Set(states.map(stateId));
    const added = columns
      .filter(({ id }) => !known.has(id))
      .map(({ name, model, adapters, danger }) => ({ name, model, adapters, danger }));
    this.memory = { ...this.memory, rounds: [...rounds, round], states: [...states, ...added] };
    const stop = (this.stopping = this.options.newStop());
    this.options.changed();
    try {
      for (const [i, column] of columns.entries()) {
        if (stop.token.isCancellationRequested) break;
        await this.answer(column, round, round.answers[i]!, stop.token);
      }
    } finally {
      // Columns that were not reached were not asked.
      round.answers = round.answers.filter(({ phase }) => phase !== 'waiting');
      this.stopping = undefined;
    }
    // Cleared meanwhile: the answers belong to a conversation that is gone.
    const isThere = this.memory.rounds.includes(round);
    if (isThere) this.options.keep(this.memory);
    this.options.changed();
    if (isThere && !stop.token.isCancellationRequested) void this.explain(round);
  }

  stop(): void {
    this.stopping?.cancel();
    this.explaining?.cancel();
  }

  clear(): void {
    this.stop();
    this.memory = { ...EMPTY_CHAT, shown: this.memory.shown };
    this.options.keep(this.memory);
    this.options.changed();
  }

  column(id: string): Column | undefined {
    return this.columns(this.options.model()).find((column) => column.id === id);
  }

  /**
   * Puts a column in or takes it out; its history stays.
   * @throws HostError where one of its adapters is not there to answer
   */
  show(id: string, shown: boolean): void {
    if (shown && this.column(id)?.unread)
      throw inputError(t('an adapter of this column is gone or cannot be read.'), {
        remedy: t('Put its folder back, or choose another column.'),
      });
    this.memory = { ...this.memory, shown: { ...this.memory.shown, [id]: shown } };
    this.options.keep(this.memory);
    this.options.changed();
  }

  /** What was said to a column in a round; undefined when it is gone or has no answer. */
  said(round: number, column: string): Said | undefined {
    const at = this.memory.rounds.findIndex(({ id }) => id === round);
    const answer = this.memory.rounds[at]?.answers.find((each) => each.column === column);
    if (!answer?.content) return undefined;
    const cut = answer.stopped || answer.cut !== undefined;
    return { messages: this.messages(at, column), answer: answer.content, ...(cut && { cut }) };
  }

  private columns(model: Model | undefined): Column[] {
    return model ? chatColumns(model, this.options.states(model), this.memory.states) : [];
  }

  /**
   * One with a security vector, or with an adapter that cannot be read, answers only while it is attached, or where the
   * person has put it in.
   */
  private isShown({ id, isUsual, danger, unread, attached }: Column): boolean {
    return this.memory.shown[id] ?? (isUsual && (attached || !(danger || unread)));
  }

  private async answer(column: Column, round: ChatRound, answer: ChatAnswer, token: Token): Promise<void> {
    answer.phase = 'writing';
    this.options.keep(this.memory);
    this.options.changed();
    try {
      const maxNewTokens = this.options.maxNewTokens();
      const { text, ids, stopped, seconds } = await this.options.generate(
        {
          model: column.model ?? this.options.path,
          adapters: column.adapters,
          messages: this.messages(this.memory.rounds.indexOf(round), column.id, round.question),
          device: this.options.device(),
          precision: column.precision,
          options: { maxNewTokens, temperature: 0, topP: 1 },
        },
        {
          token,
          onProgress: (message) => {
            answer.doing = message;
            this.options.changed();
          },
          onToken: (text) => {
            answer.content += text;
            if (this.memory.rounds.includes(round)) this.options.post({ type: 'token', column: column.id, text });
          },
        },
      );
      answer.content = text;
      const tokens = ids.length;
      if (tokens > 0 && seconds > 0) answer.tokensPerSecond = tokens / seconds;
      if (token.isCancellationRequested) answer.stopped = true;
      else if (!stopped) answer.cut = { tokens, by: tokens < maxNewTokens ? 'context' : 'limit' };
    } catch (error) {
      if (error instanceof Cancelled) answer.stopped = true;
      else answer.error = errorData(error);
    }
    answer.phase = 'done';
    delete answer.doing;
  }

  /** Up to a question of a round, as one column has seen it. */
  private messages(at: number, column: string, question = this.memory.rounds[at]?.question ?? ''): ChatMessage[] {
    const before = at < 0 ? [] : answersOf(this.memory.rounds.slice(0, at), column);
    return [
      ...before.flatMap(([asked, answer]): ChatMessage[] => [
        { role: 'user', content: asked },
        { role: 'assistant', content: answer },
      ]),
      { role: 'user', content: question },
    ];
  }

  /** What a vector would have explained of the answers of a round. Another question ends it. */
  private async explain(round: ChatRound): Promise<void> {
    const model = this.options.model();
    const vector = model && this.options.vector(model);
    if (!vector) return;
    const { token } = (this.explaining = this.options.newStop());
    try {
      for (const answer of round.answers) {
        const said = answer.error ? undefined : this.said(round.id, answer.column);
        if (!said) continue;
        const where = { device: this.options.device(), precision: vector.precision };
        const params = { model: model.path, vector: vector.path, ...said, ...where };
        const found = await this.options.explain(params, { token });
        if (token.isCancellationRequested || !this.memory.rounds.includes(round)) return;
        if (found) answer.explained = { vector: vector.name, share: found.share, unjudged: found.unjudged };
        this.options.changed();
      }
      this.options.keep(this.memory);
    } catch (error) {
      // The answers are there; what a vector says of them is besides.
      if (!(error instanceof Cancelled)) this.options.onBug(error);
    }
  }
}

/** A round of a window that was closed: who was answering has stopped, who was not reached was not asked. */
const cutOff = (round: ChatRound): ChatRound => ({
  ...round,
  answers: round.answers
    .filter(({ phase }) => phase !== 'waiting')
    .map((answer) => (answer.phase === 'done' ? answer : { ...answer, phase: 'done', stopped: true })),
});

/**
 * Questions with the answers of one column. What failed or was left empty is no part of its history, and neither is its
 * question.
 */
function answersOf(rounds: readonly ChatRound[], column: string): [question: string, answer: string][] {
  return rounds.flatMap(({ question, answers }) =>
    answers.flatMap((answer): [string, string][] =>
      answer.column === column && answer.content && !answer.error ? [[question, answer.content]] : [],
    ),
  );
}

function problem(model: Model | undefined, path: string): ChatState['error'] {
  if (!model) {
    return {
      kind: 'input',
      message: t('this model is no longer in the workspace.'),
      place: path,
      remedy: t('Add it again.'),
    };
  }
  if (model.problem) return { kind: 'input', message: model.problem, place: path };
  return model.info?.missing ? { kind: 'input', ...model.info.missing, place: path } : undefined;
}
