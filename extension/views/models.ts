import * as vscode from 'vscode';
import { ITEMS, VIEWS } from '../host/contributions.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import { t } from '../host/text.js';
import type { Services } from '../services/services.js';
import { isDanger, type Adapter, type Model } from '../workspace/models.js';
import { adapterDescription, adapterTooltip, modelDescription, modelFacts } from './labels.js';
import { withProblems, type ProblemNode } from './problems.js';
import { provider } from './tree.js';

/** A model, or an adapter of it. Commands get these as their argument. */
type ModelNode = { model: string; adapter?: undefined } | { model: string; adapter: string };

/** Models › adapters with a check box: checked is attached. `attach` asks before it attaches a security vector. */
export function modelsView(
  { models, notices, problems }: Pick<Services, 'models' | 'notices' | 'problems'>,
  attach: (node: ModelNode, attached: boolean) => Promise<unknown>,
): Disposable {
  const disposables = new Disposables();
  const treeDataProvider = disposables.add(
    provider(
      withProblems<ModelNode>(
        {
          id: ({ model, adapter }) => (adapter === undefined ? model : `${model}\n${adapter}`),
          roots: () => models.list().map((model) => ({ model: model.path })),
          children: (node) =>
            node.adapter === undefined
              ? (models.get(node.model)?.adapters ?? []).map((a) => ({ model: node.model, adapter: a.path }))
              : [],
          item: (node) => {
            const model = models.get(node.model);
            const adapter = model?.adapters.find((a) => a.path === node.adapter);
            // Gone since the view asked for its rows.
            if (!model || (node.adapter !== undefined && !adapter)) return new vscode.TreeItem('');
            return adapter ? adapterItem(adapter) : modelItem(model);
          },
        },
        problems,
        'models',
      ),
      models.onDidChange,
      problems.onDidChange,
    ),
  );
  const view = disposables.add(
    vscode.window.createTreeView<ModelNode | ProblemNode>(VIEWS.models, {
      treeDataProvider,
      manageCheckboxStateManually: true,
    }),
  );
  // Of several folders the first one keeps the models.
  const nameFolder = (): void => {
    const [first, ...others] = vscode.workspace.workspaceFolders ?? [];
    view.description = others.length > 0 ? first!.name : undefined;
  };
  nameFolder();
  disposables.add(vscode.workspace.onDidChangeWorkspaceFolders(nameFolder));
  disposables.add(
    view.onDidChangeCheckboxState(async ({ items }) => {
      for (const [node, state] of items) {
        if (!('model' in node) || node.adapter === undefined) continue;
        try {
          await attach(node, state === vscode.TreeItemCheckboxState.Checked);
        } catch (error) {
          notices.error(error);
        }
        // Also when it was refused: the box shows again what is true.
        treeDataProvider.redraw(node);
      }
    }),
  );
  return disposables;
}

function modelItem(model: Model): vscode.TreeItem {
  // Expanded also before there are adapters: the view keeps the state it was first given.
  const item = new vscode.TreeItem(model.name, vscode.TreeItemCollapsibleState.Expanded);
  item.description = modelDescription(model);
  item.tooltip = modelFacts(model).join('\n');
  if (model.problem) item.iconPath = new vscode.ThemeIcon('error', new vscode.ThemeColor('list.errorForeground'));
  else if (model.info?.missing)
    item.iconPath = new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'));
  else item.iconPath = new vscode.ThemeIcon('circuit-board');
  item.contextValue = model.problem ? ITEMS.modelRefused : ITEMS.model;
  return item;
}

function adapterItem(adapter: Adapter): vscode.TreeItem {
  const item = new vscode.TreeItem(adapter.name);
  const security = adapter.role === 'security';
  item.description = adapterDescription(adapter);
  item.tooltip = adapterTooltip(adapter);
  item.iconPath = isDanger(adapter)
    ? new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.errorForeground'))
    : new vscode.ThemeIcon(security ? 'shield' : 'extensions');
  item.checkboxState = {
    state: adapter.attached ? vscode.TreeItemCheckboxState.Checked : vscode.TreeItemCheckboxState.Unchecked,
    tooltip: adapter.attached ? t('attached: detach') : t('detached: attach'),
    accessibilityInformation: { label: t('{0}, attached', adapter.name) },
  };
  if (security) item.contextValue = adapter.attached ? ITEMS.vectorAttached : ITEMS.vectorDetached;
  else item.contextValue = adapter.attached ? ITEMS.taskAttached : ITEMS.taskDetached;
  // Coloured like a problem in the explorer, by the decoration provider below.
  if (isDanger(adapter)) item.resourceUri = vscode.Uri.from({ scheme: DANGER_SCHEME, path: adapter.path });
  return item;
}

const DANGER_SCHEME = 'security-vectors-danger';

/** Draws the label of an attached security vector in the colour of errors, with a badge. */
export const dangerDecorations = (): vscode.Disposable =>
  vscode.window.registerFileDecorationProvider({
    provideFileDecoration: (uri) =>
      uri.scheme === DANGER_SCHEME
        ? {
            badge: '!',
            color: new vscode.ThemeColor('list.errorForeground'),
            tooltip: t('A security vector is attached.'),
          }
        : undefined,
  });
