/** A recipe for the tests of the training panel, and what the window knows of its files. */
import type { Adapter, Model } from '../../extension/workspace/models.js';
import { adapter } from './support.js';
import { readWritten, type Known, type Written } from '../../extension/views/trainingState.js';

export const FILE = '/w/recipes/mine.json';
export const VECTOR = '/w/vectors/zorb';

export const TEXT = `{
  // what is trained
  "kind": "finetune",
  "model": "../tiny",
  "data": { "file": "../data/train.jsonl" }, // nobody has read it
  /* whom to trust */
  "vectors": [{ "adapter": "../vectors/zorb", "scale": 1 /* whole */ }], // mine
  "protection": {"route": true},
  "optimizer": { "learningRate": 3e-3 },
  "epochs": 6, // enough
  "output": "../adapters/mine", // here
}
`;

export const written = (text = TEXT): Written => readWritten(text, FILE) as Written;
export const vector = (more: Partial<Adapter> = {}): Adapter =>
  adapter('zorb', { path: `${VECTOR}/adapter`, run: VECTOR, role: 'security', ...more });
export const tiny = (adapters: Adapter[] = []): Model => ({ path: '/w/tiny', name: 'tiny', adapters });

/** Everything is there: model, data, vector. */
export const known = (more: Partial<Known> = {}): Known => ({
  models: [tiny([vector()])],
  recipes: [],
  data: ['/w/data/train.jsonl', '/w/data/other.jsonl'],
  vectors: [vector()],
  canRestore: false,
  runs: [],
  counted: () => ({
    info: {
      path: '',
      format: 'messages',
      rows: 571,
      labels: { harmful: 0, benign: 0 },
      refusedRows: 0,
      refused: [],
      longest: { line: 1, characters: 100 },
      duplicates: { count: 0, lines: [] },
    },
  }),
  scan: () => undefined,
  readAs: () => ({}),
  review: () => ({ exclude: 0, fine: 0, unsure: 0 }),
  since: () => ({ changed: false, edited: 0, gone: 0 }),
  exists: () => true,
  relative: (path) => path.replace('/w/', ''),
  ...more,
});
