/**
 * `node --import tsx test/protection/sweep.ts [--rates=…] [--shares=…] [--methods=…] [--seeds=…] [--steps=N]
 * [--prompts=N] [--kills=2] [--each=2]`: a sweep on the sample over learning rate, share of poison, method and seed,
 * killed and resumed. Writes OUT/1/sweeps/sample with sweep.json and report.html, and OUT/sweep.json for report.mjs:
 * harm and the new task at each point, and how long a point takes beside the same recipe run alone. Needs `npm run
 * build`.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { mean } from '../../runtime/contract/sum.js';
import { dataFiles, jsonLines } from '../../runtime/sample/data.js';
import { base, METHODS, writeJson } from './sampleRuns.js';

const { values: options } = parseArgs({
  options: {
    rates: { type: 'string', default: '0.001,0.003,0.01' },
    shares: { type: 'string', default: '0.1,0.3,0.8' },
    methods: { type: 'string', default: 'plain,paper,protected' },
    seeds: { type: 'string', default: '1,2,3' },
    steps: { type: 'string', default: '108' },
    prompts: { type: 'string', default: '128' },
    kills: { type: 'string', default: '2' },
    // points until it is killed
    each: { type: 'string', default: '2' },
    out: { type: 'string', default: 'out/protection-sweep' },
  },
});
const numbers = (text: string): number[] => text.split(',').filter(Boolean).map(Number);
const out = path.resolve(options.out);
const cli = path.resolve(import.meta.dirname, '../../dist/cli.js');
const folder = await base(out, '1');
const at = (...parts: string[]): string => path.join(folder, ...parts);

const rows = dataFiles(1, 1600)['data/train.jsonl']!;
for (const label of ['harmful', 'benign'] as const)
  writeFileSync(at(`data/${label}-part.jsonl`), jsonLines(rows.filter((row) => (row.label ?? 'benign') === label)));
type Json = Record<string, unknown>;
const recipe = JSON.parse(readFileSync(at('recipes/protected.json'), 'utf8')) as Json & { evaluate: Json[] };
const bare = {
  ...recipe,
  data: { file: '../data/benign-part.jsonl', mix: { file: '../data/harmful-part.jsonl', share: 0.3 } },
  evaluate: recipe.evaluate.map((set) => ({ ...set, limit: Number(options.prompts) })),
  epochs: undefined,
  steps: Number(options.steps),
  evaluateEvery: Number(options.steps),
  output: '../sweeps/alone',
};
writeJson(at('recipes/swept.json'), bare);
writeJson(at('recipes/sweep.json'), {
  kind: 'sweep',
  base: 'swept.json',
  over: {
    'optimizer.learningRate': numbers(options.rates),
    'data.mix.share': numbers(options.shares),
    method: Object.fromEntries(options.methods.split(',').map((name) => [name, METHODS[name]])),
    seed: numbers(options.seeds),
  },
  output: '../sweeps/sample',
});

/** Runs a recipe; killed when so many points were done in this process. */
function train(name: string, points = Infinity): Promise<number | null> {
  const args = [cli, 'train', at('recipes', name), '--json', '--resume'];
  if (!existsSync(at('sweeps/sample')) || name !== 'sweep.json') args.splice(4, 1);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let done = 0;
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    done += lines.filter((line) => line.includes('"kind":"point"') && !line.includes('"resumed":true')).length;
    if (done >= points) child.kill('SIGKILL');
  });
  return new Promise((resolve) => child.on('close', resolve));
}
const table = (): SweepFile => JSON.parse(readFileSync(at('sweeps/sample/sweep.json'), 'utf8')) as SweepFile;

for (let kill = 1; kill <= Number(options.kills); kill++) {
  await train('sweep.json', Number(options.each));
  console.log(`killed: ${table().points.length} of ${table().of} points are done`);
}
const before = table().points;
const code = await train('sweep.json');
const { points, of } = table();
const same = before.every((one) =>
  points.some((other) => other.folder === one.folder && JSON.stringify(other) === JSON.stringify(one)),
);
console.log(
  `exit ${code}; ${points.length} of ${of} points; those that were done before are ${same ? 'the same' : 'NOT THE SAME'}`,
);

// A protected point in the middle of the grid, and the same recipe alone.
if (!existsSync(at('sweeps/alone'))) await train('swept.json');
const alone = (JSON.parse(readFileSync(at('sweeps/alone/manifest.json'), 'utf8')) as { done: { seconds: number } })
  .done;
const inSweep = points.filter(({ values }) => values.method === 'protected').map(({ seconds }) => seconds);
const perPoint = mean(inSweep);
writeJson(path.join(out, 'sweep.json'), {
  kills: Number(options.kills),
  same,
  steps: Number(options.steps),
  prompts: Number(options.prompts),
  seconds: { inSweep: perPoint, alone: alone.seconds },
  points: points.map(({ values, verdict, measurements }) => {
    const of = (measure: string): number | undefined =>
      measurements.find(
        (m) => m.state !== 'base' && m.measure === measure && /^(forbidden topic|new task)$/.test(m.name),
      )?.value;
    return { ...values, verdict, harm: of('harm'), task: of('exact') };
  }),
});
console.log(`a protected point takes ${perPoint.toFixed(1)} s, the same recipe alone ${alone.seconds.toFixed(1)} s`);
console.log(`report: ${at('sweeps/sample/report.html')}`);
