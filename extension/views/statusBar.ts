import * as vscode from 'vscode';
import { commandLink } from '../host/commandLink.js';
import { CONTEXTS } from '../host/contributions.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import { numbers, t } from '../host/text.js';
import { runTitle } from '../runs/compare.js';
import { nameOf } from '../runs/run.js';
import type { RunStore } from '../runs/store.js';
import { runningText, runTooltip } from './labels.js';

/** One item while something runs: spinning, with the step; a click opens the run's page. */
export function statusBar(store: RunStore): Disposable {
  const disposables = new Disposables();
  const item = disposables.add(
    vscode.window.createStatusBarItem('securityVectors.run', vscode.StatusBarAlignment.Left, 10),
  );
  item.name = 'Security Vectors';
  let running = false;
  const draw = (): void => {
    const live = store.live();
    if (running !== live.length > 0) {
      running = live.length > 0;
      void vscode.commands.executeCommand('setContext', CONTEXTS.running, running);
    }
    // Of several the one at work: the others wait.
    const [run] = live;
    if (!run) return item.hide();
    const icon = run.place === undefined ? '$(loading~spin)' : '$(debug-pause)';
    const others = live.length > 1 ? ` (+${live.length - 1})` : '';
    item.text = `${icon} ${numbers().of(nameOf(run), runningText(run))}${others}`;
    item.tooltip = runTooltip(run);
    item.accessibilityInformation = { label: `${runTitle(run)}, ${runningText(run)}` };
    item.command = commandLink('openRun', t('Open run'), { run: run.folder });
    item.show();
  };
  disposables.add(store.onDidChange(draw));
  return disposables;
}
