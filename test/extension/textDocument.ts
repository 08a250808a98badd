import type { Change } from '../../extension/data/rowMarks.js';

interface Place {
  line: number;
  character: number;
}

/** A text as an editor has it: takes changes, and gives those that undo them. */
export class FakeDocument {
  isClosed = false;
  isDirty = false;
  version = 1;
  readonly uri: { scheme: string; fsPath: string; toString(): string };
  private rows: string[];

  constructor(file: string, text: string) {
    this.uri = { scheme: 'file', fsPath: file, toString: () => `file://${file}` };
    this.rows = text.split('\n');
  }

  get lineCount(): number {
    return this.rows.length;
  }

  lineAt(line: number): { text: string; range: { start: Place; end: Place } } {
    const text = this.rows[line];
    if (text === undefined) throw new RangeError(`no line ${line}`);
    return { text, range: { start: { line, character: 0 }, end: { line, character: text.length } } };
  }

  getText(): string {
    return this.rows.join('\n');
  }

  /** Changes that do not touch each other, the last one of the text first, as VS Code gives them. */
  apply(changes: readonly Change[]): Change[] {
    this.version++;
    const undo: { at: Place; text: string; removed: string }[] = [];
    for (const { range, text } of changes) {
      const { start, end } = range;
      const removed = this.rows.slice(start.line, end.line + 1);
      removed[removed.length - 1] = removed.at(-1)!.slice(0, end.character);
      removed[0] = removed[0]!.slice(start.character);
      const head = this.rows[start.line]!.slice(0, start.character);
      const tail = this.rows[end.line]!.slice(end.character);
      const added = `${head}${text}${tail}`.split('\n');
      this.rows = [...this.rows.slice(0, start.line), ...added, ...this.rows.slice(end.line + 1)];
      for (const other of undo) other.at.line += added.length - (end.line - start.line + 1);
      undo.push({ at: { ...start }, text, removed: removed.join('\n') });
    }
    return undo.map(({ at, text, removed }) => {
      const added = text.split('\n');
      const end = {
        line: at.line + added.length - 1,
        character: added.at(-1)!.length + (added.length === 1 ? at.character : 0),
      };
      return { range: { start: at, end }, text: removed };
    });
  }
}

/** Replaces from a place to another. */
export const change = (from: [number, number], to: [number, number], text: string): Change => ({
  range: { start: { line: from[0], character: from[1] }, end: { line: to[0], character: to[1] } },
  text,
});
