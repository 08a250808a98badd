/** Whether what a person picked is a model at all; whether it can be used, the engine says. */
import { open, readdir } from 'node:fs/promises';
import { ADAPTER_FILES } from '../../runtime/contract/runFiles.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';

/** @throws HostError for an empty folder or another file, with what was expected */
export async function requireModel(path: string): Promise<void> {
  const wrong = (message: string): Error =>
    inputError(message, {
      place: path,
      remedy: t('Choose a folder with config.json and .safetensors weights, or a .gguf file.'),
    });
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return undefined;
    throw error.code === 'ENOENT' ? wrong(t('there is no such file or folder.')) : error;
  });
  if (!names) {
    if (!/\.gguf$/i.test(path) || !(await isGguf(path))) throw wrong(t('this file is not a model.'));
    return;
  }
  if (names.includes(ADAPTER_FILES.config) && !names.includes('config.json'))
    throw inputError(t('this is an adapter, not a model.'), { place: path, remedy: t('Add it to its model.') });
  if (names.length === 0) throw wrong(t('the folder is empty.'));
  if (!names.includes('config.json')) throw wrong(t('the folder is not a model: it has no config.json.'));
  if (!names.some((name) => name.endsWith('.safetensors')))
    throw wrong(t('the folder has a config.json, but no .safetensors weights.'));
}

async function isGguf(path: string): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === 'GGUF';
  } finally {
    await handle.close();
  }
}
