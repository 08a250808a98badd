import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { inputError } from '../errors.js';
import { t } from '../text.js';

/** `.security-vectors/workspace.json`: which models the workspace works with, and what is attached to them. */
export interface WorkspaceState {
  version: 1;
  models: ModelEntry[];
}

export interface ModelEntry {
  /** Relative to the workspace folder, with `/`; absolute when it lies outside. */
  path: string;
  name: string;
  adapters: AdapterEntry[];
}

export interface AdapterEntry {
  path: string;
  attached: boolean;
  scale: number;
}

export const STATE_FOLDER = '.security-vectors';
export const stateFile = (root: string): string => join(root, STATE_FOLDER, 'workspace.json');

/** Absolute → as it is written in the state. */
export function toStatePath(root: string, path: string): string {
  const rel = relative(root, path);
  return rel.startsWith('..') || isAbsolute(rel) ? path : rel.split(sep).join('/') || '.';
}

export const fromStatePath = (root: string, path: string): string => (isAbsolute(path) ? path : resolve(root, path));

/** Checks every value: a file that someone edited must not attach what it does not say. */
export function parseState(text: string, file: string): WorkspaceState {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw inputError(t('this is not JSON: {0}', (error as Error).message), {
      place: file,
      remedy: t('Correct it, or delete it and add the model again.'),
    });
  }
  const bad = (key: string): Error =>
    inputError(t('"{0}" is missing or has the wrong type.', key), {
      place: file,
      remedy: t('Correct it, or delete the file and add the model again.'),
    });
  if (!isRecord(json) || json['version'] !== 1) throw bad('version');
  if (!Array.isArray(json['models'])) throw bad('models');
  return {
    version: 1,
    models: json['models'].map((model: unknown, i) => {
      if (!isRecord(model) || typeof model['path'] !== 'string') throw bad(`models[${i}].path`);
      if (typeof model['name'] !== 'string') throw bad(`models[${i}].name`);
      if (!Array.isArray(model['adapters'])) throw bad(`models[${i}].adapters`);
      return {
        path: model['path'],
        name: model['name'],
        adapters: model['adapters'].map((adapter: unknown, j) => {
          const key = `models[${i}].adapters[${j}]`;
          if (!isRecord(adapter) || typeof adapter['path'] !== 'string') throw bad(`${key}.path`);
          if (typeof adapter['attached'] !== 'boolean') throw bad(`${key}.attached`);
          const scale = adapter['scale'] ?? 1;
          if (typeof scale !== 'number' || !Number.isFinite(scale)) throw bad(`${key}.scale`);
          return { path: adapter['path'], attached: adapter['attached'], scale };
        }),
      };
    }),
  };
}

/** The state of a workspace folder; no file: no models. */
export async function readState(root: string): Promise<WorkspaceState> {
  const file = stateFile(root);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { version: 1, models: [] };
    throw error;
  }
  return parseState(text, file);
}

export async function writeState(root: string, state: WorkspaceState): Promise<void> {
  await replaceFile(stateFile(root), `${JSON.stringify(state, undefined, 2)}\n`);
}

/** Writes beside, syncs, renames: a reader sees the old file or the new one. */
export async function replaceFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const beside = `${file}.${randomBytes(4).toString('hex')}.part`;
  try {
    const handle = await open(beside, 'wx');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
