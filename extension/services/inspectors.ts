import { readAsText } from '../../runtime/contract/mapping.js';
import { DataInspector } from '../data/files.js';
import { maxTokensFor, modelFor, readAs } from './choice.js';
import type { Services } from './services.js';

/** What is asked of data files, and again when they are read another way. */
export function dataInspectors(
  known: Pick<Services, 'engine' | 'mappings' | 'models' | 'recipes' | 'scans' | 'store'>,
): Pick<Services, 'inspector' | 'tokens'> {
  const { engine, models } = known;
  const model = (file: string): string | undefined => modelFor(known, file)?.path;
  return {
    inspector: new DataInspector(
      (path) => engine.request('inspectData', { path, ...readAs(known, path) }),
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
