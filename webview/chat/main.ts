import { openChannel } from '../channel.js';
import { showLanguage } from '../language.js';
import { el, setText } from '../dom.js';
import { errorNotice, showFailure, thrown } from '../notice.js';
import type { ChatPageEvent, ChatPageRequest, ChatPageState, ChatState, ChatStrings } from '../protocol/chat.js';
import { fill } from '../../runtime/contract/format.js';
import { button, setDisabled, textArea, type Button, type TextArea } from '../ui.js';
import { Adapters } from './adapters.js';
import { Columns } from './columns.js';
import { Rounds } from './rounds.js';

const channel = openChannel<ChatPageEvent, ChatPageRequest, ChatPageState>(receive);
let page: ChatPage | undefined;
let chat: ChatState | undefined;

function receive(event: ChatPageEvent): void {
  switch (event.type) {
    case 'state':
      chat = event.chat;
      showLanguage(event.language);
      page ??= new ChatPage(event.strings);
      page.update(chat);
      return;
    case 'token':
      return page?.rounds.token(event.column, event.text);
  }
}

class ChatPage {
  readonly rounds: Rounds;
  private readonly columns: Columns;
  private readonly adapters: Adapters;
  private readonly title = el('h1');
  private readonly hint = el('p', { class: 'muted' });
  /** Why the model cannot answer at all. */
  private readonly problem = el('div');
  private told = '';
  /** The request that failed last. */
  private readonly failed = el('div');
  private readonly input: TextArea;
  private readonly sendButton: Button;
  private readonly stopButton: Button;
  private readonly clearButton: Button;

  constructor(private readonly strings: ChatStrings) {
    const s = strings;
    this.rounds = new Rounds(s, (request) => void this.send(request));
    this.columns = new Columns(s, (request) => void this.send(request));
    this.adapters = new Adapters(s, (request) => void this.send(request));
    this.input = textArea(s.messageLabel, fill(s.placeholder, chat?.model.name ?? ''));
    this.input.value = channel.state?.draft ?? '';
    this.sendButton = button(s.send, 'primary', {}, () => this.submit());
    this.stopButton = button(s.stop, 'primary', {}, () => void this.send({ type: 'stop' }));
    this.clearButton = button(s.clear, 'secondary', {}, () => void this.send({ type: 'clear' }));
    this.input.addEventListener('input', () => this.keep());
    this.input.addEventListener('keydown', (event) => {
      // Enter that ends an input method's composition is not a message.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    document.body.replaceChildren(
      el(
        'main',
        { class: 'page chat' },
        el('header', { class: 'top' }, el('div', { class: 'titles' }, this.title), this.clearButton),
        el('div', { class: 'choices' }, this.columns.element, this.adapters.element),
        this.rounds.element,
        this.problem,
        this.failed,
        el(
          'form',
          { submit: (event) => event.preventDefault() },
          this.input,
          el('div', { class: 'actions' }, this.sendButton, this.stopButton, this.hint),
        ),
      ),
    );
  }

  update(state: ChatState): void {
    const { strings: s } = this;
    setText(this.title, state.model.name);
    this.title.title = state.model.path;
    this.adapters.update(state);
    this.columns.update(state);
    this.rounds.update(state);
    const ready = !state.error;
    this.input.disabled = !ready;
    // The keyboard stays where it was: of the two buttons one is there.
    const hasFocus = [this.sendButton, this.stopButton].some((one) => one.matches(':focus-within'));
    this.sendButton.hidden = state.busy;
    this.sendButton.disabled = !ready;
    this.stopButton.hidden = !state.busy;
    if (hasFocus) (state.busy ? this.stopButton : this.input).focus();
    setDisabled(this.clearButton, state.busy || state.rounds.length === 0);
    setText(this.hint, state.chatTemplate ? s.hint : `${s.noTemplate} ${s.hint}`);
    this.tell(state.error);
    if (ready && !state.busy) this.keep();
  }

  /** An alert that is drawn again is read out again. */
  private tell(error: ChatState['error']): void {
    const said = error ? JSON.stringify(error) : '';
    if (said === this.told) return;
    this.told = said;
    const { modelFailed, stack } = this.strings;
    this.problem.replaceChildren(...(error ? [errorNotice(modelFailed, error, stack)] : []));
  }

  private submit(): void {
    const text = this.input.value.trim();
    if (text === '' || !chat || chat.busy || chat.error) return;
    this.input.value = '';
    this.keep();
    void this.send({ type: 'send', text }).then((failed) => {
      // What could not be sent is not lost.
      if (failed && this.input.value === '') this.input.value = text;
      this.keep();
    });
  }

  /** True when the request failed; what failed is shown. */
  private async send(request: ChatPageRequest): Promise<boolean> {
    this.failed.replaceChildren();
    try {
      if (!(await channel.request(request))) this.putBack();
      return false;
    } catch (error) {
      this.failed.replaceChildren(errorNotice(this.strings.requestFailed, thrown(error), this.strings.stack));
      this.putBack();
      return true;
    }
  }

  /** Check boxes show again what the host holds true. */
  private putBack(): void {
    if (!chat) return;
    this.adapters.update(chat);
    this.columns.update(chat);
  }

  private keep(): void {
    if (chat) channel.state = { chat: chat.id, draft: this.input.value };
  }
}

channel.request({ type: 'ready' }).catch((error: unknown) => {
  showFailure(error);
});
