import type { Memento } from 'vscode';
import type { WindowMemory } from '../../../extension/host/windowMemory.js';

/** What VS Code keeps of a workspace, in a map: a value comes back as another one that says the same. */
export const memory = (kept = new Map<string, unknown>()): Memento => ({
  keys: () => [...kept.keys()],
  get: <T>(key: string, otherwise?: T) => (structuredClone(kept.get(key)) ?? otherwise) as T,
  update: async (key, value) => void kept.set(key, structuredClone(value)),
});

/** What a window keeps, in a map. */
export const keeping = (kept = new Map<string, unknown>()): Pick<WindowMemory, 'keep'> => ({
  keep: async (name, value) => void kept.set(name, structuredClone(value)),
});
