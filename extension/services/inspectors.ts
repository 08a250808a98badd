import { readAsText } from '../../runtime/contract/mapping.js';
import { DataInspector } from '../data/files.js';
import { maxTokensFor, modelFor, readAs, readBy } from './choice.js';
import type { Services } from './services.js';

type Known = Pick<Services, 'engine' | 'mappings' | 'models' | 'recipes' | 'scans' | 'store'>;

/** What is asked of data files, and again when they are read another way. */
export function dataInspectors(known: Known): Pick<Services, 'inspector' | 'tokens'> {
  const { engine, models } = known;
  const model = (file: string): string | undefined => modelFor(known, file)?.path;
  return {
    inspector: new DataInspector(
      (path) =>
        engine.request('inspectData', { path, ...readAs(known, path) }).catch(async (error: unknown) => {
          await forgetGone(known, path);
          throw error;
        }),
      (path) => readAsText(readAs(known, path)),
    ),
    tokens: new DataInspector(
      (path) =>
        engine.request('inspectData', {
          path,
          ...readAs(known, path),
          model: model(path),
          maxTokens: maxTokensFor(known, path),
        }),
      (path) => {
        const by = model(path);
        const version = by && models.version(by);
        return JSON.stringify([readAsText(readAs(known, path)), by, version, maxTokensFor(known, path)]);
      },
    ),
  };
}

/**
 * Columns that a person chose, and that the file no longer has, say nothing of those that it has now: it is asked about
 * anew. One that is empty, or half written, has no columns yet.
 */
async function forgetGone({ engine, mappings, recipes }: Known, file: string): Promise<void> {
  const chosen = mappings.get(file);
  if (!chosen || readBy(recipes, file)) return;
  const found = await engine.request('previewData', { path: file }).catch(() => undefined);
  if (!found || found.columns.length === 0) return;
  if (!Object.values(chosen).every((name) => found.columns.includes(name))) await mappings.set(file, undefined);
}
