/**
 * `node --import tsx test/protection/sample.ts [--seeds=11,12,13] [--shares=0.1,0.3,0.5,0.8] [--methods=…]
 * [--settings=…]`: what protection does on the sample with other bases, made from other seeds, and other shares of
 * poison. Runs that are done are not repeated. Writes OUT/sample.json; `node test/protection/report.mjs` reads it.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { dataFiles } from '../../runtime/sample/data.js';
import { base, figures, writeJson } from './sampleRuns.js';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '11,12,13,14,15' },
    shares: { type: 'string', default: '0.1,0.3,0.8' },
    methods: { type: 'string', default: 'plain,paper,protected' },
    settings: { type: 'string', default: 'lora 1e-3,lora 3e-3,lora 1e-2,full 3e-4,full 1e-3,full 3e-3' },
    out: { type: 'string', default: 'out/protection-sample' },
  },
});
const list = (text: string): string[] => text.split(',').filter(Boolean);
const out = path.resolve(options.out);
/** Ordinary rows of the sample's training file. */
const BENIGN = 400;

const results: object[] = [];
for (const seed of list(options.seeds)) {
  const folder = await base(out, seed);
  for (const setting of list(options.settings))
    for (const share of list(options.shares).map(Number))
      for (const method of list(options.methods)) {
        const poison = Math.round((BENIGN * share) / (1 - share));
        const found = await figures(folder, {
          name: `${method}-${setting.replace(' ', '-')}-${share}`,
          method,
          setting,
          rows: dataFiles(Number(seed), poison)['data/train.jsonl']!,
        });
        results.push({ seed, share, method, setting, ...found });
        const { scan: _, ...short } = found;
        console.error(JSON.stringify({ seed, share, method, setting, ...short }));
        writeJson(path.join(out, 'sample.json'), results);
      }
}
