/** Programs that a benchmark starts. */
import { spawn } from 'node:child_process';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');
export const out = path.join(root, 'out/bench');

/** Runs a program to its end; its stdout. @throws with the end of its stderr */
export function run(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('error', (error) => reject(new Error(`${command}: ${error.message}`)));
    child.on('close', (code, signal) =>
      code === 0
        ? resolve(stdout)
        : reject(new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}\n${stderr.slice(-2000)}`)),
    );
  });
}
export const lastLine = (stdout) => JSON.parse(stdout.trim().split('\n').at(-1));
