/** See faults.mjs. */
export interface WatchedCall {
  readonly number: number;
  readonly name: string;
  readonly file: string;
  /** What is written. */
  readonly data?: string | Uint8Array;
}
export function watch(options: { root: string; fault?: string; onCall?: (call: WatchedCall) => void }): () => void;
export function half(data: string | Uint8Array): Uint8Array;
