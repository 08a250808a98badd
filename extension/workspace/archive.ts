import * as vscode from 'vscode';
import { CONTEXTS } from '../host/contributions.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import type { Remembered } from '../host/sharedMemory.js';

const KEY = 'archivedShown';

/** Whether archived runs are among those that the view of runs shows; kept for the workspace. */
export class Archive implements Disposable {
  private readonly changes = new Emitter<void>();
  readonly onDidChange = this.changes.event;

  constructor(private readonly memento: Remembered) {
    this.tell();
  }

  get shown(): boolean {
    return this.memento.get(KEY, false);
  }

  async show(shown: boolean): Promise<void> {
    await this.memento.update(KEY, shown);
    this.tell();
    this.changes.fire();
  }

  dispose(): void {
    this.changes.dispose();
  }

  private tell(): void {
    void vscode.commands.executeCommand('setContext', CONTEXTS.archivedShown, this.shown);
  }
}
