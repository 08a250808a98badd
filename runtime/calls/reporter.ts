import type { Warn } from '../adapters/flat.js';
import type { AskEditor } from '../evaluation/judges/editor.js';
import type { RunEvent } from '../contract/events.js';
import type { Notifications } from '../contract/protocol.js';
import type { ScanRow } from '../contract/scan.js';

/** Receives what a call reports while it works, and stops it. */
export interface Reporter {
  readonly signal: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
  /** The run folder was taken, and nothing in it is changed yet. */
  readonly onTaken?: () => Promise<void>;
  readonly onToken: (text: string) => void;
  readonly onRows: (rows: ScanRow[]) => void;
  readonly onProgress: (message: string, fraction?: number) => void;
  /** Asks a language model of the editor; absent outside of one. */
  readonly askEditor?: AskEditor;
  readonly onLog: (level: Notifications['log']['level'], message: string) => void;
}

/** Warnings of what is read, as lines of the log. */
export const warnsOf =
  ({ onLog }: Reporter): Warn =>
  (message, place, remedy) =>
    onLog('warn', `${place}: ${message} ${remedy}`);
