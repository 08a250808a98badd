/** What the extension's parts need of VS Code, played by a test: files are found where the test says, events are fired by it. */
export class Uri {
  readonly scheme = 'file';
  private constructor(readonly fsPath: string) {}
  static file = (path: string): Uri => new Uri(path);
  toString(): string {
    return `file://${this.fsPath}`;
  }
}

export class Position {
  constructor(
    readonly line: number,
    readonly character: number,
  ) {}
}

export class Range {
  readonly start: Position;
  readonly end: Position;
  constructor(startLine: number, startCharacter: number, endLine: number, endCharacter: number) {
    this.start = new Position(startLine, startCharacter);
    this.end = new Position(endLine, endCharacter);
  }
}

export class Diagnostic {
  source?: string;
  code?: string;
  constructor(
    readonly range: Range,
    readonly message: string,
    readonly severity: number,
  ) {}
}
export const DiagnosticSeverity = { Error: 0, Warning: 1, Information: 2 };
export const OverviewRulerLane = { Right: 4 };
export const UIKind = { Desktop: 1, Web: 2 };
export class ThemeColor {
  constructor(readonly id: string) {}
}
export class RelativePattern {
  constructor(
    readonly base: string,
    readonly pattern: string,
  ) {}
}

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

/** The levers of the test. */
export const fake = {
  find: (_glob: unknown): string[] => [],
  watchers: [] as { glob: string; create: Emitter<Uri>; change: Emitter<Uri>; remove: Emitter<Uri> }[],
  documents: new Emitter<unknown>(),
  closed: new Emitter<unknown>(),
  editors: new Emitter<FakeEditor[]>(),
  ranges: new Emitter<unknown>(),
  diagnostics: new Map<string, Diagnostic[] | undefined>(),
  opened: [] as string[],
  /** What the person chooses of the buttons of a message; the real window gives back one of them. */
  choose: (_buttons: readonly { title: string }[]): { title: string } | undefined => undefined,
};

const nothing = { dispose: (): void => undefined };

export const workspace = {
  isTrusted: true,
  textDocuments: [] as unknown[],
  workspaceFolders: undefined,
  asRelativePath: (path: string): string => path,
  findFiles: async (glob: unknown): Promise<Uri[]> => fake.find(glob).map(Uri.file),
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
  onDidChangeTextDocument: fake.documents.event,
  onDidCloseTextDocument: fake.closed.event,
};

export const window = {
  visibleTextEditors: [] as FakeEditor[],
  activeTextEditor: undefined,
  createTextEditorDecorationType: (options: object) => ({ ...nothing, options }),
  onDidChangeVisibleTextEditors: fake.editors.event,
  onDidChangeTextEditorVisibleRanges: fake.ranges.event,
  showInformationMessage: async (_message: string, ...buttons: { title: string }[]) => fake.choose(buttons),
  showWarningMessage: async (_message: string, ...buttons: { title: string }[]) => fake.choose(buttons),
  showErrorMessage: async (_message: string, ...buttons: { title: string }[]) => fake.choose(buttons),
};

export const languages = {
  createDiagnosticCollection: () => ({
    ...nothing,
    set: (uri: Uri, problems: Diagnostic[] | undefined) => void fake.diagnostics.set(uri.fsPath, problems),
  }),
};

export const env = {
  uiKind: UIKind.Desktop,
  remoteName: undefined,
  openExternal: async (uri: Uri) => void fake.opened.push(uri.fsPath),
};
export const commands = {
  executeCommand: async (_command: string, uri: Uri) => void fake.opened.push(uri.fsPath),
};
