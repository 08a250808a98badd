/**
 * How long the view of runs takes to be up with very many of them, and how long it ever keeps the extension host from
 * its other work.
 *
 *   node --import tsx test/bench/manyRuns.ts [RUNS] [STEPS]
 */
import '../extension/fake/useFakeVscode.js';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fake } from '../extension/fake/vscode.js';
import { manyRuns } from '../support/manyRuns.js';

const { Problems } = await import('../../extension/data/problems.js');
const { comparedRun } = await import('../../extension/runs/compareMany.js');
const { RunStore } = await import('../../extension/runs/store.js');
const { RecipeIndex } = await import('../../extension/workspace/recipes.js');
const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');
const { runDescription, runIcon, runTooltip } = await import('../../extension/views/labels.js');

const [runs = 1000, steps = 400] = process.argv.slice(2).map(Number);
const root = await mkdtemp(join(tmpdir(), 'many-runs-'));
try {
  const folders = await manyRuns(root, runs, steps);
  const manifests = folders.map((folder) => join(folder, 'manifest.json'));
  const { size } = await stat(join(root, 'adapters/run-0/events.jsonl'));

  fake.find = (glob) => (glob === '**/manifest.json' ? manifests : []);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const cpu = process.cpuUsage();
  const from = performance.now();
  const store = new RunStore();
  const files = new WorkspaceFiles({
    store,
    recipes: new RecipeIndex(),
    problems: new Problems(),
    onState: () => undefined,
    onReview: () => undefined,
    onDataFile: () => undefined,
    onError: (error) => console.error(error),
  });
  await files.scan();
  const read = performance.now();
  const rows = store.list().map((run) => [runDescription(run), runTooltip(run), runIcon(run).id]);
  const drawn = performance.now();
  delay.disable();
  const ms = (value: number): string => `${Math.round(value)} ms`;
  console.log(`${runs} runs of ${steps} steps, ${Math.round(size / 1000)} kB of events each`);
  console.log(`read ${ms(read - from)}, rows ${ms(drawn - read)}, in all ${ms(drawn - from)}`);
  const { user, system } = process.cpuUsage(cpu);
  console.log(`processor ${ms((user + system) / 1000)}`);
  console.log(`longest turn ${ms(delay.max / 1e6)}, memory ${Math.round(process.memoryUsage.rss() / 1e6)} MB`);
  console.log(`first row: ${rows[0]?.join(' | ').replaceAll('\n', ' / ')}`);
  files.dispose();

  // Forty of them compared, as their page is sent them.
  const compared = store.list().slice(0, 40);
  const turns = monitorEventLoopDelay({ resolution: 5 });
  turns.enable();
  const begun = performance.now();
  let [bytes, largest, longest] = [0, 0, 0];
  for (const { folder } of compared) {
    const run = (await store.whole(folder))!;
    await nextTurn();
    const at = performance.now();
    const message = JSON.stringify(comparedRun(run, run.name, (path) => path));
    longest = Math.max(longest, performance.now() - at);
    bytes += message.length;
    largest = Math.max(largest, message.length);
    await nextTurn();
  }
  turns.disable();
  const kB = (value: number): string => `${Math.round(value / 1000)} kB`;
  console.log(
    `${compared.length} compared: sent in ${ms(performance.now() - begun)}, ${kB(bytes)}, the largest ${kB(largest)}`,
  );
  console.log(`a run is made ready in at most ${ms(longest)}, longest turn ${ms(turns.max / 1e6)}`);
} finally {
  await rm(root, { recursive: true, force: true });
}
