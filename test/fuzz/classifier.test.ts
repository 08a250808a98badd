import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labelsOf, longest, readConfig, tokenizerConfig } from '../../runtime/evaluation/judges/classifierFiles.js';
import { damageJsonText } from './damage.js';
import { fuzz } from './harness.js';

const CONFIG = {
  model_type: 'roberta',
  id2label: { 0: 'NORMAL', 1: 'REJECTION' },
  max_position_embeddings: 514,
  pad_token_id: 1,
  problem_type: 'single_label_classification',
};
const VALUES: readonly unknown[] = [
  'regression',
  'multi_label_classification',
  'bert',
  null,
  ['A', 'B'],
  { 0: 'A', 1: 5 },
];

/** What lies beside the graph of a text classifier. */
fuzz<{ config: string; tokenizer: string }>({
  name: 'classifier',
  rounds: 300,
  sources: () => [{ config: JSON.stringify(CONFIG), tokenizer: '{"model_max_length":512}' }],
  damage: ({ config, tokenizer }, rng) =>
    rng.int(3)
      ? { config: damageJsonText(config, rng, VALUES), tokenizer }
      : { config, tokenizer: damageJsonText(tokenizer, rng, VALUES) },
  load: async ({ config, tokenizer }, folder) => {
    writeFileSync(join(folder, 'config.json'), config);
    writeFileSync(join(folder, 'tokenizer_config.json'), tokenizer);
    const read = await readConfig(folder, 'judges.0');
    const most = longest(read, await tokenizerConfig(folder));
    assert(most === undefined || Number.isSafeInteger(most));
    const labels = labelsOf(read, 2, 'judges.0');
    assert(labels.length === 2 && labels.every((label) => typeof label === 'string'));
  },
});
