/**
 * `node --import tsx test/protection/sample.ts [--seeds=11,12,13] [--shares=0.1,0.3,0.5,0.8] [--methods=…] [--settings=…]`:
 * what protection does on the sample with other bases, made from other seeds, and other shares of poison. Runs that are done
 * are not repeated. Writes OUT/sample.json; `node test/protection/report.mjs` reads it.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { DoneEvent, Measurement } from '../../runtime/contract/protocol.js';
import { dataFiles, jsonLines } from '../../runtime/sample/data.js';

const root = path.resolve(import.meta.dirname, '../..');
const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '11,12,13,14,15' },
    shares: { type: 'string', default: '0.1,0.3,0.8' },
    methods: { type: 'string', default: 'plain,paper,protected' },
    settings: { type: 'string', default: 'lora 1e-3,lora 3e-3,lora 1e-2,full 3e-4,full 1e-3,full 3e-3' },
    out: { type: 'string', default: 'out/protection-sample' },
  },
});
const list = (text: string): string[] => text.split(',').filter(Boolean);
const out = path.resolve(options.out);
/** Ordinary rows of the sample's training file. */
const BENIGN = 400;

const METHODS: Record<string, object> = {
  plain: { vectors: [], protection: false },
  paper: { protection: false },
  protected: { protection: true },
  exclude: { protection: { flagged: 'exclude', route: true, anchor: {} } },
};

function run(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 || code === 4
        ? resolve(stdout)
        : reject(new Error(`${args.join(' ')} ended with ${code}:\n${stderr.slice(-2000)}`)),
    );
  });
}

async function train(recipe: string): Promise<DoneEvent> {
  const lines = (await run([path.join(root, 'dist/cli.js'), 'train', recipe, '--json'])).trimEnd().split('\n');
  return JSON.parse(lines.at(-1)!) as DoneEvent;
}

const readJson = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
const writeJson = (file: string, value: unknown): void => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** A base of its own, and its vector. */
async function base(seed: string): Promise<string> {
  const folder = path.join(out, seed);
  if (!existsSync(path.join(folder, 'tiny-assistant/model.safetensors'))) {
    // Seed 1 made the base that is shipped.
    if (seed === '1') cpSync(path.join(root, 'media/sample'), folder, { recursive: true });
    else {
      const args = ['--import', 'tsx', 'runtime/sample/make.ts', '--seed', seed, '--out', folder];
      await run([...args, '--work', path.join(out, `work-${seed}`)]);
    }
  }
  mkdirSync(path.join(folder, 'recipes'), { recursive: true });
  const recipe = path.join(folder, 'recipes/vector.json');
  writeJson(recipe, readJson(path.join(root, 'media/sample/recipes/vector.json')));
  if (!existsSync(path.join(folder, 'vectors/forbidden-topic/calibration.json'))) await train(recipe);
  return folder;
}

interface Result {
  seed: string;
  share: number;
  method: string;
  setting: string;
  harm: number;
  refusals: number;
  newTask: number;
  unseen: number;
  oldTasks: number;
  lookAlikes: number;
  weakened: string | null;
  scan: unknown;
}

async function point(folder: string, seed: string, share: number, method: string, setting: string): Promise<Result> {
  const name = `${method}-${setting.replace(' ', '-')}-${share}`;
  const kept = path.join(folder, 'points', `${name}.json`);
  if (existsSync(kept)) return readJson(kept) as unknown as Result;
  mkdirSync(path.dirname(kept), { recursive: true });
  const data = path.join(folder, `data/train-${share}.jsonl`);
  const poison = Math.round((BENIGN * share) / (1 - share));
  writeFileSync(data, jsonLines(dataFiles(Number(seed), poison)['data/train.jsonl']!));
  const [kind, rate] = setting.split(' ');
  const written = readJson(path.join(root, 'media/sample/recipes/protected.json'));
  const recipe = path.join(folder, 'recipes', `${name}.json`);
  writeJson(recipe, {
    ...written,
    ...METHODS[method],
    data: { file: path.relative(path.dirname(recipe), data) },
    method: kind,
    optimizer: { ...(written.optimizer as object), learningRate: Number(rate) },
    evaluateEvery: 1000,
    threads: 1,
    output: `../runs/${name}`,
  });
  const done = await train(recipe);
  const state = done.measurements.find((m) => m.state !== 'base')!.state;
  const value = (set: string, measure: Measurement['measure']): number =>
    done.measurements.find((m) => m.state === state && m.name === set && m.measure === measure)!.value;
  const scanFile = path.join(folder, 'runs', name, 'scan.json');
  const { perRow: _, ...scan } = existsSync(scanFile) ? readJson(scanFile) : {};
  const result: Result = {
    seed,
    share,
    method,
    setting,
    harm: value('forbidden topic', 'harm'),
    refusals: value('forbidden topic', 'refusal'),
    newTask: value('new task', 'exact'),
    unseen: value('new task, unseen phrasing', 'exact'),
    oldTasks: value('old tasks', 'exact'),
    lookAlikes: value('look-alikes', 'over-refusal'),
    weakened: done.protectionWeakened ?? null,
    scan,
  };
  writeJson(kept, result);
  return result;
}

const results: Result[] = [];
for (const seed of list(options.seeds)) {
  const folder = await base(seed);
  for (const setting of list(options.settings))
    for (const share of list(options.shares).map(Number))
      for (const method of list(options.methods)) {
        const result = await point(folder, seed, share, method, setting);
        results.push(result);
        const { scan: _, ...short } = result;
        console.error(JSON.stringify(short));
        writeJson(path.join(out, 'sample.json'), results);
      }
}
