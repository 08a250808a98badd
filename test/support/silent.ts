import type { Reporter } from '../../runtime/calls/reporter.js';

/** Of calls whose events, rows and messages nobody reads; nothing stops them. */
export const silent: Reporter = {
  signal: new AbortController().signal,
  onEvent: () => undefined,
  onToken: () => undefined,
  onRows: () => undefined,
  onProgress: () => undefined,
  onLog: () => undefined,
};
