import assert from 'node:assert/strict';
import { fromStatePath, parseState } from '../../extension/workspace/state.js';
import { damageJsonText } from './damage.js';
import { fuzz } from './harness.js';

const ADAPTER = { path: 'adapters/a', attached: true, scale: 0.5 };
const STATE = {
  version: 1,
  models: [
    { path: 'tiny', name: 'tiny', adapters: [ADAPTER, { path: '/v', attached: false, scale: 1 }] },
    { path: '../other', name: 'other', adapters: [] },
  ],
};
const VALUES: readonly unknown[] = [ADAPTER, [ADAPTER], 'a', '../..', 1e308, -1, true];

/** .security-vectors/workspace.json */
fuzz<string>({
  name: 'state of a workspace',
  rounds: 2000,
  sources: () => [JSON.stringify(STATE), '{"version":1,"models":[]}'],
  damage: (source, rng) => damageJsonText(source, rng, VALUES),
  load: (text) => {
    for (const { path, name, adapters } of parseState(text, 'workspace.json').models) {
      assert(typeof name === 'string' && typeof fromStatePath('/w', path) === 'string');
      for (const { path, attached, scale } of adapters)
        assert(typeof path === 'string' && typeof attached === 'boolean' && Number.isFinite(scale));
    }
  },
});
