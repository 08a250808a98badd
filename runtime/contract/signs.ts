/** Verdict × sign: the one table of how a verdict looks wherever it is shown. */
import { isProven } from './rises.js';
import { isDoubtful, trialOf, type Finding, type Learned, type RunVerdict } from './verdict.js';

export type Tone = 'good' | 'warning' | 'bad' | 'neutral';

/** A codicon, and the theme colour it has. */
export interface Icon {
  id: string;
  color?: string;
}

export interface Signs {
  /** Of the sentence on the run page, in the report and in a notice. */
  tone: Tone;
  /** Before the few words in the tree and in a lens; empty where the words are all. */
  mark: '✓' | '✗' | '⚠' | '–' | '';
  /** In the tree. */
  icon: Icon;
  /** Name of the exit code of the command line. */
  exit: 'done' | 'failed' | 'stopped' | 'weakened';
}

const PASSED = { id: 'pass', color: 'testing.iconPassed' };
const WARNING = { id: 'warning', color: 'list.warningForeground' };
const BAD = { id: 'warning', color: 'list.errorForeground' };
const OPEN = { id: 'circle-outline' };

const good: Signs = { tone: 'good', mark: '✓', icon: PASSED, exit: 'done' };
const bad: Signs = { tone: 'bad', mark: '✗', icon: BAD, exit: 'weakened' };
const warning: Signs = { tone: 'warning', mark: '⚠', icon: WARNING, exit: 'done' };
const neutral: Signs = { tone: 'neutral', mark: '–', icon: OPEN, exit: 'done' };

export function signsOf(verdict: RunVerdict): Signs {
  switch (verdict.kind) {
    case 'held':
      return good;
    case 'ready':
      // A trial that could not tell is neither, and so is none, but for one in which less was kept than must be.
      if (isDoubtful(verdict.quality)) return warning;
      return { protects: good, leaks: warning, untold: neutral }[trialOf(verdict.quality) ?? 'untold'];
    case 'lost':
    case 'broken':
      return bad;
    case 'weakened':
      return { ...warning, exit: 'weakened' };
    case 'unready':
      return warning;
    case 'unprotected':
      // It was never promised that a plain run is safe: it is done, whatever it has learned.
      return verdict.learned ? { ...(isSure(verdict.learned) ? bad : warning), exit: 'done' } : neutral;
    case 'unknown':
      return verdict.leak ? warning : neutral;
    case 'evaluated':
      return { ...neutral, mark: '' };
    case 'failed':
      return { tone: 'bad', mark: '✗', icon: { id: 'error', color: 'list.errorForeground' }, exit: 'failed' };
    case 'running':
      return { ...neutral, ...early(verdict.soFar), mark: '', icon: { id: 'loading~spin' } };
    case 'stopped':
      return { ...neutral, ...early(verdict.soFar), mark: '', icon: { id: 'debug-pause' }, exit: 'stopped' };
    case 'interrupted':
      return {
        ...warning,
        ...early(verdict.soFar),
        mark: '',
        icon: { ...WARNING, id: 'debug-disconnect' },
        exit: 'failed',
      };
  }
}

/** Whether chance alone cannot have made what was learned. */
const isSure = (learned: Learned): boolean => learned.cause === 'learned' || learned.risen.some(isProven);

/** What is bad is said at once, what is good at the end. */
const early = (soFar: Finding): { tone?: Tone } =>
  signsOf(soFar).tone === 'bad' || soFar.kind === 'weakened' ? { tone: signsOf(soFar).tone } : {};
