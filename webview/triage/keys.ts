/** What keys ask of the list of rows. */
import type { Decision } from '../../runtime/contract/review.js';

export type KeyAction =
  | { do: 'move'; by: number; extend: boolean }
  | { do: 'decide'; decision: Decision | undefined }
  | { do: 'expand'; open: boolean }
  | { do: 'search' | 'selectAll' | 'undo' | 'toggle' | 'deselect' | 'open' };

const DECISION_KEYS: Record<string, Decision | 'none'> = {
  x: 'exclude',
  f: 'fine',
  u: 'unsure',
  Delete: 'none',
  Backspace: 'none',
};

/** Undefined for keys that are not the list's. @param page how many rows are seen at once */
export function keyAction(event: KeyboardEvent, page: number): KeyAction | undefined {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const moves: Record<string, number> = {
    ArrowDown: 1,
    ArrowUp: -1,
    PageDown: page,
    PageUp: -page,
    Home: -Infinity,
    End: Infinity,
  };
  const by = moves[key];
  if (by !== undefined) return { do: 'move', by, extend: event.shiftKey };
  const decision = command ? undefined : DECISION_KEYS[key];
  if (decision !== undefined) return { do: 'decide', decision: decision === 'none' ? undefined : decision };
  if (command && key === 'a') return { do: 'selectAll' };
  if (command && key === 'z' && !event.shiftKey) return { do: 'undo' };
  switch (key) {
    case '/':
      return { do: 'search' };
    case ' ':
      return { do: 'toggle' };
    case 'Escape':
      return { do: 'deselect' };
    case 'Enter':
      return { do: 'open' };
    case 'ArrowRight':
      return { do: 'expand', open: true };
    case 'ArrowLeft':
      return { do: 'expand', open: false };
    default:
      return undefined;
  }
}
