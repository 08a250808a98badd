import type * as vscode from 'vscode';
import { debounce, Disposables, Emitter, type Disposable } from '../disposable.js';

export type Changes = (listener: () => unknown) => Disposable;

/** What a view says of its nodes; the rest of a `TreeDataProvider` is the same for all views. */
export interface Tree<N> {
  roots(): N[];
  children?(node: N): N[];
  item(node: N): vscode.TreeItem;
}

/** Makes a provider that draws again, at most five times a second, after any of the changes. */
export function provider<N>(tree: Tree<N>, ...changes: Changes[]): vscode.TreeDataProvider<N> & Disposable {
  const disposables = new Disposables();
  const emitter = disposables.add(new Emitter<undefined>());
  let waiting = false;
  const draw = disposables.add(
    debounce(() => {
      waiting = false;
      emitter.fire(undefined);
    }, 200),
  );
  for (const change of changes) {
    disposables.add(
      change(() => {
        // Not put off again by each of a stream of changes.
        if (!waiting) draw();
        waiting = true;
      }),
    );
  }
  return {
    onDidChangeTreeData: emitter.event as vscode.Event<undefined>,
    getChildren: (node) => (node === undefined ? tree.roots() : (tree.children?.(node) ?? [])),
    getTreeItem: (node) => tree.item(node),
    dispose: () => disposables.dispose(),
  };
}
