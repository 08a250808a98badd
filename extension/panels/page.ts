import * as vscode from 'vscode';
import { PANELS } from '../host/contributions.js';
import type { Disposable } from '../host/disposable.js';
import { Turns } from '../../runtime/contract/turns.js';
import { newNonce, pageHtml } from './html.js';

type PageName = 'run' | 'chat' | 'triage' | 'compare';

/** What every page of the extension has in common: only its own bundle, scripts by nonce, nothing kept while hidden. */
const pageOptions = (extension: vscode.Uri): vscode.WebviewPanelOptions & vscode.WebviewOptions => ({
  enableScripts: true,
  localResourceRoots: [vscode.Uri.joinPath(extension, 'dist', 'webview')],
  enableFindWidget: true,
});

export function fillPage(
  webview: vscode.Webview,
  extension: vscode.Uri,
  name: PageName | 'training',
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
 * Closes tabs of this kind and title that no page is behind: those that were there before the window was reloaded and
 * that nobody has looked at since. What is opened takes their place, so that there is one tab of each.
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

/** The host's end of a page. */
interface Page extends Disposable {
  readonly panel: vscode.WebviewPanel;
}

/** The pages of a kind that are open, by what they show. */
export class Pages<Key, P extends Page> implements Disposable {
  private readonly open = new Map<Key, P>();
  /** Two quick clicks show one page. */
  private readonly shown = new Turns();

  /** @param make the host's end of a page, in its panel */
  constructor(
    private readonly extension: vscode.Uri,
    private readonly name: PageName,
    private readonly make: (panel: vscode.WebviewPanel, key: Key) => P,
  ) {}

  get(key: Key): P | undefined {
    return this.open.get(key);
  }

  all(): [Key, P][] {
    return [...this.open];
  }

  /** Brings its page to the front, or opens one. @param look its title; throws where there is nothing to show */
  show(key: Key, look: () => Promise<string>): Promise<P> {
    return this.shown.take(async () => {
      const known = this.open.get(key);
      known?.panel.reveal();
      if (known) return known;
      const title = await look();
      const panels = Array.from(this.open.values(), ({ panel }) => panel);
      await closeUnopened(PANELS[this.name], title, panels);
      return this.create(key, title);
    });
  }

  create(key: Key, title: string): P {
    const column = vscode.ViewColumn.Active;
    const options = pageOptions(this.extension);
    return this.adopt(vscode.window.createWebviewPanel(PANELS[this.name], title, column, options), key);
  }

  /** Fills a panel, a new one or one of the window before; of two for the same the one that is there stays. */
  adopt(panel: vscode.WebviewPanel, key: Key): P {
    const known = this.open.get(key);
    if (known) {
      panel.dispose();
      known.panel.reveal();
      return known;
    }
    const page = this.make(panel, key);
    this.open.set(key, page);
    panel.onDidDispose(() => {
      page.dispose();
      for (const [shown, other] of this.open) if (other === page) this.open.delete(shown);
    });
    panel.iconPath = vscode.Uri.joinPath(this.extension, 'media', 'icon.svg');
    fillPage(panel.webview, this.extension, this.name, panel.title);
    return page;
  }

  /** What a page shows has taken the place of something: of the pages of both one stays. */
  move(from: Key, to: Key): void {
    const [page, there] = [this.open.get(from), this.open.get(to)];
    if (!page) return;
    if (!there) {
      this.open.delete(from);
      this.open.set(to, page);
      return;
    }
    if (page.panel.visible) there.panel.reveal(undefined, true);
    page.panel.dispose();
  }

  dispose(): void {
    this.open.forEach(({ panel }) => panel.dispose());
  }
}
