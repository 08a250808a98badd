/** Classes and constants of the fake VS Code that hold nothing of a test. */
export class Uri {
  private constructor(
    readonly fsPath: string,
    readonly scheme = 'file',
    readonly query = '',
  ) {}
  static file = (path: string): Uri => new Uri(path);
  static from = ({ scheme, path, query }: { scheme: string; path: string; query?: string }): Uri =>
    new Uri(path, scheme, query);
  static joinPath = (uri: Uri, ...names: string[]): Uri => new Uri([uri.fsPath, ...names].join('/'));
  toString(): string {
    return `${this.scheme}://${this.fsPath}${this.query && `?${this.query}`}`;
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
  constructor(startLine: number, startCharacter: number, endLine: number, endCharacter: number);
  constructor(start: Position, end: Position);
  constructor(...[a, b, c, d]: [number, number, number, number] | [Position, Position]) {
    this.start = a instanceof Position ? a : new Position(a, b as number);
    this.end = b instanceof Position ? b : new Position(c!, d!);
  }
}

/** A text in memory that has a place for each offset in one line: `Position(0, offset)`. */
export class TextDocument {
  isDirty = false;
  isClosed = false;
  constructor(
    readonly uri: Uri,
    private text: string,
    private readonly write: (text: string) => void,
  ) {}
  getText = (): string => this.text;
  positionAt = (offset: number): Position => new Position(0, offset);
  edit(text: string): void {
    this.text = text;
    this.isDirty = true;
  }
  async save(): Promise<boolean> {
    this.write(this.text);
    this.isDirty = false;
    return true;
  }
}

export class WorkspaceEdit {
  readonly edits: { uri: Uri; range: Range; text: string }[] = [];
  replace(uri: Uri, range: Range, text: string): void {
    this.edits.push({ uri, range, text });
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
export const ViewColumn = { Active: -1 };
export class CodeAction {
  command?: { title: string; command: string; arguments?: unknown[] };
  constructor(
    readonly title: string,
    readonly kind: unknown,
  ) {}
}
export const CodeActionKind = { QuickFix: 'quickfix' };
export const ProgressLocation = { Window: 10, Notification: 15 };
export const UIKind = { Desktop: 1, Web: 2 };
export class ThemeIcon {
  constructor(readonly id: string) {}
}
export class ThemeColor {
  constructor(readonly id: string) {}
}
export class RelativePattern {
  constructor(
    readonly base: string,
    readonly pattern: string,
  ) {}
}

export const StatusBarAlignment = { Left: 1 };
export const TreeItemCollapsibleState = { None: 0, Collapsed: 1, Expanded: 2 };
export const TreeItemCheckboxState = { Unchecked: 0, Checked: 1 };
export class TreeItem {
  constructor(
    readonly label: unknown,
    readonly collapsibleState: number,
  ) {}
}

export class FileSystemError extends Error {
  code = 'Unknown';
}

/** A tab with a page of an extension in it. */
export class TabInputWebview {
  constructor(readonly viewType: string) {}
}

/** Tabs of a file in a text editor, and in one of an extension. */
export class TabInputText {
  constructor(readonly uri: Uri) {}
}
export class TabInputCustom {
  constructor(
    readonly uri: Uri,
    readonly viewType: string,
  ) {}
}

export class MarkdownString {
  isTrusted?: unknown;
  constructor(public value = '') {}
  appendText(text: string): this {
    this.value += text.replaceAll(/[[\]()!<>]/g, String.raw`\$&`);
    return this;
  }
}
export class Hover {
  constructor(readonly contents: unknown) {}
}
export const l10n = { t: (text: string): string => text };

export class CodeLens {
  command?: { title: string };
  constructor(readonly range: Range) {}
}

/** Language models, which VS Code has from 1.91 on: a test plays them. */
export const lm: { selectChatModels?: (selector?: object) => Promise<object[]> } = {};
export const LanguageModelChatMessage = { User: (text: string): string => text };
export class LanguageModelError extends Error {
  constructor(
    readonly code: string,
    message = '',
  ) {
    super(message);
  }
}
export class CancellationTokenSource {
  readonly token = {};
  cancel(): void {}
  dispose(): void {}
}
