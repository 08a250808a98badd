import { DEVICE_NAMES } from '../../runtime/contract/recipeWords.js';
import { KINDS } from '../../runtime/contract/kinds.js';
import type { RunView } from '../../runtime/contract/runView.js';
import { el, setText } from '../dom.js';
import type { RunProgress, RunSnapshot, RunStrings } from '../protocol/run.js';
import { fill, formatDuration, type Numbers, type Wording } from '../../runtime/contract/format.js';
import { button, relabel, setDisabled, type Button } from '../ui.js';

/** What its buttons ask for. */
interface HeaderRequest {
  type: 'stop' | 'resume' | 'runAgain' | 'openRecipe';
}

/** Title, progress with time left, Stop or Resume, and the verdict. */
export class Header {
  readonly element: HTMLElement;
  /** It takes the focus where no button can. */
  private readonly title = el('h1', { tabindex: -1 });
  private readonly facts = el('p', { class: 'facts' });
  private readonly bar = el('progress', { max: 1 });
  private readonly verdict = el('p', { class: 'verdict-line', role: 'status' });
  private readonly why = el('p', { class: 'why' });
  private readonly stop: Button;
  private readonly resume: Button;
  private readonly runAgain: Button;
  private readonly openRecipe: Button;
  private readonly buttons: readonly Button[];

  constructor(
    private readonly strings: RunStrings,
    private readonly numbers: Numbers,
    send: (request: HeaderRequest) => void,
    ...more: Button[]
  ) {
    /** Once pressed it waits for what the host makes of it. */
    const once = (name: 'stop' | 'resume' | 'runAgain'): Button =>
      button(strings[name], 'primary', {}, () => {
        setDisabled(this[name], true);
        send({ type: name });
      });
    this.stop = once('stop');
    this.resume = once('resume');
    this.runAgain = once('runAgain');
    this.openRecipe = button(strings.openRecipe, 'secondary', {}, () => send({ type: 'openRecipe' }));
    this.buttons = [this.stop, this.resume, this.openRecipe, this.runAgain, ...more];
    this.element = el(
      'header',
      { class: 'run' },
      el('div', { class: 'top' }, el('div', { class: 'titles' }, this.title, this.facts), ...this.buttons),
      this.bar,
      this.verdict,
      this.why,
    );
  }

  update(run: RunSnapshot, { headline, explanation, tone }: RunView): void {
    const { strings: s } = this;
    const { progress } = run;
    const focused = this.buttons.find((one) => one === document.activeElement);
    setText(this.title, run.title);
    setText(this.facts, facts(run, { strings: s, numbers: this.numbers }));
    this.facts.title = run.expected?.details ?? '';
    this.show(this.stop, run.canStop);
    relabel(this.stop, progress.isStopping ? s.endNow : s.stop);
    this.show(this.resume, run.canResume);
    this.show(this.openRecipe, run.canRunAgain);
    this.show(this.runAgain, run.canRunAgain);
    if (focused?.hidden) (this.buttons.find((one) => !one.hidden && !one.disabled) ?? this.title).focus();
    const running = RUNNING.has(progress.state) && !run.waits;
    this.bar.hidden = !running;
    this.bar.setAttribute('aria-label', s[progress.state]);
    const share = progress.state === 'training' && progress.steps ? progress.step / progress.steps : progress.fraction;
    if (share === null) this.bar.removeAttribute('value');
    else this.bar.value = share;
    // An evaluation has its table, a failed run its error; neither has a verdict on protection.
    this.verdict.hidden = headline === undefined || (progress.state === 'failed' && run.probes.step.length === 0);
    this.verdict.className = `verdict-line ${tone}`;
    // What is known so far changes with each measurement: it is read by who goes there, and the verdict to all.
    this.verdict.ariaLive = running ? 'off' : 'polite';
    setText(this.verdict, headline ?? '');
    this.why.hidden = explanation === undefined;
    setText(this.why, explanation ?? '');
  }

  /** Buttons work again after a request failed. */
  enable(): void {
    for (const one of [this.stop, this.resume, this.runAgain]) setDisabled(one, false);
  }

  private show(control: Button, visible: boolean): void {
    if (control.hidden === !visible) return;
    control.hidden = !visible;
    setDisabled(control, false);
  }
}

const RUNNING = new Set<RunProgress['state']>(['preparing', 'training', 'evaluating', 'saving']);

/** What it does, or how it ended; of a training the steps say it. */
function doing({ progress, reachedGoal }: RunSnapshot, s: RunStrings, numbers: Numbers): string {
  const { state, message, isStopping, step, steps } = progress;
  if (state === 'training') return isStopping ? message : '';
  if (message) return numbers.of(s[state], message);
  return reachedGoal && steps !== null && step < steps ? s.finishedEarly : s[state];
}

/** "step 62 / 108 · 41 s elapsed · about 30 s left to train · on cpu". */
function facts(run: RunSnapshot, { strings: s, numbers }: Wording<RunStrings>): string {
  const { message, step, steps, state, secondsElapsed, secondsLeft } = run.progress;
  const { trains } = KINDS[run.kind];
  const expected = RUNNING.has(state) && run.expected ? fill(s.expected, run.expected.text) : '';
  if (run.waits) return joined(message, expected);
  return joined(
    doing(run, s, numbers),
    trains && steps !== null ? fill(s.stepOf, step, steps) : trains && step > 0 ? fill(s.stepOnly, step) : '',
    secondsElapsed === 0 ? '' : fill(s.elapsed, formatDuration(secondsElapsed, s)),
    RUNNING.has(state) && secondsLeft !== null ? fill(s.left, formatDuration(secondsLeft, s)) : '',
    expected,
    run.device ? fill(s.device, run.cluster ?? DEVICE_NAMES[run.device]) : '',
    run.elsewhere ? fill(s.elsewhere, run.elsewhere) : '',
  );
}

const joined = (...parts: string[]): string => parts.filter((part) => part !== '').join(' · ');
