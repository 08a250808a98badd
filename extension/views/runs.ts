import * as vscode from 'vscode';
import { commandLink } from '../host/commandLink.js';
import { CONTEXTS, ITEMS, VIEWS } from '../host/contributions.js';
import { debounce, Disposables, type Disposable } from '../host/disposable.js';
import { t } from '../host/text.js';
import {
  answersItself,
  canJudge,
  canResume,
  canRunAgain,
  isReplacement,
  isRunning,
  isSweep,
  sweepOf,
  type Run,
} from '../runs/run.js';
import type { Services } from '../services/services.js';
import { runDescription, runIcon, runTooltip } from './labels.js';
import { withProblems } from './problems.js';
import { provider } from './tree.js';

/** A run; commands get this as their argument. */
interface RunNode {
  run: string;
}

/** Runs, newest first, the live ones with their progress; archived ones only when they are asked for. */
export function runsView({
  store,
  runner,
  problems,
  archive,
}: Pick<Services, 'store' | 'runner' | 'problems' | 'archive'>): Disposable {
  const disposables = new Disposables();
  const rows = (runs: readonly Run[]): RunNode[] =>
    runs.flatMap((run) => (isShown(run, archive.shown) ? [{ run: run.folder }] : []));
  const treeDataProvider = disposables.add(
    provider(
      withProblems<RunNode>(
        {
          id: ({ run }) => run,
          roots: () => rows(store.list()),
          children: ({ run }) => rows(store.pointsOf(run)),
          item: (node) => runItem(node, store),
        },
        problems,
        'runs',
      ),
      store.onDidChange,
      problems.onDidChange,
      archive.onDidChange,
    ),
  );
  const view = disposables.add(vscode.window.createTreeView(VIEWS.runs, { treeDataProvider, canSelectMany: true }));
  disposables.add(
    view.onDidChangeSelection(
      ({ selection }) => (store.selected = selection.flatMap((row) => ('run' in row ? row.run : []))),
    ),
  );
  const count = (): void => {
    view.badge = badgeOf(store.live());
    const hidden = store.all().filter((run) => !isShown(run, archive.shown)).length;
    view.description = hidden ? t('{0} archived', hidden) : undefined;
    view.message = hidden && rows(store.list()).length === 0 ? t('All runs are archived.') : undefined;
  };
  const countSoon = disposables.add(debounce(count, 100));
  disposables.add(store.onDidChange(({ kind }) => kind !== 'append' && countSoon()));
  disposables.add(archive.onDidChange(count));
  disposables.add(
    runner.onDidChangeQueue(() => vscode.commands.executeCommand('setContext', CONTEXTS.queuePaused, runner.paused)),
  );
  return disposables;
}

/** @param live those that wait, too */
export function badgeOf(live: readonly Run[]): vscode.ViewBadge | undefined {
  const waiting = live.filter(({ place }) => place !== undefined).length;
  const value = live.length - waiting;
  if (value === 0) return undefined;
  return {
    value,
    tooltip: waiting > 0 ? t('{0} running, {1} waiting', value, waiting) : t('{0} running', value),
  };
}

const isShown = (run: Run, all: boolean): boolean => all || !run.label?.archived || isRunning(run);

function runItem(node: RunNode, store: Services['store']): vscode.TreeItem {
  const run = store.get(node.run);
  if (!run) return new vscode.TreeItem(node.run);
  const item = new vscode.TreeItem(store.nameOf(run));
  const { id, color } = runIcon(run);
  if (isSweep(run)) item.collapsibleState = vscode.TreeItemCollapsibleState.Collapsed;
  item.description = runDescription(run);
  item.tooltip = runTooltip(run);
  item.iconPath = new vscode.ThemeIcon(id, color ? new vscode.ThemeColor(color) : undefined);
  item.contextValue = itemOf(run, store.isPoint(run));
  item.command = commandLink('openRun', t('Open run'), node);
  return item;
}

/** @param isInSweep whether the sweep that it is a point of is there */
export function itemOf(run: Run, isInSweep = sweepOf(run) !== undefined): string {
  const isPoint = sweepOf(run) !== undefined;
  if (run.place !== undefined) return ITEMS.runQueued;
  if (isRunning(run)) return run.live ? ITEMS.runLive : isPoint ? ITEMS.pointElsewhere : ITEMS.runElsewhere;
  if (canRunAgain(run)) return ITEMS.runFailed;
  const isResumable = canResume(run);
  if (canJudge(run) && isSweep(run)) return isResumable ? ITEMS.sweepResumable : ITEMS.sweepDone;
  if (isResumable) return answersItself(run) ? ITEMS.answersResumable : ITEMS.runResumable;
  if (isInSweep && !isReplacement(run)) return canJudge(run) ? ITEMS.answersOfPoint : ITEMS.pointDone;
  if (isPoint) return canJudge(run) ? ITEMS.answersOfPointAlone : ITEMS.pointAlone;
  return canJudge(run) ? ITEMS.answersDone : ITEMS.runDone;
}
