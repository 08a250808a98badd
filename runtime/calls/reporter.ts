import type { AskEditor } from '../evaluation/judges/editor.js';
import type { Notifications, RunEvent, ScanRow } from '../contract/protocol.js';

/** Receives what a call reports while it works, and stops it. */
export interface Reporter {
  readonly signal: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
  readonly onToken: (text: string) => void;
  readonly onRows: (rows: ScanRow[]) => void;
  readonly onProgress: (message: string, fraction?: number) => void;
  /** Asks a language model of the editor; absent outside of one. */
  readonly askEditor?: AskEditor;
  readonly onLog: (level: Notifications['log']['level'], message: string) => void;
}
