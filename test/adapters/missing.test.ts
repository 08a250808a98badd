/** An adapter of which a part is lost does less than was measured of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAdapter } from '../../runtime/adapters/files.js';
import { fitted } from '../../runtime/adapters/flat.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { loadReference } from '../support/reference.js';
import { join } from 'node:path';
import { human } from './support.js';

test('an adapter without matrices for a layer that its config targets is refused, by the name of the layer', async () => {
  const r = await loadReference('llama');
  const sites = linearLayers(decoderSpec(r.config));
  const whole = await readAdapter(join(r.folder, 'adapters', 'task'));
  const { length } = fitted(whole, sites).layout.sites;
  const modules = new Map([...whole.modules].filter(([name]) => !name.includes('.layers.1.')));
  const lost = length - modules.size;
  assert.ok(lost > 1);
  const message = new RegExp(`no matrices for ${lost} of the layers .*, such as model\\.layers\\.1\\.`);
  assert.throws(() => fitted({ ...whole, modules }, sites), human(message));
  // those of a model with images are excluded by what they were called, or are called now
  const renamed = sites.map((site) => ({ ...site, name: site.name.replace(/^model\./, 'model.language_model.') }));
  const now = new Map([...modules].map(([name, one]) => [name.replace(/^model\./, 'model.language_model.'), one]));
  for (const excludeModules of ['language_model\\.model\\.layers\\.1\\..*', 'model\\.language_model\\.layers\\.1\\..*'])
    fitted({ ...whole, modules: now, config: { ...whole.config, excludeModules } }, renamed);
  // trained on these alone
  const own = { ...whole.config, layersToTransform: [0] };
  assert.equal(fitted({ ...whole, modules, config: own }, sites).layout.sites.length, modules.size);
});
