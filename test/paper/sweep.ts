/** Runs a sweep by the command line; what is done of it is kept. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const CLI = path.resolve(import.meta.dirname, '../../dist/cli.js');

/** @throws Error when it ends with anything but success */
export async function sweepUntilDone(recipe: string, output: string): Promise<void> {
  const resume = existsSync(path.join(output, 'manifest.json')) ? ['--resume'] : [];
  const child = spawn(process.execPath, [CLI, 'train', recipe, ...resume], { stdio: 'inherit' });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${recipe} ended with ${String(code)}`);
}
