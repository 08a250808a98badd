/**
 * A Chromium with its libraries, a font and a software Vulkan driver, all out of the npm package @sparticuz/chromium:
 * no package of the system is needed, neither for pages nor for onnxruntime's WebGPU provider.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const folder = path.join(import.meta.dirname, 'node_modules/.browser');

/** Unpacks the browser once. Safe to call from several processes: the folder appears complete or not at all. */
export async function unpackBrowser() {
  if (existsSync(folder)) return;
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const bin = [path.join(entry, '../../bin'), path.join(entry, '../../../bin')].find((d) =>
    existsSync(path.join(d, 'chromium.br')),
  );
  if (!bin) throw new Error('@sparticuz/chromium has no bin/chromium.br');
  const unpack = async (name) => brotliDecompressSync(await readFile(path.join(bin, name)));

  const part = `${folder}.${process.pid}`;
  await rm(part, { recursive: true, force: true });
  await mkdir(part, { recursive: true });
  await writeFile(path.join(part, 'chromium'), await unpack('chromium.br'));
  await chmod(path.join(part, 'chromium'), 0o755);
  const archives = { 'al2023.tar.br': '.', 'swiftshader.tar.br': 'gpu', 'fonts.tar.br': '.' };
  for (const [archive, to] of Object.entries(archives)) {
    await mkdir(path.join(part, to), { recursive: true });
    execFileSync('tar', ['xf', '-', '-C', path.join(part, to)], { input: await unpack(archive) });
  }
  await writeFile(
    path.join(part, 'fonts.conf'),
    `<?xml version="1.0"?><fontconfig><dir>/usr/share/fonts</dir><dir>${folder}/fonts</dir><cachedir>${folder}/fonts-cache</cachedir></fontconfig>`,
  );
  await rename(part, folder).catch(async (error) => {
    await rm(part, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  });
}

/** The executable and what its environment needs. A browser of the system is taken when there is one. */
async function browserExecutable() {
  const known = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const system = process.env.CHROMIUM ?? known.find((file) => existsSync(file));
  if (system) return { executablePath: system, env: {} };
  await unpackBrowser();
  return {
    executablePath: path.join(folder, 'chromium'),
    env: { LD_LIBRARY_PATH: path.join(folder, 'lib'), FONTCONFIG_FILE: path.join(folder, 'fonts.conf') },
  };
}

const ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
const TRIES = 3;

/** Starts the browser. Of some hundred starts one ends with a signal before there is a page: it is tried again. */
export async function launchBrowser(chromium, args = []) {
  const { executablePath, env } = await browserExecutable();
  for (let left = TRIES; ; left--)
    try {
      return await chromium.launch({ executablePath, env: { ...process.env, ...env }, args: [...ARGS, ...args] });
    } catch (error) {
      if (left === 1 || !/signal=SIG/.test(error.message)) throw error;
    }
}

/**
 * Environment in which a child process finds the software Vulkan driver (SwiftShader); undefined when this folder is
 * not installed. The loader reads it when a process starts: it has no effect on the process that asks.
 */
export async function vulkanEnv() {
  if (!existsSync(path.join(import.meta.dirname, 'node_modules/@sparticuz/chromium'))) return undefined;
  await unpackBrowser();
  const gpu = path.join(folder, 'gpu');
  return { LD_LIBRARY_PATH: gpu, VK_ICD_FILENAMES: path.join(gpu, 'vk_swiftshader_icd.json') };
}
