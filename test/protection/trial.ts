/**
 * `node --import tsx test/protection/trial.ts [--steps=2,4,8,16,32,64] [--out=DIR]`: what foretells whether a vector
 * protects. Trains vectors of the sample for more and more steps, each of which is tried at its end, and fine-tunes
 * with them, as the paper does and with `"protection": true`. Writes OUT/trial.json; `node test/protection/report.mjs`
 * reads it.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { DoneEvent } from '../../runtime/contract/events.js';
import { isDoubtful, trialOf } from '../../runtime/contract/verdict.js';
import { dataFiles } from '../../runtime/sample/data.js';
import { base, figures, readJson, vector, writeJson } from './sampleRuns.js';

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '2,4,8,16,32,64' },
    out: { type: 'string', default: 'out/protection-trial' },
  },
});
const SEED = 1;
const POISON = 171;
const SETTING = 'lora 3e-3';

const out = path.resolve(options.out);
const folder = await base(out, String(SEED));
const rows = dataFiles(SEED, POISON)['data/train.jsonl']!;

/** What a run says of a trial. */
const told = (quality: NonNullable<DoneEvent['vector']>): string =>
  isDoubtful(quality)
    ? 'cannot tell, and warns'
    : { protects: 'protects', leaks: 'leaks', untold: 'cannot tell', none: 'not tried' }[trialOf(quality) ?? 'none'];

const results: object[] = [];
for (const steps of [...options.steps.split(',').map(Number), undefined]) {
  const name = steps === undefined ? 'forbidden-topic' : `of-${steps}-steps`;
  if (steps !== undefined) await vector(folder, name, { epochs: undefined, steps });
  const { done } = readJson(path.join(folder, 'vectors', name, 'manifest.json')) as { done: DoneEvent };
  const run = async (method: string): Promise<object> => {
    const changes = { vectors: [{ adapter: `../vectors/${name}`, scale: 1 }] };
    const { scan: _, ...found } = await figures(folder, {
      name: `${method}-${name}`,
      ...{ method, setting: SETTING, rows, changes },
    });
    return found;
  };
  results.push({
    steps: steps ?? null,
    ...done.vector,
    told: told(done.vector ?? {}),
    paper: await run('paper'),
    protected: await run('protected'),
  });
  console.error(JSON.stringify(results.at(-1)));
  writeJson(path.join(out, 'trial.json'), results);
}
