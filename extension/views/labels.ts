import { basename } from 'node:path';
import { megabytes } from '../../runtime/contract/format.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import type { Counted } from '../data/files.js';
import { notShown, scanText, type Scan, type Since } from '../data/scans.js';
import { KINDS } from '../../runtime/contract/kinds.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import { MEASURES, TABLE_STRINGS } from '../../runtime/contract/table.js';
import { isFailed } from '../../runtime/contract/sweep.js';
import type { Recipe } from '../../runtime/contract/recipe.js';
import type { Icon } from '../../runtime/contract/signs.js';
import { runTitle } from '../runs/compare.js';
import { ownerText, waitsInText } from '../runs/owner.js';
import { viewOf } from '../runs/reading.js';
import { baselineName, isOver, isProtected, isRunning, isSweep, kindOf, type Run } from '../runs/run.js';
import { translated } from '../host/strings.js';
import { duration, numbers, parameters, percent, t, times } from '../host/text.js';
import { isDanger, type Adapter, type Model } from '../workspace/models.js';

/** "llama · 0.7 M". */
export function modelDescription({ info, problem }: Model): string {
  if (problem) return t('cannot be used');
  if (!info) return '';
  const family = info.architecture?.replace(/(?:ForCausalLM|LMHeadModel)$/, '').toLowerCase() ?? null;
  const lacking = info.missing ? t('only for rows of tokens') : null;
  const parts = [family, info.parameters === null ? null : parameters(info.parameters), lacking];
  return parts.filter((part) => part !== null).join(' · ');
}

/** Tooltip in Markdown without links or HTML; names of files are escaped by the view. */
export function modelFacts({ info, problem, path }: Model): string[] {
  const facts = [path];
  // Further facts about a model that cannot be used do not explain why, or repeat it.
  if (problem) return [...facts, problem];
  if (info?.layers) facts.push(t('{0} layers, {1}', info.layers, info.dtype ?? '?'));
  if (info?.contextLength) facts.push(t('context of {0} tokens', info.contextLength));
  if (info?.missing) facts.push(info.missing.message, info.missing.remedy);
  else if (info && !info.chatTemplate) facts.push(t('no chat template: a plain one is used'));
  return facts;
}

export function adapterDescription(adapter: Adapter): string {
  const role = { task: t('task'), security: t('security'), none: '' }[adapter.role ?? 'none'];
  // First, as a narrow view cuts what comes last.
  const parts = isDanger(adapter) ? [t('DANGER: attached'), role] : [role];
  if (adapter.scale !== 1) parts.push(times(adapter.scale));
  if (adapter.reason) parts.push(adapter.role === null ? t('cannot be read') : t('does not fit'));
  return parts.filter(Boolean).join(' · ');
}

export function adapterTooltip(adapter: Adapter): string {
  const lines = [adapter.path];
  if (adapter.rank !== null) lines.push(t('rank {0}', adapter.rank));
  if (adapter.reason) lines.push(adapter.reason);
  if (isDanger(adapter)) lines.push(dangerText(adapter.name));
  else if (adapter.role === 'security') {
    lines.push(t('A security vector is for training only, where it is switched on automatically. Keep it detached.'));
  }
  return lines.join('\n');
}

export const dangerText = (name: string): string =>
  t('The security vector "{0}" makes the model answer harmful requests. Attach it only to look at what it does.', name);

/**
 * "step 62/108", "protected · ✓ harm 0 %", "vector · ✓ ready, loss 0.6 %", "base 0 % · plain 92 %", "plain · stopped at
 * step 40".
 */
export function runDescription(run: Run): string {
  if (run.elsewhere) return t('{0} · elsewhere', runningText(run));
  if (run.waitsIn) return t('waits in another window');
  if (run.live) return runningText(run);
  const replacement = basename(run.folder) === RUN_FILES.next && t('replacement');
  const words: { [K in Recipe['kind']]?: string } = {
    vector: t('vector'),
    finetune: baselineName(run) ?? (isProtected(run) ? t('protected') : t('plain')),
    evaluate: '',
    sweep: t('sweep'),
  };
  const kind = kindOf(run);
  const { tags = [], archived } = run.label ?? {};
  const labels = [...tags.map((tag) => `#${tag}`), archived && t('archived')];
  const points = isSweep(run) && donePoints(run) > 0 && t('points: {0}', donePoints(run));
  return [replacement, words[kind] ?? kind, points, endText(run), ...labels].filter(Boolean).join(' · ');
}

const donePoints = ({ points }: Run): number => points.filter((point) => !isFailed(point)).length;

function endText(run: Run): string {
  const { state, step, secondsElapsed } = run.progress;
  const { trains } = KINDS[kindOf(run)];
  switch (state) {
    case 'failed':
      return t('failed');
    case 'interrupted':
      return trains ? t('interrupted at step {0}', step) : t('interrupted');
    case 'stopped':
      if (!run.manifest && step === 0) return t('removed from the queue');
      return trains ? t('stopped at step {0}', step) : t('stopped');
    case 'finished': {
      const { mark, brief } = viewOf(run);
      return [mark, brief || duration(secondsElapsed)].filter(Boolean).join(' ');
    }
    default:
      return runningText(run);
  }
}

/** Short: it also stands in the status bar. */
export function runningText(run: Run): string {
  const { progress, place, awaits } = run;
  if (awaits !== undefined) return t('waits for {0}', awaits);
  if (place !== undefined) return t('place {0} in the queue', place);
  const done = isSweep(run) ? donePoints(run) : 0;
  if (done > 0) return t('points done: {0}', done);
  // Its process is about to end.
  if (isOver(run)) return endText(run);
  if (progress.state === 'training' && progress.steps) return t('step {0}/{1}', progress.step, progress.steps);
  const share = progress.fraction === null ? '' : ` ${percent(Math.floor(100 * progress.fraction) / 100)}`;
  const word = {
    preparing: t('preparing'),
    training: t('training'),
    evaluating: t('evaluating'),
    saving: t('saving'),
  }[progress.state as 'preparing'];
  return `${word ?? progress.state}${share}`;
}

/** What a recipe calls a measure, in the reader's language. */
export const measureName = (measure: MeasureKind): string =>
  measure === 'exact' ? t('exact') : translated(TABLE_STRINGS)[MEASURES[measure].label];

const MAX_WARNINGS = 5;

export function runTooltip(run: Run): string {
  const lines = [runTitle(run), run.folder];
  if (run.progress.message) lines.push(run.progress.message);
  if (run.elsewhere) lines.push(t('Another process is working on it: {0}.', ownerText(run.elsewhere)));
  else if (run.waitsIn) lines.push(waitsInText(run.waitsIn));
  if (isRunning(run) && run.progress.secondsLeft !== null)
    lines.push(t('about {0} left to train', duration(run.progress.secondsLeft)));
  if (run.error) lines.push(run.error.message);
  for (const { message, place } of run.warnings.slice(0, MAX_WARNINGS))
    lines.push(place ? `${place}: ${message}` : message);
  const headline = isOver(run) && run.progress.state !== 'failed' && viewOf(run).headline;
  if (headline) lines.push(headline);
  return lines.join('\n');
}

export const runIcon = (run: Run): Icon =>
  (run.place ?? run.waitsIn) !== undefined
    ? { id: 'clock' }
    : isRunning(run)
      ? { id: 'loading~spin' }
      : viewOf(run).icon;

/** "600 rows · 2 invalid · messages", "600 rows · 171 flagged", "128 prompts": short, as a narrow view cuts it. */
export function dataDescription(counted: Counted | undefined, scan: Scan | undefined, evaluation: boolean): string {
  const parts: string[] = [];
  const { count } = numbers();
  if (counted && 'info' in counted) {
    const { rows, refusedRows } = counted.info;
    if (rows === 1) parts.push(evaluation ? t('1 prompt') : t('1 row'));
    else parts.push(evaluation ? t('{0} prompts', count(rows)) : t('{0} rows', count(rows)));
    if (refusedRows) parts.push(t('{0} invalid', count(refusedRows)));
  } else if (counted && 'problem' in counted) parts.push(t('cannot be read'));
  else if (counted && 'unmapped' in counted) parts.push(t('columns to be chosen'));
  else if (counted && 'failed' in counted) parts.push(t('not counted'));
  else if (counted) parts.push(t('{0} MB', megabytes(counted.tooLarge, numbers())));
  if (scan) parts.push(t('{0} flagged', count(scan.flagged)));
  // What a narrow view would cut is in the tooltip.
  if (counted && 'info' in counted && !evaluation && !scan) parts.push(counted.info.format);
  return parts.join(' · ');
}

/** What cannot be used, or is better looked at, stands out. */
export function dataIcon(counted: Counted | undefined, scan: Scan | undefined, evaluation: boolean): Icon {
  if (counted && 'problem' in counted) return { id: 'error', color: 'list.errorForeground' };
  if (counted && ('unmapped' in counted || 'failed' in counted)) return { id: 'question' };
  const isFaulty = counted && 'info' in counted && counted.info.refusedRows > 0;
  if (isFaulty || scan?.flagged) return { id: 'warning', color: 'list.warningForeground' };
  return { id: evaluation ? 'beaker' : 'database' };
}

export function dataTooltip(file: string, counted: Counted | undefined, scan: Scan | undefined, since?: Since): string {
  const lines = [file];
  if (counted && 'info' in counted) {
    const { format, labels, refused, refusedRows } = counted.info;
    lines.push(t('format: {0}', format));
    if (labels.harmful + labels.benign > 0)
      lines.push(t('labels: {0} harmful, {1} benign', labels.harmful, labels.benign));
    for (const { line, reason } of refused.slice(0, 5)) lines.push(t('line {0}: {1}', line, reason));
    if (refusedRows === 6) lines.push(t('… and 1 more invalid row'));
    else if (refusedRows > 5) lines.push(t('… and {0} more invalid rows', numbers().count(refusedRows - 5)));
  } else if (counted && 'problem' in counted) lines.push(counted.problem);
  else if (counted && 'unmapped' in counted) lines.push(counted.unmapped);
  else if (counted && 'failed' in counted) lines.push(counted.failed);
  if (scan) lines.push(t('{0} with {1}', scanText(scan, since), scan.vectorName));
  const large = scan && notShown(scan);
  if (large) lines.push(large);
  return lines.join('\n');
}
