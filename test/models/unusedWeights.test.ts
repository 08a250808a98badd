/** Weights that a config has no use for: the model would be another one than that of its publisher. */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { unusedWeights } from '../../runtime/models/decoder/weights.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { FAMILIES, loadReference } from '../support/reference.js';
import { silent } from '../support/silent.js';
import { temporary } from '../support/temporary.js';

test('each family uses all weights of its layers', async () => {
  for (const family of FAMILIES) {
    const r = await loadReference(family);
    assert.deepEqual(unusedWeights(r, parameters(decoderSpec(r.config))), [], family);
  }
});

test('with fewer layers in its config a model is warned of, by the first weight that is left over', async (t) => {
  const dir = await temporary(t);
  const sample = new URL('../../media/sample/tiny-assistant', import.meta.url).pathname;
  const model = join(dir, 'model');
  await cp(sample, model, { recursive: true });
  const config = join(model, 'config.json');
  const own = JSON.parse(await readFile(config, 'utf8')) as { num_hidden_layers: number };
  const layers = own.num_hidden_layers - 1;
  await writeFile(config, JSON.stringify({ ...own, num_hidden_layers: layers }));
  const said: string[] = [];
  const onLog = (_: unknown, text: string) => void said.push(text);
  const options = { maxNewTokens: 1, temperature: 0, topP: 1 };
  await calls.generate({ model, adapters: [], ids: [5], options }, { ...silent, onLog });
  assert.match(said.join(), new RegExp(`\\d+ weights of the model are not used: by its config\\.json it has no model\\.layers\\.${layers}\\.`)); // oxfmt-ignore
});
