/** Reviews as the host sends them. */
import type { TriageState } from '../../webview/protocol/triage.js';

/** Every third row is flagged. */
export function triageState(count: number, decisions: Partial<TriageState['decisions']> = {}): TriageState {
  const column = (value: (row: number) => string | number): string =>
    Array.from({ length: count }, (_, i) => value(i)).join(' ');
  return {
    id: '/w/train.jsonl',
    name: 'train.jsonl',
    vector: 'forbidden-topic',
    summary: `${Math.ceil(count / 3)} of ${count} look harmful.`,
    changed: false,
    compared: { ordinary: 40, harmful: 20 },
    tellsRelated: true,
    table: {
      rows: column((row) => row),
      lines: column((row) => row + 1),
      hashes: column((row) => `h${row}`),
      flags: column((row) => (row % 3 === 0 ? 'f' : '-')),
      ps: column((row) => (row % 3 === 0 ? row / 1e9 : 0.5)),
      harmfulPs: column((row) => (row % 3 === 0 ? 0.4 : 0.001)),
      shares: column((row) => (row % 3 === 0 ? 0.9 : 0.05)),
      without: column(() => 2.1),
      with: column((row) => (row % 3 === 0 ? 0.15 : 2)),
    },
    decisions: { exclude: '', fine: '', unsure: '', ...decisions },
  };
}
