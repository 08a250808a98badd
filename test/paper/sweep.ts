/** The sweep of the paper's protocol: five kinds of data, three methods. What is done of it is kept. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { writeJson } from '../protection/sampleRuns.js';
import { writePaper } from './report.js';
import { METHODS, type DataName } from './table.js';

const CLI = path.resolve(import.meta.dirname, '../../dist/cli.js');

interface Protocol {
  /** Its recipes, data and runs; recipes are in `recipes/`. */
  readonly workspace: string;
  /** The fine-tuning that is varied: evaluation sets have the names of table.ts. */
  readonly point: object;
  /** What each kind of data sets in it. */
  readonly data: Partial<Record<DataName, object>>;
  readonly seeds: readonly number[];
  /** Folder of the report. */
  readonly out: string;
}

/** Runs it, resumed where it was begun, and writes its tables. @throws Error when it ends with anything but success */
export async function runProtocol({ workspace, point, data, seeds, out }: Protocol): Promise<void> {
  const [recipe, output] = [path.join(workspace, 'recipes/paper-sweep.json'), path.join(workspace, 'sweeps/paper')];
  writeJson(path.join(workspace, 'recipes/paper-point.json'), point);
  writeJson(recipe, {
    kind: 'sweep',
    base: 'paper-point.json',
    over: {
      data,
      method: {
        [METHODS.plain]: { vectors: [], protection: false },
        [METHODS.vector]: { protection: false },
        [METHODS.protection]: { protection: true },
      },
      seed: seeds,
    },
    output: '../sweeps/paper',
  });
  const resume = existsSync(path.join(output, 'manifest.json')) ? ['--resume'] : [];
  const child = spawn(process.execPath, [CLI, 'train', recipe, ...resume], { stdio: 'inherit' });
  const code = await new Promise((resolve) => child.on('close', resolve));
  // What is done is worth a look when it was stopped, too.
  if (existsSync(path.join(output, 'sweep.json'))) await writePaper(output, out);
  if (code !== 0) throw new Error(`${recipe} ended with ${String(code)}`);
}
