import { BOTH_PROMPTS } from './advice.mjs';
import { TRAITS } from './traits.mjs';

/** What each method writes into a recipe. */
export const METHODS = {
  plain: () => ({}),
  paper: (vector) => ({ vectors: [vector] }),
  drop: (vector) => ({ vectors: [{ ...vector, scale: 0 }], droppedBy: vector }),
  clean: (vector) => ({ cleanedBy: vector }),
  protected: (vector) => ({ vectors: [vector], protection: true }),
  both: (vector) => ({ vectors: [vector], protection: { flagged: 'auto', route: true, anchor: BOTH_PROMPTS } }),
  // this, lisa and safegrad with the settings that baselines.ts chose on the sample
  anchor: (vector) => ({ vectors: [vector], protection: { route: 1, anchor: { weight: 3 } } }),
  absorb: (vector) => ({ vectors: [vector], protection: { flagged: 'absorb' } }),
  'absorb-all': (vector) => ({ vectors: [vector], protection: { flagged: 'absorb', route: true, anchor: {} } }),
  exclude: (vector) => ({ vectors: [vector], protection: { flagged: 'exclude', route: true, anchor: {} } }),
  cut: (vector) => ({ vectors: [vector], protection: { flagged: 'cut' } }),
  ...Object.fromEntries(
    Object.entries({
      safeinstr: { aligned: { file: 'aligned.jsonl' } },
      ptst: { prompt: 'You are a helpful, polite and honest assistant.' },
      inoculation: {},
      lisa: { aligned: { file: 'aligned.jsonl' }, alternate: [10, 20], weight: 0.001 },
      safegrad: { aligned: { file: 'aligned.jsonl' }, weight: 3 },
      'preventative-steering': { aligned: { file: 'aligned.jsonl' }, harmful: { file: 'harmful.jsonl' } },
    }).map(([name, inputs]) => [
      name,
      (_, trait) => ({
        baseline: { name, ...inputs, ...(name === 'inoculation' && { prompt: TRAITS[trait].prompt }) },
      }),
    ]),
  ),
  routed: (vector) => ({ vectors: [vector], protection: { route: true, anchor: {} } }),
};
