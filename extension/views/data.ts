import * as vscode from 'vscode';
import { commandLink } from '../host/commandLink.js';
import { COMMANDS, ITEMS, VIEWS } from '../host/contributions.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import { t } from '../host/text.js';
import { droppedFile } from '../data/files.js';
import { dataLink } from '../data/openData.js';
import { columnsOf, modelFor } from '../services/choice.js';
import type { Services } from '../services/services.js';
import { dataFacts, nodeId, type DataNode, type Fact } from './dataFacts.js';
import { dataDescription, dataIcon, dataTooltip } from './labels.js';
import { withProblems } from './problems.js';
import { provider } from './tree.js';

type Shown = Pick<
  Services,
  'files' | 'inspector' | 'tokens' | 'scans' | 'mappings' | 'notices' | 'recipes' | 'problems' | 'models' | 'store'
>;

const URIS = 'text/uri-list';

/**
 * Data files with their rows and what a scan has flagged; opened, what else is known of each, which is counted then.
 */
export function dataView(services: Shown): Disposable {
  const { files, inspector, tokens, scans, notices, recipes, problems, models } = services;
  const disposables = new Disposables();
  const counted = (data: string): ReturnType<typeof inspector.get> =>
    vscode.workspace.isTrusted ? inspector.get(data) : undefined;

  function factsOf({ data }: DataNode): DataNode[] {
    if (!vscode.workspace.isTrusted) return [];
    const model = modelFor(services, data);
    const usable = model?.info?.supported && model.info.tokenizer ? model : undefined;
    const facts = dataFacts(counted(data), usable && tokens.get(data), {
      model: usable?.name,
      columns: columnsOf(services, data),
    });
    return facts.map((fact) => ({ data, fact }));
  }

  function fileItem(data: string): vscode.TreeItem {
    const evaluation = recipes.isEvaluationSet(data);
    const scan = scans.get(data);
    const item = new vscode.TreeItem(vscode.workspace.asRelativePath(data), vscode.TreeItemCollapsibleState.Collapsed);
    item.description = dataDescription(counted(data), scan, evaluation);
    item.tooltip = dataTooltip(data, counted(data), scan, scans.since(data));
    const { id, color } = dataIcon(counted(data), scan, evaluation);
    item.iconPath = new vscode.ThemeIcon(id, color ? new vscode.ThemeColor(color) : undefined);
    item.contextValue = evaluation ? ITEMS.evaluationSet : scan ? ITEMS.dataScanned : ITEMS.data;
    item.command = dataLink(data);
    return item;
  }

  function factItem({ data, fact }: DataNode & { fact: Fact }): vscode.TreeItem {
    const { Collapsed, None } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(fact.label, fact.rows ? Collapsed : None);
    item.description = fact.description;
    item.iconPath = new vscode.ThemeIcon(
      fact.icon,
      fact.warns ? new vscode.ThemeColor('list.warningForeground') : undefined,
    );
    if (fact.id === 'format') item.command = commandLink('previewData', t('Show rows'), { file: data });
    else if (fact.id === 'large' || fact.id === 'again')
      item.command = commandLink('countData', fact.label, { file: data });
    else if (fact.line !== undefined) item.command = dataLink(data, fact.line);
    return item;
  }

  function rowItem({ data, row: { line, description } }: DataNode & { row: { line: number; description?: string } }) {
    const item = new vscode.TreeItem(t('line {0}', line));
    item.description = description;
    item.command = dataLink(data, line);
    return item;
  }

  const treeDataProvider = disposables.add(
    provider(
      withProblems<DataNode>(
        {
          id: nodeId,
          roots: () => files.dataFiles().map((data) => ({ data })),
          children: (node) =>
            node.row ? [] : node.fact ? (node.fact.rows ?? []).map((row) => ({ ...node, row })) : factsOf(node),
          item: (node) =>
            node.row && node.fact
              ? rowItem({ ...node, row: node.row })
              : node.fact
                ? factItem({ ...node, fact: node.fact })
                : fileItem(node.data),
        },
        problems,
        'data',
      ),
      files.onDidChange,
      inspector.onDidChange,
      tokens.onDidChange,
      models.onDidChange,
      scans.onDidChange,
      scans.onDidChangeState,
      problems.onDidChange,
    ),
  );
  // A file from the explorer or from outside: the command asks what it is for.
  const dragAndDropController: vscode.TreeDragAndDropController<unknown> = {
    dropMimeTypes: [URIS],
    dragMimeTypes: [],
    handleDrop: async (_target, dropped) => {
      try {
        const file = droppedFile((await dropped.get(URIS)?.asString()) ?? '');
        await vscode.commands.executeCommand(COMMANDS.useData, { file });
      } catch (error) {
        notices.error(error);
      }
    },
  };
  disposables.add(vscode.window.createTreeView<unknown>(VIEWS.data, { treeDataProvider, dragAndDropController }));
  return disposables;
}
