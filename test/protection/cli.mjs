/** The model that free-form text is tried on, and the command line as a user calls it. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
export const model = process.env.SMOLLM2_GGUF ?? path.join(root, 'media/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf');

const run = promisify(execFile);
/** Events that a command of the command line prints. */
export async function command(...args) {
  const cli = path.join(root, 'dist/cli.js');
  const { stdout } = await run(process.execPath, [cli, ...args, '--json'], { maxBuffer: 2 ** 28 });
  return stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []));
}
