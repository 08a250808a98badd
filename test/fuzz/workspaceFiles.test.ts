import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { adapterFacts } from '../../extension/runs/adapterFiles.js';
import { fromStatePath, readState, stateFile } from '../../extension/host/state.js';
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
const VALUES: readonly unknown[] = [ADAPTER, [ADAPTER], 'a', '../..', 1e308, -1, true, 'task', 'security', {}];

/** .security-vectors/workspace.json, and what an adapter's folder says of itself. */
fuzz<{ state: string; config: string; role: string }>({
  name: 'files of a workspace',
  rounds: 300,
  sources: () =>
    [STATE, { version: 1, models: [] }].map((state) => ({
      ...{ state: JSON.stringify(state), config: '{"peft_type":"LORA","r":8}' },
      role: '{"role":"security","name":"x"}',
    })),
  damage: (files, rng) => {
    const name = rng.pick(['state', 'state', 'config', 'role'] as const);
    return { ...files, [name]: damageJsonText(files[name], rng, VALUES) };
  },
  load: async ({ state, config, role }, folder) => {
    const write = (file: string, text: string): void => {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    };
    write(stateFile(folder), state);
    write(join(folder, 'a', 'adapter_config.json'), config);
    write(join(folder, 'a', 'security_vector.json'), role);
    const facts = await adapterFacts(join(folder, 'a'));
    if (facts) assert(['task', 'security'].includes(facts.role) && (facts.rank === null || Number.isFinite(facts.rank)));
    for (const { path, name, adapters } of (await readState(folder)).models) {
      assert(typeof name === 'string' && typeof fromStatePath('/w', path) === 'string');
      for (const { path, attached, scale } of adapters)
        assert(typeof path === 'string' && typeof attached === 'boolean' && Number.isFinite(scale));
    }
  },
}); // oxfmt-ignore
