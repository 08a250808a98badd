/**
 * How long the triage page takes to show those of very many rows that contain a text, once they are found.
 *
 *   node --import tsx test/bench/triageRows.ts [ROWS]
 */
import { ShownRows } from '../../webview/triage/shown.js';
import { processorTime } from '../support/processorTime.js';
import { triageState } from '../webview/triageStates.js';

const [rows = 59_861] = process.argv.slice(2).map(Number);
const state = triageState(rows);
const shown = new ShownRows();
shown.load(state);
shown.setFilter('all');
shown.setText('lamp');
const times = Array.from({ length: 5 }, () => {
  const time = processorTime();
  shown.setFound(state.table.hashes);
  shown.arrange();
  return time();
});
console.log(JSON.stringify({ rows, milliseconds: Math.round(Math.min(...times)) }));
