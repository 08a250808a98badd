import { basename } from 'node:path';
import * as vscode from 'vscode';
import { ITEMS, VIEWS } from '../host/contributions.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import type { Services } from '../services/services.js';
import { dataDescription, dataIcon, dataTooltip } from './labels.js';
import { withProblems } from './problems.js';
import { provider } from './tree.js';

/** A data file; commands get this as their argument. */
export interface DataNode {
  data: string;
}

/** Data files with their rows and what a scan has flagged. */
export function dataView({
  files,
  inspector,
  scans,
  recipes,
  problems,
}: Pick<Services, 'files' | 'inspector' | 'scans' | 'recipes' | 'problems'>): Disposable {
  const disposables = new Disposables();
  const treeDataProvider = disposables.add(
    provider(
      withProblems<DataNode>(
        {
          id: ({ data }) => data,
          roots: () => files.dataFiles().map((data) => ({ data })),
          item: ({ data }) => {
            const evaluation = recipes.isEvaluationSet(data);
            const counted = vscode.workspace.isTrusted ? inspector.get(data) : undefined;
            const scan = scans.get(data);
            const item = new vscode.TreeItem(vscode.workspace.asRelativePath(data));
            item.description = dataDescription(counted, scan, evaluation);
            item.tooltip = dataTooltip(data, counted, scan, scans.since(data));
            const { id, color } = dataIcon(counted, scan, evaluation);
            item.iconPath = new vscode.ThemeIcon(id, color ? new vscode.ThemeColor(color) : undefined);
            item.contextValue = evaluation ? ITEMS.evaluationSet : scan ? ITEMS.dataScanned : ITEMS.data;
            item.command = {
              command: 'vscode.open',
              title: vscode.l10n.t('Open {0}', basename(data)),
              arguments: [vscode.Uri.file(data)],
            };
            return item;
          },
        },
        problems,
        'data',
      ),
      files.onDidChange,
      inspector.onDidChange,
      scans.onDidChange,
      scans.onDidChangeState,
      problems.onDidChange,
    ),
  );
  disposables.add(vscode.window.createTreeView(VIEWS.data, { treeDataProvider }));
  return disposables;
}
