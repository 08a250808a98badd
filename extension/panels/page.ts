import * as vscode from 'vscode';
import { newNonce, pageHtml } from './html.js';

/** What every page of the extension has in common: only its own bundle, scripts by nonce, nothing kept while hidden. */
export const pageOptions = (extension: vscode.Uri): vscode.WebviewPanelOptions & vscode.WebviewOptions => ({
  enableScripts: true,
  localResourceRoots: [vscode.Uri.joinPath(extension, 'dist', 'webview')],
  enableFindWidget: true,
});

export function showPage(
  panel: vscode.WebviewPanel,
  extension: vscode.Uri,
  name: 'run' | 'chat' | 'triage' | 'compare',
): void {
  panel.iconPath = vscode.Uri.joinPath(extension, 'media', 'icon.svg');
  fillPage(panel.webview, extension, name, panel.title);
}

export function fillPage(
  webview: vscode.Webview,
  extension: vscode.Uri,
  name: 'run' | 'chat' | 'training' | 'triage' | 'compare',
  title: string,
): void {
  const file = (path: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extension, 'dist', 'webview', path)).toString();
  webview.options = pageOptions(extension);
  webview.html = pageHtml(
    { script: file(`${name}.js`), style: file('style.css'), source: webview.cspSource, title },
    newNonce(),
  );
}

/**
 * Closes tabs of this kind and title that no page is behind: those that were there before the window was reloaded and that
 * nobody has looked at since. What is opened takes their place, so that there is one tab of each.
 * @param open the pages that there are
 */
export async function closeUnopened(type: string, title: string, open: Iterable<vscode.WebviewPanel>): Promise<void> {
  for (const panel of open) if (panel.title === title) return;
  const tabs = vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .filter(
      ({ label, input }) => label === title && input instanceof vscode.TabInputWebview && input.viewType.endsWith(type),
    );
  if (tabs.length > 0) await vscode.window.tabGroups.close(tabs, true);
}
