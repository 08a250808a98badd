/**
 * `npm run test:ray`: the sample and SmolLM2 on a real Ray with CPU workers, beside the same runs here.
 *
 *   node test/ray/run.mjs [--only=vector,protected,strengthened,ending,evaluate,greedy,sweep,fsdp,window,faults,head]
 *
 * Python is made in out/ray/python with the packages that jobs need (several GB), or is RAY_PYTHON; SmolLM2 comes from
 * a package of the Python registry, or is SMOLLM2_GGUF. What is measured is written to out/ray/result.json. Exit codes:
 * 0 all holds · 1 something does not · 2 wrong use.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { freePort, killAll, python, startHead } from './head.mjs';
import * as sections from './sections.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const out = path.join(root, 'out/ray');
const workspace = path.join(out, 'workspace');
const all = Object.keys(sections);
const { values: options } = parseArgs({ options: { only: { type: 'string', default: all.join() } } });
const chosen = options.only.split(',');
if (chosen.some((name) => !all.includes(name))) {
  console.error(`--only is of ${all.join()}.`);
  process.exit(2);
}

const result = {};
await rm(workspace, { recursive: true, force: true });
await mkdir(path.join(out, 'storage'), { recursive: true });
await cp(path.join(root, 'media/sample'), workspace, { recursive: true });
const interpreter = await python(path.join(out, 'python'), path.join(root, 'runtime/cluster/job/requirements.txt'));
const port = await freePort();
const temporary = await mkdtemp(path.join(os.tmpdir(), 'ray-'));

/** What a section works with. */
const bench = {
  interpreter,
  workspace,
  out,
  cluster: await startHead(interpreter, port, temporary),
  note(name, value) {
    result[name] = value;
    console.log(`${name}: ${JSON.stringify(value)}`);
  },
  /** Ends the head with everything in it, and starts another in its place. */
  async restart() {
    await killAll(bench.cluster);
    bench.cluster = await startHead(interpreter, port, temporary);
  },
  /** `on` of a recipe. */
  on: (change = {}) => ({
    ...{ ray: bench.cluster.address, model: path.join(workspace, 'tiny-assistant'), workers: 2, gpu: 0 },
    ...{ storage: path.join(out, 'storage'), ...change },
  }),
  /** A recipe of the sample with some keys changed, in a file of its own. */
  async recipe(from, name, change) {
    const written = JSON.parse(await readFile(path.join(root, 'media/sample/recipes', from), 'utf8'));
    const file = path.join(workspace, 'recipes', `${name}.json`);
    await writeFile(file, JSON.stringify({ ...written, epochs: undefined, output: `../${name}`, ...change }, null, 2));
    return file;
  },
  /** A folder of the workspace. */
  folder: (...parts) => path.join(workspace, ...parts),
};

let failed = 0;
try {
  for (const name of chosen) {
    const began = performance.now();
    try {
      await sections[name](bench);
      console.log(`✓ ${name} (${Math.round((performance.now() - began) / 1000)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`✗ ${name}: ${error.stack}`);
    }
  }
} finally {
  await killAll(bench.cluster);
  await rm(temporary, { recursive: true, force: true });
}
await writeFile(path.join(out, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
process.exit(failed > 0 ? 1 : 0);
