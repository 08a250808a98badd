import * as vscode from 'vscode';
import { errorText } from '../../runtime/contract/errors.js';
import { ITEMS } from '../host/contributions.js';
import { parsePlace } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Problems, ProblemView } from '../data/problems.js';
import type { Tree } from './tree.js';

/** A file that could not be read. */
export interface ProblemNode {
  problem: string;
}

const isProblem = (node: object): node is ProblemNode => 'problem' in node;

/** A view's rows, and below them one for each file that would have been among them and cannot be read. */
export function withProblems<N extends object>(
  tree: Tree<N>,
  problems: Problems,
  view: ProblemView,
): Tree<N | ProblemNode> {
  return {
    id: (node) => (isProblem(node) ? `problem\n${node.problem}` : tree.id(node)),
    roots: () => [...tree.roots(), ...problems.list(view).map((problem) => ({ problem }))],
    children: (node) => (isProblem(node) ? [] : (tree.children?.(node) ?? [])),
    item: (node) => (isProblem(node) ? problemItem(node, problems) : tree.item(node)),
  };
}

function problemItem({ problem }: ProblemNode, problems: Problems): vscode.TreeItem {
  const item = new vscode.TreeItem(vscode.workspace.asRelativePath(problem));
  const error = problems.get(problem);
  item.description = t('cannot be read');
  item.tooltip = error && errorText(error);
  item.iconPath = new vscode.ThemeIcon('error', new vscode.ThemeColor('list.errorForeground'));
  item.contextValue = ITEMS.problem;
  const line = (parsePlace(error?.place)?.line ?? 1) - 1;
  item.command = {
    command: 'vscode.open',
    title: t('Open {0}', problem),
    arguments: [vscode.Uri.file(problem), { selection: new vscode.Range(line, 0, line, 0) }],
  };
  return item;
}
