/**
 * What the extension's parts need of VS Code, played by a test: files are found where the test says, events are fired
 * by it.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Position, Range, WorkspaceEdit, Diagnostic, CodeAction } from './values.js';
import { Uri, TextDocument, UIKind, FileSystemError } from './values.js';

export * from './testExplorer.js';
export * from './values.js';

class Emitter<T> {
  private readonly listeners = new Set<(value: T) => unknown>();
  readonly event = (listener: (value: T) => unknown): { dispose(): void } => {
    this.listeners.add(listener);
    return { dispose: () => void this.listeners.delete(listener) };
  };
  async fire(value: T): Promise<void> {
    await Promise.all([...this.listeners].map((listener) => listener(value)));
  }
}

export interface FakeEditor {
  document: unknown;
  visibleRanges: Range[];
  setDecorations(type: unknown, ranges: unknown[]): void;
}

/** A page, of which the test is the script. */
export class FakePanel {
  visible = true;
  isDisposed = false;
  /** All that it was sent. */
  readonly sent: Record<string, unknown>[] = [];
  private readonly received = new Emitter<unknown>();
  private readonly disposed = new Emitter<void>();
  readonly onDidChangeViewState = new Emitter<void>().event;
  readonly onDidDispose = this.disposed.event;
  readonly webview = {
    options: {},
    html: '',
    cspSource: 'source',
    asWebviewUri: (uri: Uri): Uri => uri,
    onDidReceiveMessage: this.received.event,
    postMessage: async (message: Record<string, unknown>) => void this.sent.push(message),
  };

  constructor(public title: string) {}

  send(id: number, request: object): Promise<void> {
    return this.received.fire({ id, request });
  }

  /** Sends what is no request. */
  message(message: object): Promise<void> {
    return this.received.fire(message);
  }

  /** Sends a request, and gives its outcome when it has been answered. */
  async request(request: object): Promise<unknown> {
    const id = this.sent.length;
    await this.send(id, request);
    return this.sent.find(({ reply }) => reply === id)?.['outcome'];
  }

  /** What it was sent unasked. */
  events(): Record<string, unknown>[] {
    return this.sent.flatMap(({ event }) => (event === undefined ? [] : [event as Record<string, unknown>]));
  }

  reveal(): void {}

  dispose(): void {
    if (!this.isDisposed) void this.disposed.fire();
    this.isDisposed = true;
  }
}

export interface TreeProvider {
  getChildren(node?: unknown): unknown;
  getTreeItem(node: unknown): unknown;
}

interface ContentProvider {
  onDidChange?(listener: (uri: Uri) => unknown): unknown;
  provideTextDocumentContent(uri: Uri): string;
}

interface CodeActionProvider {
  provideCodeActions(document: { uri: Uri }, range: Range): CodeAction[];
}

interface HoverProvider {
  provideHover(document: unknown, position: Position): Promise<{ contents: unknown } | undefined>;
}

/** The levers of the test. */
export const fake = {
  find: (_glob: unknown): string[] => [],
  watchers: [] as { glob: string; create: Emitter<Uri>; change: Emitter<Uri>; remove: Emitter<Uri> }[],
  documents: new Emitter<unknown>(),
  closed: new Emitter<unknown>(),
  tabs: new Emitter<{ opened: { input: unknown }[] }>(),
  openedAgain: new Emitter<unknown>(),
  /** Who fills a view of the sidebar. */
  viewProvider: undefined as { resolveWebviewView(view: unknown): void } | undefined,
  /** Who fills the trees, by their views. */
  trees: new Map<string, TreeProvider>(),
  /** What stands at the trees' titles. */
  titles: new Map<string, { description?: string }>(),
  editors: new Emitter<FakeEditor[]>(),
  ranges: new Emitter<unknown>(),
  /** Who writes documents that are no files, by their scheme. */
  contents: new Map<string, ContentProvider>(),
  /** Values of the extension's settings. */
  settings: new Map<string, unknown>(),
  configuration: new Emitter<{ affectsConfiguration(name: string): boolean }>(),
  /** What is shown over a text. */
  hovers: undefined as HoverProvider | undefined,
  trust: new Emitter<void>(),
  willRename: new Emitter<object>(),
  didRename: new Emitter<object>(),
  folders: new Emitter<{ added: { uri: Uri }[]; removed: { uri: Uri }[] }>(),
  diagnostics: new Map<string, Diagnostic[] | undefined>(),
  opened: [] as string[],
  codeActions: undefined as CodeActionProvider | undefined,
  /** Questions that were asked before something was lost, with their details. */
  asked: [] as { message: string; detail?: string }[],
  /** Whether what is deleted can go to a trash here. */
  hasTrash: true,
  deleted: [] as { path: string; useTrash: boolean }[],
  panels: [] as FakePanel[],
  /** Where the person saves what they are asked to. */
  saveTo: undefined as string | undefined,
  /** The names that were proposed for files to be saved, and their endings. */
  proposed: [] as { file: string; endings: string[] }[],
  /** Texts of notifications, and what they say of progress. */
  said: [] as string[],
  /** What the person chooses of the buttons of a message; the real window gives back one of them. */
  choose: (_buttons: readonly { title: string }[]): { title: string } | undefined => undefined,
  /** The label that the person picks, or the text that they type; `BACK` for the button. */
  answer: (question: string): string => assert.fail(`nobody answers: ${question}`),
};

/** The answer of who goes back to the question before. */
export const BACK = '\0back';
/** The answer of a person who takes what is chosen already. */
export const AS_PROPOSED = '\0as proposed';

interface Question {
  placeholder?: string;
  prompt?: string;
  items?: readonly { label: string }[];
  canSelectMany?: boolean;
  selectedItems: readonly { label: string }[];
  value: string;
}

/** A Quick Pick or an input box that is answered when it is shown. */
function question(): object {
  const accepted = new Emitter<undefined>();
  const buttons = new Emitter<unknown>();
  let wrong: string | undefined;
  const box = {
    selectedItems: [] as Question['selectedItems'],
    value: '',
    /** What is wrong with the answer: the person is asked again, by that. */
    set validationMessage(said: string | undefined) {
      wrong = said;
      if (said) setImmediate(() => answerTo(box, said));
    },
    get validationMessage() {
      return wrong;
    },
    onDidAccept: accepted.event,
    onDidHide: () => nothing,
    onDidTriggerButton: buttons.event,
    onDidChangeValue: () => nothing,
    dispose: (): void => undefined,
    show(this: Question) {
      answerTo(this, this.placeholder ?? this.prompt ?? '');
    },
  };
  function answerTo(asked: Question, text: string): void {
    const answer = fake.answer(text);
    if (answer === AS_PROPOSED) {
      // Of one that is to be chosen the first has the focus.
      if (!asked.canSelectMany) asked.selectedItems = (asked.items ?? []).slice(0, 1);
      return void setImmediate(() => void accepted.fire(undefined));
    }
    if (answer === BACK) return void setImmediate(() => void buttons.fire(QuickInputButtons.Back));
    // Of several that are chosen each is a line.
    asked.selectedItems = (asked.items ?? []).filter(({ label }) => answer.split('\n').includes(label));
    asked.value = answer;
    setImmediate(() => void accepted.fire(undefined));
  }
  return box;
}

const nothing = { dispose: (): void => undefined };

const documentOf = (asked: Uri): TextDocument | undefined =>
  (workspace.textDocuments as TextDocument[]).find(({ uri }) => uri.toString() === asked.toString());

export const Disposable = {
  from: (...parts: { dispose(): unknown }[]) => ({ dispose: () => parts.forEach((part) => part.dispose()) }),
};

export const workspace = {
  isTrusted: true,
  textDocuments: [] as unknown[],
  workspaceFolders: undefined,
  asRelativePath: (path: string): string => path,
  getWorkspaceFolder: ({ fsPath }: Uri): { uri: Uri } | undefined =>
    ((workspace.workspaceFolders ?? []) as { uri: Uri }[]).find(({ uri }) => fsPath.startsWith(`${uri.fsPath}/`)),
  findFiles: async (glob: unknown): Promise<Uri[]> => fake.find(glob).map(Uri.file),
  fs: {
    delete: async ({ fsPath }: Uri, { useTrash }: { useTrash: boolean }): Promise<void> => {
      if (useTrash && !fake.hasTrash) throw new FileSystemError('no trash here');
      fake.deleted.push({ path: fsPath, useTrash });
      await rm(fsPath, { recursive: true });
    },
  },
  createFileSystemWatcher: (glob: string) => {
    const watcher = { glob, create: new Emitter<Uri>(), change: new Emitter<Uri>(), remove: new Emitter<Uri>() };
    fake.watchers.push(watcher);
    return {
      ...nothing,
      onDidCreate: watcher.create.event,
      onDidChange: watcher.change.event,
      onDidDelete: watcher.remove.event,
    };
  },
  openTextDocument: async (asked: Uri): Promise<TextDocument> => {
    const open = documentOf(asked);
    if (open) return open;
    const { fsPath, scheme } = asked;
    const text = fake.contents.get(scheme)?.provideTextDocumentContent(asked) ?? readFileSync(fsPath, 'utf8');
    const document = new TextDocument(asked, text, (changed) => writeFileSync(fsPath, changed));
    workspace.textDocuments.push(document);
    return document;
  },
  /** A document that is open is asked for again only where its provider says that it has changed. */
  registerTextDocumentContentProvider: (scheme: string, provider: ContentProvider) => {
    fake.contents.set(scheme, provider);
    provider.onDidChange?.((uri) => documentOf(uri)?.edit(provider.provideTextDocumentContent(uri)));
    return nothing;
  },
  /** Of editors that have no document: what they do is the test's. */
  save: async (_file: Uri): Promise<Uri | undefined> => undefined,
  applyEdit: async ({ edits }: WorkspaceEdit): Promise<boolean> => {
    for (const { uri, range, text } of [...edits].sort((a, b) => b.range.start.character - a.range.start.character)) {
      const document = await workspace.openTextDocument(uri);
      const before = document.getText();
      document.edit(before.slice(0, range.start.character) + text + before.slice(range.end.character));
    }
    return true;
  },
  getConfiguration: () => ({ get: (name: string): unknown => fake.settings.get(name) }),
  onDidChangeConfiguration: fake.configuration.event,
  onDidGrantWorkspaceTrust: fake.trust.event,
  onDidChangeWorkspaceFolders: fake.folders.event,
  onWillRenameFiles: fake.willRename.event,
  onDidRenameFiles: fake.didRename.event,
  onDidChangeTextDocument: fake.documents.event,
  onDidCloseTextDocument: fake.closed.event,
  onDidOpenTextDocument: fake.openedAgain.event,
};

export const window = {
  tabGroups: {
    activeTabGroup: { activeTab: undefined as { input: unknown } | undefined },
    all: [] as { tabs: { label: string; isDirty?: boolean; input: unknown }[] }[],
    onDidChangeTabs: fake.tabs.event,
    close: async (tabs: unknown[]): Promise<void> => {
      for (const group of window.tabGroups.all) group.tabs = group.tabs.filter((tab) => !tabs.includes(tab));
    },
  },
  visibleTextEditors: [] as FakeEditor[],
  activeTextEditor: undefined,
  registerWebviewViewProvider: (_id: string, provider: NonNullable<typeof fake.viewProvider>) => {
    fake.viewProvider = provider;
    return nothing;
  },
  createTreeView: (id: string, { treeDataProvider }: { treeDataProvider: TreeProvider }) => {
    fake.trees.set(id, treeDataProvider);
    const none = (): object => nothing;
    const events = { onDidChangeCheckboxState: none, onDidChangeVisibility: none, onDidChangeSelection: none };
    const title: { description?: string } = {};
    fake.titles.set(id, title);
    return Object.assign(title, nothing, events, { selection: [], visible: true });
  },
  createStatusBarItem: () => ({ ...nothing, show: () => undefined, hide: () => undefined }),
  createOutputChannel: () => {
    const say = (text: string): void => void fake.said.push(text);
    return { ...nothing, trace: say, debug: say, info: say, warn: say, error: say, show: () => undefined };
  },
  registerFileDecorationProvider: () => nothing,
  createQuickPick: question,
  withProgress: async ({ title }: { title: string }, work: (progress: object, token: object) => Promise<unknown>) => {
    fake.said.push(title);
    const report = ({ message }: { message?: string }): void => void (message !== undefined && fake.said.push(message));
    return work({ report }, { isCancellationRequested: false, onCancellationRequested: () => nothing });
  },
  createInputBox: question,
  createTextEditorDecorationType: (options: object) => ({ ...nothing, options }),
  onDidChangeVisibleTextEditors: fake.editors.event,
  onDidChangeTextEditorVisibleRanges: fake.ranges.event,
  showInformationMessage: async (message: string, ...buttons: { title: string }[]) => {
    fake.said.push(message);
    return fake.choose(buttons);
  },
  showWarningMessage: async (
    message: string,
    ...given: (string | { title: string } | { modal: true; detail?: string })[]
  ) => {
    fake.said.push(message);
    const objects = given.filter((one) => typeof one === 'object');
    const options = objects.find((one) => 'modal' in one);
    if (options) fake.asked.push({ message, detail: options.detail });
    const [text] = given.filter((one) => typeof one === 'string');
    // Buttons that are texts are given back as texts.
    return text === undefined
      ? fake.choose(objects.filter((one) => 'title' in one))
      : fake.choose([{ title: text }])?.title;
  },
  state: { focused: true },
  registerWebviewPanelSerializer: () => nothing,
  createWebviewPanel: (_type: string, title: string) => {
    const panel = new FakePanel(title);
    fake.panels.push(panel);
    return panel;
  },
  showInputBox: async ({ prompt }: { prompt: string }) => fake.answer(prompt),
  showSaveDialog: async ({ defaultUri, filters = {} }: { defaultUri?: Uri; filters?: Record<string, string[]> }) => {
    fake.proposed.push({ file: defaultUri?.fsPath ?? '', endings: Object.values(filters).flat() });
    return fake.saveTo === undefined ? undefined : Uri.file(fake.saveTo);
  },
  showTextDocument: async ({ fsPath }: Uri) => void fake.opened.push(fsPath),
  showErrorMessage: async (message: string, ...buttons: { title: string }[]) => {
    fake.said.push(message);
    return fake.choose(buttons);
  },
};

export const languages = {
  registerCodeLensProvider: () => nothing,
  registerHoverProvider: (_files: unknown, provider: HoverProvider) => {
    fake.hovers = provider;
    return nothing;
  },
  registerCodeActionsProvider: (_files: unknown, provider: CodeActionProvider) => {
    fake.codeActions = provider;
    return nothing;
  },
  createDiagnosticCollection: () => ({
    ...nothing,
    set: (uri: Uri, problems: Diagnostic[] | undefined) => void fake.diagnostics.set(uri.fsPath, problems),
  }),
};

export const QuickInputButtons = { Back: {} };
export const env = {
  uiKind: UIKind.Desktop,
  language: 'en',
  remoteName: undefined as string | undefined,
  openExternal: async (uri: Uri) => void fake.opened.push(uri.fsPath),
};
export const commands = {
  registerCommand: () => nothing,
  executeCommand: async (_command: string, uri: Uri) => void fake.opened.push(uri.fsPath),
};
