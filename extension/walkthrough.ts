import * as vscode from 'vscode';
import type { WalkthroughTopic } from '../webview/protocol/run.js';
import { debounce } from './host/disposable.js';
import { DONE, STEPS, WALKTHROUGH } from './host/contributions.js';
import type { Own } from './pages.js';
import { canJudge, type Run } from './runs/run.js';
import type { Services } from './services/services.js';
import { hasVector } from './views/trainingPicture.js';

/** Opens it, at the step that explains a part of a page. */
export const walkthrough =
  ({ id }: vscode.Extension<unknown>) =>
  (topic?: WalkthroughTopic): unknown => {
    const category = `${id}#${WALKTHROUGH}`;
    const target = topic ? { category, step: STEPS[topic] } : category;
    return vscode.commands.executeCommand('workbench.action.openWalkthrough', target, false);
  };

/**
 * Ticks the steps that are done. VS Code ticks a step when its key becomes true; one that was true already when it read
 * the steps is never ticked. So each is true for a moment only: when something has changed, and when a walkthrough may
 * have been opened, whose tab is of no kind that extensions know.
 */
export function tickSteps(services: Services, own: Own): void {
  const { models, scans, store } = services;
  const tick = own(
    debounce(() => {
      for (const [step, isDone] of Object.entries(done(services)))
        for (const value of [isDone, false]) void vscode.commands.executeCommand('setContext', step, value);
    }, 200),
  );
  own(store.onDidChange(({ kind }) => kind !== 'append' && tick()));
  own(scans.onDidChange(tick));
  own(models.onDidChange(tick));
  own(vscode.window.tabGroups.onDidChangeTabs(({ opened }) => opened.some(({ input }) => !input) && tick()));
}

const done = (services: Services): Record<(typeof DONE)[keyof typeof DONE], boolean> => {
  const models = services.models.list();
  const runs = services.store.all();
  return {
    [DONE.sample]: models.length > 0,
    [DONE.vector]: hasVector(services),
    [DONE.scan]: services.scans.list().length > 0,
    [DONE.protect]: runs.some(isProtectedRun),
    [DONE.compare]: runs.some(canJudge),
    [DONE.attach]: models.some(({ adapters }) => adapters.some(({ attached }) => attached)),
  };
};

/** One that has ended and had a vector, by itself or in a sweep. */
const isProtectedRun = ({ manifest }: Run): boolean =>
  manifest?.kind === 'finetune' && manifest.outcome === 'finished' && manifest.vectors.length > 0;
