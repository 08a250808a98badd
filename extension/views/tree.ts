import type * as vscode from 'vscode';
import { Disposables, Emitter, throttle, type Disposable } from '../host/disposable.js';

type Changes = (listener: () => unknown) => Disposable;

/** What a view says of its nodes; the rest of a `TreeDataProvider` is the same for all views. */
export interface Tree<N> {
  /** Nodes with the same id are the same row. */
  id(node: N): string;
  roots(): N[];
  children?(node: N): N[];
  item(node: N): vscode.TreeItem;
}

interface Provider<N> extends Disposable {
  readonly onDidChangeTreeData: vscode.Event<N | N[] | undefined>;
  getChildren(node?: N): N[];
  getTreeItem(node: N): vscode.TreeItem;
  /** Draws a node at once, whatever it shows: the window itself has changed its check box. */
  redraw(node: N): void;
}

/** What VS Code was given last for a row: the node it knows it by, how it looks, and the ids of its children. */
interface Given<N> {
  node?: N;
  item?: string;
  children?: string;
}

/**
 * Makes a provider that draws what has changed, at most five times a second. A row that is drawn anew loses a click
 * that has begun on its check box, and its view may take the focus: rows that stay as they are are left alone.
 */
export function provider<N>(tree: Tree<N>, ...changes: Changes[]): Provider<N> {
  const disposables = new Disposables();
  const emitter = disposables.add(new Emitter<N | N[] | undefined>());
  /** By id; the tree itself has none. */
  const given = new Map<string | undefined, Given<N>>();
  const of = (node: N | undefined): Given<N> => {
    const id = node === undefined ? undefined : tree.id(node);
    const known = given.get(id) ?? {};
    given.set(id, known);
    return known;
  };
  const look = (node: N): vscode.TreeItem => Object.assign(tree.item(node), { id: tree.id(node) });
  const below = (node: N | undefined): N[] => (node === undefined ? tree.roots() : (tree.children?.(node) ?? []));
  const ids = (nodes: N[]): string => JSON.stringify(nodes.map(tree.id));

  /** The rows to draw again: a row stands for all below it, undefined for the tree. */
  function changed(node: N | undefined): (N | undefined)[] {
    const last = of(node);
    const children = below(node);
    // VS Code asks for children when it needs them.
    if (last.children !== undefined && last.children !== ids(children)) return [last.node];
    if (node !== undefined && last.item !== undefined && last.item !== JSON.stringify(look(node))) return [last.node];
    return last.children === undefined ? [] : children.flatMap(changed);
  }

  const draw = disposables.add(
    throttle(() => {
      const nodes = changed(undefined);
      if (nodes.includes(undefined)) emitter.fire(undefined);
      else if (nodes.length > 0) emitter.fire(nodes as N[]);
    }, 200),
  );
  for (const change of changes) disposables.add(change(draw));
  return {
    onDidChangeTreeData: emitter.event as vscode.Event<N | N[] | undefined>,
    getChildren: (node) => {
      if (node === undefined) given.clear();
      const children = below(node);
      of(node).children = ids(children);
      for (const child of children) of(child).node = child;
      return children;
    },
    getTreeItem: (node) => {
      const item = look(node);
      of(node).item = JSON.stringify(item);
      return item;
    },
    redraw: (node) => emitter.fire(of(node).node),
    dispose: () => disposables.dispose(),
  };
}
