import { runView, type RunView } from '../../runtime/contract/runView.js';
import { openChannel } from '../channel.js';
import { showLanguage } from '../language.js';
import { el, oncePerFrame } from '../dom.js';
import { errorNotice, showFailure, thrown } from '../notice.js';
import type {
  RunPageEvent,
  RunPageRequest,
  RunPageState,
  RunSnapshot,
  RunStrings,
  RunWarning,
} from '../protocol/run.js';
import { numbersIn } from '../../runtime/contract/format.js';
import { Part } from '../part.js';
import { button } from '../ui.js';
import { Answers, type AnswersView } from './answers.js';
import { Charts } from './charts.js';
import { append } from './columns.js';
import { Header } from './header.js';
import { sweepElement } from './sweep.js';
import { resultElement, vectorsElement } from './table.js';

/** What the page keeps of itself is for itself alone. */
type Kept = RunPageState & { answers?: AnswersView };
const channel = openChannel<RunPageEvent, RunPageRequest, Kept>(receive);
let page: RunPage | undefined;
let run: RunSnapshot | undefined;
/** However fast appends come. */
const draw = oncePerFrame(() => {
  if (run) page?.update(run);
});

function receive(event: RunPageEvent): void {
  switch (event.type) {
    case 'snapshot': {
      const other = run !== undefined && run.id !== event.run.id;
      run = event.run;
      channel.state = { ...channel.state, run: run.id };
      showLanguage(event.language);
      page ??= new RunPage(event.language, event.strings);
      page.updateAll(run, other);
      return;
    }
    case 'append':
      if (!run) return;
      if (append(run, event)) draw();
      else send({ type: 'ready' });
      return;
    case 'answers':
      page?.showAnswers(event);
      return;
  }
}

function send(request: RunPageRequest): void {
  page?.requestBegins();
  channel.request(request).then(
    (done) => {
      // A run that does not stop is stopped once more.
      if (!done || request.type === 'stop') page?.requestEnded();
    },
    (error: unknown) => {
      if (page) page.requestEnded(error);
      // The strings come with the first snapshot; what failed here is that one.
      else showFailure(error);
    },
  );
}

class RunPage {
  private readonly header: Header;
  private readonly charts: Charts;
  private readonly answers: Answers;
  private readonly failed = el('div');
  private readonly error = new Part();
  private readonly warnings = new Part();
  private readonly sweep = new Part();
  private readonly tableHeading: HTMLElement;
  private readonly results = new Part();
  private readonly vectors = new Part();
  private readonly invariants = new Part();
  private readonly actions = el('div', { class: 'actions' });
  private readonly numbers;

  constructor(
    language: string,
    private readonly strings: RunStrings,
  ) {
    this.numbers = numbersIn(language);
    this.header = new Header(strings, this.numbers, send);
    this.charts = new Charts(strings, this.numbers, send);
    this.answers = new Answers(strings, this.numbers, channel.state?.answers, (answers) => {
      if (run) channel.state = { run: run.id, answers };
    });
    const help = button(
      '?',
      'icon',
      { label: this.numbers.of(strings.tableTitle, strings.help), title: strings.help },
      () => send({ type: 'openWalkthrough', topic: 'table' }),
    );
    this.tableHeading = el('header', {}, el('h2', { id: 'outcome' }, strings.tableTitle), help);
    document.body.replaceChildren(
      el(
        'main',
        { class: 'page' },
        this.header.element,
        this.failed,
        this.error.element,
        this.warnings.element,
        this.sweep.element,
        this.charts.element,
        el(
          'section',
          { class: 'outcome', 'aria-labelledby': 'outcome' },
          this.tableHeading,
          this.results.element,
          this.vectors.element,
          this.invariants.element,
          this.actions,
        ),
        this.answers.element,
      ),
    );
  }

  /** What changes from step to step. */
  update(run: RunSnapshot, view = this.viewOf(run)): void {
    this.header.update(run, view);
    this.charts.update(run, view.charts);
  }

  private viewOf(run: RunSnapshot): RunView {
    return runView(run, { strings: this.strings, numbers: this.numbers });
  }

  updateAll(run: RunSnapshot, other: boolean): void {
    const { strings: s } = this;
    const view = this.viewOf(run);
    if (other) {
      this.answers.hide();
      this.failed.replaceChildren();
    }
    const { error, openPlace } = run;
    this.error.show(run.id, error && { error, openPlace }, (shown) =>
      errorNotice(s.errorTitle, shown.error, s.stack, ...this.placeButtons(shown.openPlace)),
    );
    this.warnings.show(run.id, unlessEmpty(run.warnings), (warnings) => warningList(warnings, s));
    // Training a vector evaluates nothing, so no table is missed there.
    const tabled = (run.kind !== 'vector' && run.kind !== 'sweep' && !run.canRunAgain) || run.measurements.length > 0;
    this.sweep.show(run.id, run.sweep, (sweep) => sweepElement(sweep, { strings: s, numbers: this.numbers }, send));
    this.tableHeading.hidden = !tabled;
    this.results.element.hidden = !tabled;
    const results = { table: view.table, compared: run.compared, ended: hasEnded(run) };
    this.results.show(run.id, results, (shown) => resultElement(shown, s));
    this.vectors.show(run.id, view.vectors, vectorsElement);
    this.invariants.show(run.id, unlessEmpty(view.laws), (laws) => invariantList(laws, s));
    this.showActions(run);
    this.update(run, view);
  }

  showAnswers({ rows, agreements, canLabel, reveal }: Extract<RunPageEvent, { type: 'answers' }>): void {
    this.answers.show(rows, { strings: this.strings, agreements, canLabel, send });
    if (reveal) this.answers.reveal();
  }

  private placeButtons(face: string | undefined): HTMLElement[] {
    return face === undefined ? [] : [button(face, 'secondary', {}, () => send({ type: 'openPlace' }))];
  }

  /** An error stays until somebody does something. */
  requestBegins(): void {
    this.failed.replaceChildren();
  }

  requestEnded(error?: unknown): void {
    this.header.enable();
    if (error === undefined) return;
    this.failed.replaceChildren(errorNotice(this.strings.requestFailed, thrown(error), this.strings.stack));
  }

  /** Keeps the buttons that stay, so that the focus stays too. */
  private showActions(run: RunSnapshot): void {
    const { strings: s } = this;
    const wanted: [keyof RunStrings, RunPageRequest, boolean][] = [
      ['answers', { type: 'openAnswers' }, run.hasAnswers],
      ['judgeAgain', { type: 'judgeAgain' }, run.sweep?.canJudge === true],
      ['report', { type: 'openReport' }, run.hasReport],
      ['folder', { type: 'openFolder' }, true],
    ];
    const shown = wanted.filter(([, , show]) => show).map(([name]) => name);
    if (this.actions.dataset.shown === shown.join()) return;
    this.actions.dataset.shown = shown.join();
    this.actions.replaceChildren(
      ...wanted
        .filter(([name]) => shown.includes(name))
        .map(([name, request]) => button(s[name], 'secondary', {}, () => send(request))),
    );
  }
}

const unlessEmpty = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined);

const hasEnded = ({ progress }: RunSnapshot): boolean => ['finished', 'stopped', 'failed'].includes(progress.state);

function warningList(warnings: RunWarning[], s: RunStrings): HTMLElement {
  const lines = warnings.map(({ message, place, remedy }) =>
    el(
      'li',
      {},
      place ? el('code', { class: 'place' }, place) : null,
      place ? ' ' : null,
      message,
      remedy ? ` ${remedy}` : null,
    ),
  );
  // A long list is folded, a short one is in plain sight.
  return el(
    'details',
    { class: 'notice warning', open: warnings.length <= 3 },
    el('summary', {}, `${s.warnings} (${warnings.length})`),
    el('ul', {}, ...lines),
  );
}

function invariantList(invariants: RunView['laws'], s: RunStrings): HTMLElement {
  return el(
    'ul',
    { class: 'invariants', 'aria-label': s.invariantsTitle, title: s.invariantsTitle },
    ...invariants.map(({ state, text }) => el('li', { class: state }, text)),
  );
}

send({ type: 'ready' });
