/** Programs that we are compared with, installed where they are not there. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { lastLine, out, run } from './process.mjs';

const folder = import.meta.dirname;

/** A Python with transformers and PEFT, and their versions. */
export async function pythonPeers() {
  const windows = process.platform === 'win32';
  const own = path.join(out, 'python', windows ? 'Scripts/python.exe' : 'bin/python');
  const python = process.env.PEERS_PYTHON ?? own;
  const versions = () =>
    run(python, [
      '-c',
      'import json, torch, transformers, peft; print(json.dumps({m.__name__: m.__version__ for m in (torch, transformers, peft)}))',
    ]).then(lastLine);
  if (python !== own) return { python, versions: await versions() };
  const found = existsSync(own) ? await versions().catch(() => undefined) : undefined;
  if (found) return { python, versions: found };
  console.error('installing the peers into out/bench/python (some minutes, several GB) …');
  await run(windows ? 'python' : 'python3', ['-m', 'venv', path.join(out, 'python')]);
  await run(own, ['-m', 'pip', 'install', '--quiet', '-r', path.join(folder, 'requirements.txt')]);
  return { python, versions: await versions() };
}

/** llama.cpp for Node in a folder of its own; the peer's script, copied to where it finds it. */
export async function llamaCpp() {
  const place = path.join(out, 'llama-cpp');
  const script = path.join(place, 'generate-llama-cpp.mjs');
  mkdirSync(place, { recursive: true });
  if (!existsSync(path.join(place, 'node_modules/node-llama-cpp'))) {
    console.error('installing node-llama-cpp into out/bench/llama-cpp …');
    writeFileSync(path.join(place, 'package.json'), '{ "private": true }\n');
    await run(
      process.platform === 'win32' ? 'npm.cmd' : 'npm',
      ['install', '--prefix', place, '--no-audit', '--no-fund', 'node-llama-cpp@3.22.1'],
      { NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true' },
    );
  }
  copyFileSync(path.join(folder, 'peers/generate-llama-cpp.mjs'), script);
  return { script, versions: { 'node-llama-cpp': '3.22.1' } };
}
