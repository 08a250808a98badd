/**
 * How long the view of runs takes to be up with very many of them, and how long it ever keeps the extension host from its
 * other work.
 *
 *   node --import tsx test/bench/manyRuns.ts [RUNS] [STEPS]
 */
import '../extension/fake/useFakeVscode.js';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DoneEvent, RunEvent } from '../../runtime/contract/protocol.js';
import { fake } from '../extension/fake/vscode.js';
import { harm, runFolder, step } from '../extension/support.js';

const { Problems } = await import('../../extension/data/problems.js');
const { comparedRun } = await import('../../extension/runs/compareMany.js');
const { RunStore } = await import('../../extension/runs/store.js');
const { RecipeIndex } = await import('../../extension/workspace/recipes.js');
const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');
const { runDescription, runIcon, runTooltip } = await import('../../extension/views/labels.js');

const [runs = 1000, steps = 400] = process.argv.slice(2).map(Number);
const root = await mkdtemp(join(tmpdir(), 'many-runs-'));
try {
  const manifests: string[] = [];
  for (let i = 0; i < runs; i++) {
    const vectors = i % 2 ? [{ path: 'vectors/v', sha256: 'dd', scale: 1 }] : [];
    const state = i % 2 ? 'protected' : 'plain';
    const measurements = [harm('base', 0), harm(state, i % 2 ? 0.01 : 0.9)];
    const events: RunEvent[] = [];
    for (let n = 0; n <= steps; n++) {
      if (n > 0) events.push(step(n, { steps }));
      if (n % 20 === 0)
        events.push({ kind: 'evaluation', step: n, probes: { harmfulLossWith: 0.01, harmfulLossWithout: 0.5 } });
    }
    const laws = { baseUnchanged: true, vectorUnchanged: true, deliveredWithoutVector: true };
    const done: DoneEvent = {
      kind: 'done',
      outcome: 'finished',
      output: '',
      step: steps,
      seconds: 60,
      measurements,
      laws,
    };
    const started = new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString();
    const folder = await runFolder(root, `run-${i}`, {
      events: [...events, done],
      manifest: { vectors, done, started },
    });
    manifests.push(join(folder, 'manifest.json'));
  }
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
