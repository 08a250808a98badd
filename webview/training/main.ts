import { numbersIn } from '../../runtime/contract/format.js';
import { runView } from '../../runtime/contract/runView.js';
import { openChannel } from '../channel.js';
import { showLanguage } from '../language.js';
import { Adapters } from '../chat/adapters.js';
import { el, oncePerFrame } from '../dom.js';
import { errorNotice, showFailure, thrown } from '../notice.js';
import { Part } from '../part.js';
import type { RunSnapshot } from '../protocol/run.js';
import type {
  TrainingNotice,
  TrainingPageEvent,
  TrainingPageRequest,
  TrainingState,
  TrainingStrings,
} from '../protocol/training.js';
import { Charts } from '../run/charts.js';
import { append } from '../run/columns.js';
import { Header } from '../run/header.js';
import { button, select, type Button, type Select } from '../ui.js';
import { Form, link } from './form.js';
import { Queue } from './queue.js';

/** Of a run's charts as many as a sidebar has room for; the run page has all. */
const MAX_CHARTS = 2;

const channel = openChannel<TrainingPageEvent, TrainingPageRequest, never>(receive);
let page: TrainingPage | undefined;
let training: TrainingState | undefined;
let run: RunSnapshot | undefined;
/** However fast appends come. */
const draw = oncePerFrame(() => page?.showRun(run));

function receive(event: TrainingPageEvent): void {
  switch (event.type) {
    case 'state':
      training = event.training;
      showLanguage(event.language);
      page ??= new TrainingPage(event.language, event.strings);
      page.update(training);
      return;
    case 'run':
      run = event.run;
      page?.showRun(run);
      return;
    case 'append':
      if (!run) return;
      if (append(run, event)) draw();
      else send({ type: 'ready' });
      return;
  }
}

function send(request: TrainingPageRequest): void {
  channel.request(request).then(
    () => page?.requestEnded(),
    (error: unknown) => {
      if (page) page.requestEnded(error);
      // The strings come with the first state; what failed here is that one.
      else showFailure(error);
    },
  );
}

/** What a file that is dragged says of itself: that of the explorer, and that of others. */
const DROPPED = ['application/vnd.code.uri-list', 'text/uri-list'];

class TrainingPage {
  private readonly recipes: Select;
  private readonly recipeLine: HTMLElement;
  private readonly create: Button;
  private readonly notices = el('div');
  private readonly failed = el('div');
  private readonly form: Form;
  private readonly runSection: HTMLElement;
  private readonly header: Header;
  private readonly runError = new Part();
  private readonly charts: Charts;
  private readonly queue: Queue;
  private readonly adapters: Adapters;
  private readonly numbers;
  private shownNotices = '';

  constructor(
    language: string,
    private readonly strings: TrainingStrings,
  ) {
    const s = strings;
    this.numbers = numbersIn(language);
    this.recipes = select('recipe', (file) => send({ type: 'chooseRecipe', file }));
    this.create = button('+', 'icon', { label: s.newRecipe, title: s.newRecipe }, () =>
      send({ type: 'act', action: 'newRecipe' }),
    );
    this.recipeLine = el(
      'div',
      { class: 'recipe' },
      el('label', { for: 'recipe' }, s.recipe),
      this.recipes.element,
      this.create,
    );
    this.form = new Form(s, send);
    const enlarge = button('⤢', 'icon', { label: s.openRun, title: s.openRun }, () => send({ type: 'openRun' }));
    this.header = new Header(s, this.numbers, send, enlarge);
    this.charts = new Charts(s, this.numbers, send, true);
    this.queue = new Queue(s, send);
    this.runSection = el(
      'section',
      { class: 'current' },
      this.header.element,
      this.runError.element,
      this.charts.element,
    );
    this.adapters = new Adapters(s, send);
    const isDrop = ({ dataTransfer }: DragEvent): boolean =>
      dataTransfer?.types.some((type) => DROPPED.includes(type)) === true;
    document.body.replaceChildren(
      el(
        'main',
        {
          class: 'page training',
          dragover: (event) => isDrop(event as DragEvent) && event.preventDefault(),
          drop: (event) => {
            const dropped = event as DragEvent;
            if (!isDrop(dropped)) return;
            event.preventDefault();
            const uris = DROPPED.map((type) => dropped.dataTransfer!.getData(type)).find(Boolean);
            if (uris) send({ type: 'drop', uris });
          },
        },
        el('h1', { class: 'for-readers' }, s.title),
        this.recipeLine,
        this.notices,
        this.form.element,
        this.failed,
        this.runSection,
        this.queue.element,
        this.adapters.element,
      ),
    );
  }

  update(state: TrainingState): void {
    const { recipes, recipe, form, locked } = state;
    this.recipeLine.hidden = recipe === undefined;
    this.recipes.show(recipes, recipe ?? '', false);
    this.create.disabled = locked;
    this.form.element.hidden = form === undefined;
    if (form) this.form.update(form, locked);
    this.showNotices(state);
    this.queue.update(state.queue);
    this.adapters.element.hidden = form === undefined || state.adapters.length === 0;
    this.adapters.update({ adapters: state.adapters, busy: locked });
  }

  showRun(shown: RunSnapshot | undefined): void {
    this.runSection.hidden = shown === undefined;
    if (!shown) return;
    const view = runView(shown, { strings: this.strings, numbers: this.numbers });
    this.header.update(shown, view);
    this.charts.update(shown, view.charts.slice(0, MAX_CHARTS));
    const { errorTitle, stack } = this.strings;
    this.runError.show(shown.id, shown.error, (error) => errorNotice(errorTitle, error, stack));
  }

  requestEnded(error?: unknown): void {
    this.header.enable();
    // What was not done is shown again as it is.
    if (training) this.update(training);
    this.failed.replaceChildren(
      ...(error === undefined ? [] : [errorNotice(this.strings.requestFailed, thrown(error), this.strings.stack)]),
    );
  }

  private showNotices({ notices, error, locked }: TrainingState): void {
    const key = JSON.stringify([notices, error, locked]);
    if (key === this.shownNotices) return;
    this.shownNotices = key;
    const notice = ({ text, buttons }: TrainingNotice): HTMLElement =>
      el(
        'div',
        { class: 'notice', role: 'status' },
        el('p', {}, text),
        el(
          'div',
          { class: 'actions' },
          ...buttons.map(({ action, label }, i) => {
            const made = button(label, i === 0 ? 'primary' : 'secondary', {}, () => send({ type: 'act', action }));
            made.disabled = locked && action !== 'trust';
            return made;
          }),
        ),
      );
    const hadFocus = this.notices.contains(document.activeElement);
    const open = { action: 'openFile', label: this.strings.openRecipe } as const;
    this.notices.replaceChildren(
      ...notices.map(notice),
      ...(error ? [errorNotice(this.strings.recipe, error, this.strings.stack), el('p', {}, link(open, send))] : []),
    );
    if (!hadFocus) return;
    const next = this.notices.querySelector<HTMLElement>('vscode-button:not([disabled]), button');
    (next ?? this.recipes.element).focus();
  }
}

send({ type: 'ready' });
