import { showRuns, X_AXES, type ComparedRun } from '../../runtime/contract/comparedRuns.js';
import { comparisonCsv, rowId } from '../../runtime/contract/comparedTable.js';
import { byDisagreement, type AnswerRow } from '../../runtime/contract/answers.js';
import { fill, numbersIn } from '../../runtime/contract/format.js';
import { openChannel } from '../channel.js';
import { showLanguage } from '../language.js';
import { el, oncePerFrame, setText } from '../dom.js';
import { errorNotice, showFailure, thrown } from '../notice.js';
import {
  PICTURE_FORMATS,
  type ComparePageEvent,
  type ComparePageRequest,
  type ComparePageState,
  type CompareStrings,
  type PictureFormat,
} from '../protocol/compare.js';
import { Answers } from '../run/answers.js';
import { onThemeChange, readTheme } from '../theme.js';
import { button, checkBox, dropdown } from '../ui.js';
import { OverlayCharts, type Drawn } from './charts.js';
import { Legend } from './legend.js';
import { Parallel } from './parallel.js';
import { base64Of, chartsPicture, pageOf, toPng } from './pictures.js';
import { stateOf, viewOf, type CompareView, type State, type Words } from './state.js';
import { AgreementTable, RecipeTable, ResultTable } from './tables.js';

/** What the page keeps of itself is for itself alone. */
type Kept = ComparePageState & { view?: CompareView };
const channel = openChannel<ComparePageEvent, ComparePageRequest, Kept>(receive);
/** By their ids, as far as they have come. */
const runs = new Map<string, ComparedRun>();
let order: string[] = [];
let page: ComparePage | undefined;

function receive(event: ComparePageEvent): void {
  switch (event.type) {
    case 'run':
      showLanguage(event.language);
      page ??= new ComparePage({ strings: event.strings, numbers: numbersIn(event.language) });
      runs.set(event.run.id, event.run);
      return arrange(event.of);
    case 'runs':
      return arrange(event.of);
    case 'answers':
      return page?.showAnswers(event.rows, event.total);
  }
}

/** Draws when all are there. */
function arrange(of: string[]): void {
  order = of;
  channel.state = { ...channel.state, runs: order };
  const known = order.flatMap((id) => runs.get(id) ?? []);
  if (known.length < order.length) page?.wait(order.length);
  else page?.show(known);
}

/** @returns whether it was done */
async function request(asked: ComparePageRequest): Promise<boolean> {
  try {
    const done = await channel.request(asked);
    page?.failed();
    return done;
  } catch (error) {
    if (page) page.failed(error);
    // The words come with the first run; what failed here is that one.
    else showFailure(error);
    return false;
  }
}

class ComparePage {
  private readonly state: State = stateOf(channel.state?.view);
  private readonly strings: CompareStrings;
  private readonly title = el('h1');
  private readonly failure = el('div');
  private readonly said = el('p', { class: 'muted', role: 'status' });
  private readonly legend: Legend;
  private readonly charts: OverlayCharts;
  private readonly recipes: RecipeTable;
  private readonly results: ResultTable;
  private readonly agreements: AgreementTable;
  private readonly parallel: Parallel;
  private readonly answers: Answers;
  private readonly answersNote = el('p', { class: 'muted' });
  private readonly body: HTMLElement;
  private readonly log: ReturnType<typeof checkBox>;
  private readonly whole: HTMLElement;
  private rows: AnswerRow[] = [];

  constructor(private readonly words: Words) {
    const s = (this.strings = words.strings);
    const highlight = (run: string | undefined): void => this.highlight(run);
    this.legend = new Legend(words, {
      toggle: (run, shown) => {
        if (shown) this.state.hidden.delete(run);
        else this.state.hidden.add(run);
        this.draw();
      },
      showOnly: (shown) => {
        this.state.hidden = new Set(shown ? [] : order);
        this.draw();
      },
      highlight,
      open: (run) => void request({ type: 'openRun', run }),
    });
    this.charts = new OverlayCharts(words, {
      highlight,
      zoom: (range) => {
        this.state.range = range;
        this.draw();
      },
      copy: (drawn) => void this.copy(drawn),
    });
    const keep = (): void => this.keep();
    const sorting = { orders: this.state.orders, changed: keep };
    this.recipes = new RecipeTable(words, sorting);
    this.results = new ResultTable(words, sorting, (reference) => {
      this.state.reference = reference;
      this.draw();
    });
    this.agreements = new AgreementTable(words, sorting);
    this.parallel = new Parallel(words, highlight);
    this.answers = new Answers(s, words.numbers, this.state.answers, keep);
    this.log = checkBox(s.logScale, false, (checked) => {
      this.state.logarithmic = checked;
      this.draw();
    });
    this.whole = button(s.wholeRange, 'secondary', {}, () => {
      this.state.range = undefined;
      // It goes.
      this.log.element.focus();
      this.draw();
    });
    const actions = el(
      'div',
      { class: 'actions' },
      button(s.answersTitle, 'secondary', {}, () => void this.goToAnswers()),
      ...PICTURE_FORMATS.map((format) => {
        const label = fill(s.save, format.toUpperCase());
        return button(label, 'secondary', {}, () => void this.save(format));
      }),
    );
    this.body = el(
      'div',
      { class: 'compared-body', hidden: true },
      this.legend.element,
      this.results.element,
      this.agreements.element,
      this.recipes.element,
      this.parallel.element,
      el('section', { class: 'curves' }, this.controls(), el('p', { id: 'chart-keys', class: 'caption' }, s.chartKeys)),
      this.charts.element,
      this.answersNote,
      this.answers.element,
    );
    document.body.replaceChildren(
      el('main', { class: 'page compare' }, el('header', {}, this.title, actions), this.said, this.failure, this.body),
    );
    onThemeChange(() => this.draw());
    if (this.state.answers) void request({ type: 'openAnswers' });
  }

  private controls(): HTMLElement {
    const { strings: s, state } = this;
    const axes = { [s.axisStep]: 'step', [s.axisTokens]: 'tokens', [s.axisSeconds]: 'seconds' } as const;
    const names = Object.keys(axes);
    const written = (): string => this.words.numbers.number(state.smoothing);
    const amount = el('output', {}, written());
    const slider = el('input', {
      type: 'range',
      min: 0,
      max: 0.98,
      step: 0.02,
      value: state.smoothing,
      'aria-label': s.smoothing,
      'aria-valuetext': written(),
      input: (event) => {
        state.smoothing = Number((event.target as HTMLInputElement).value);
        setText(amount, written());
        slider.setAttribute('aria-valuetext', written());
        this.draw();
      },
    });
    return el(
      'div',
      { class: 'controls' },
      el('span', {}, s.horizontalAxis),
      dropdown(s.horizontalAxis, names, names[X_AXES.indexOf(state.x)]!, (name) => {
        state.x = X_AXES[names.indexOf(name)] ?? 'step';
        state.range = undefined;
        this.draw();
      }),
      el('label', {}, s.smoothing, ' ', slider, ' ', amount),
      this.log.element,
      this.whole,
    );
  }

  wait(count: number): void {
    setText(this.said, fill(this.strings.waiting, count));
  }

  show(all: ComparedRun[]): void {
    setText(this.said, '');
    setText(this.title, fill(this.strings.runsCompared, all.length));
    this.state.shown = showRuns(all, this.words);
    const [first] = all;
    const rows = all.flatMap((run) => run.states.map((state) => rowId(run, state)));
    if (!rows.includes(this.state.reference)) this.state.reference = first ? rowId(first, first.states[0] ?? '') : '';
    this.body.hidden = false;
    this.draw();
  }

  showAnswers(rows: AnswerRow[], total: number): void {
    this.rows = rows;
    this.state.answers = this.answers.view;
    this.keep();
    const { strings: s, words } = this;
    const count = (value: number): string => words.numbers.count(value);
    setText(this.answersNote, total > rows.length ? fill(s.answersFirst, count(rows.length), count(total)) : '');
    this.drawAnswers();
  }

  private async goToAnswers(): Promise<void> {
    if (await request({ type: 'openAnswers' })) this.answers.reveal();
  }

  failed(error?: unknown): void {
    const { strings: s } = this;
    this.failure.replaceChildren(
      ...(error === undefined ? [] : [errorNotice(s.requestFailed, thrown(error), s.stack)]),
    );
  }

  private readonly draw = oncePerFrame(() => {
    const { state } = this;
    this.keep();
    this.whole.hidden = state.range === undefined;
    this.legend.update(state);
    this.results.update(state);
    this.agreements.update(state);
    this.recipes.update(state);
    this.parallel.update(state);
    this.charts.update(state);
    const scales = new Set(this.charts.drawn().map(({ logarithmic }) => logarithmic));
    this.log.show({ checked: scales.has(true) && scales.size === 1, mixed: scales.size > 1 });
    if (!this.answers.element.hidden) this.drawAnswers();
  });

  private keep(): void {
    channel.state = { runs: order, view: viewOf(this.state) };
  }

  private highlight(run: string | undefined): void {
    if (this.state.highlighted === run) return;
    this.state.highlighted = run;
    this.legend.update(this.state);
    this.charts.highlight(run);
    this.parallel.restyle(run);
  }

  /** Of the runs that are shown; what they disagree on comes first. */
  private drawAnswers(): void {
    const hidden = this.state.shown.filter(({ run }) => this.state.hidden.has(run.id)).map(({ run }) => run.title);
    const isHidden = (state: string): boolean =>
      hidden.some((title) => state === title || state.startsWith(`${title} · `));
    const rows = this.rows.map((row) => ({ ...row, answers: row.answers.filter(({ state }) => !isHidden(state)) }));
    this.answers.show(byDisagreement(rows.filter(({ answers }) => answers.length > 0)));
  }

  private async copy(drawn: Drawn): Promise<void> {
    const { strings: s } = this;
    try {
      const png = toPng(chartsPicture([drawn], readTheme(), this.words.numbers));
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
      setText(this.said, s.copied);
    } catch (error) {
      setText(this.said, fill(s.copyFailed, (error as Error).message));
    }
  }

  private async save(format: PictureFormat): Promise<void> {
    try {
      await request({ type: 'save', format, content: await this.content(format) });
    } catch (error) {
      this.failed(error);
    }
  }

  private async content(format: PictureFormat): Promise<string> {
    const { state, words, strings: s } = this;
    if (format === 'csv') return comparisonCsv(state.shown, state.reference, words);
    const theme = readTheme();
    const charts = this.charts.drawn().filter(({ lines }) => lines.length > 0);
    if (charts.length === 0 && format !== 'html') throw new Error(s.noCurves);
    const picture = chartsPicture(charts, theme, words.numbers);
    switch (format) {
      case 'svg':
        return picture.svg;
      case 'png':
        return base64Of(await toPng(picture));
      case 'html': {
        const sections = [this.results, this.agreements, this.recipes, this.parallel].map(({ element }) => element);
        return pageOf(this.title.textContent ?? '', picture, sections, theme);
      }
    }
  }
}

void request({ type: 'ready' });
