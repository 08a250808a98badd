import * as vscode from 'vscode';
import { ITEMS, VIEWS } from '../contributions.js';
import { Disposables, Emitter, type Disposable } from '../disposable.js';
import type { Services } from '../services.js';
import { isDanger, type Adapter, type Model } from '../workspace/models.js';
import { adapterDescription, adapterTooltip, modelDescription, modelFacts } from './labels.js';
import { provider } from './tree.js';

/** A model, or an adapter of it. Commands get these as their argument. */
export type ModelNode = { model: string; adapter?: undefined } | { model: string; adapter: string };

type Node = ModelNode & { shown: { model: Model; adapter?: Adapter } };

/** Models › adapters with a check box: checked is attached. `attach` asks before it attaches a security vector. */
export function modelsView(
  { models, notices }: Services,
  attach: (node: ModelNode, attached: boolean) => Promise<unknown>,
): Disposable {
  const disposables = new Disposables();
  const refreshed = disposables.add(new Emitter<void>());
  const treeDataProvider = disposables.add(
    provider<Node>(
      {
        roots: () => models.list().map((model) => ({ model: model.path, shown: { model } })),
        children: (node) =>
          node.adapter === undefined
            ? node.shown.model.adapters.map((adapter) => ({
                model: node.model,
                adapter: adapter.path,
                shown: { model: node.shown.model, adapter },
              }))
            : [],
        item: ({ shown }) => (shown.adapter ? adapterItem(shown.model, shown.adapter) : modelItem(shown.model)),
      },
      models.onDidChange,
      refreshed.event,
    ),
  );
  const view = disposables.add(
    vscode.window.createTreeView<Node>(VIEWS.models, { treeDataProvider, manageCheckboxStateManually: true }),
  );
  disposables.add(
    view.onDidChangeCheckboxState(async ({ items }) => {
      for (const [node, state] of items) {
        if (node.adapter === undefined) continue;
        try {
          await attach({ model: node.model, adapter: node.adapter }, state === vscode.TreeItemCheckboxState.Checked);
        } catch (error) {
          notices.error(error);
        }
      }
      // A refused change: the box shows again what is true.
      refreshed.fire();
    }),
  );
  return disposables;
}

function modelItem(model: Model): vscode.TreeItem {
  // Expanded also before there are adapters: the view keeps what it was first told.
  const item = new vscode.TreeItem(model.name, vscode.TreeItemCollapsibleState.Expanded);
  item.id = model.path;
  item.description = modelDescription(model);
  item.tooltip = modelFacts(model).join('\n');
  item.iconPath = model.problem
    ? new vscode.ThemeIcon('error', new vscode.ThemeColor('list.errorForeground'))
    : new vscode.ThemeIcon('circuit-board');
  item.contextValue = model.problem ? ITEMS.modelRefused : ITEMS.model;
  return item;
}

function adapterItem(model: Model, adapter: Adapter): vscode.TreeItem {
  const item = new vscode.TreeItem(adapter.name);
  const security = adapter.role === 'security';
  item.id = `${model.path}\n${adapter.path}`;
  item.description = adapterDescription(adapter);
  item.tooltip = adapterTooltip(adapter);
  item.iconPath = isDanger(adapter)
    ? new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.errorForeground'))
    : new vscode.ThemeIcon(security ? 'shield' : 'extensions');
  item.checkboxState = {
    state: adapter.attached ? vscode.TreeItemCheckboxState.Checked : vscode.TreeItemCheckboxState.Unchecked,
    tooltip: adapter.attached ? vscode.l10n.t('attached: detach') : vscode.l10n.t('detached: attach'),
    accessibilityInformation: { label: vscode.l10n.t('{0}, attached', adapter.name) },
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
            tooltip: vscode.l10n.t('A security vector is attached.'),
          }
        : undefined,
  });
