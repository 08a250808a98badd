import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostError } from '../../extension/host/errors.js';
import type { RequestName } from '../../runtime/contract/protocol.js';
import { openEngine } from './support.js';

test('a request with wrong parameters is refused with the name of the parameter, and the engine goes on', async () => {
  const engine = openEngine();
  const refused = async (name: RequestName, params: unknown): Promise<string | undefined> => {
    const error: unknown = await engine.request(name, params as never).catch((reason: unknown) => reason);
    assert(error instanceof HostError, `${name} ${JSON.stringify(params)}`);
    assert.equal(error.data.kind, 'input', error.data.message);
    return error.data.place;
  };
  try {
    assert.equal(await refused('inspect', {}), 'path');
    assert.equal(await refused('inspect', { path: 5 }), 'path');
    assert.equal(await refused('inspect', { path: 'a\0b' }), 'path');
    assert.equal(await refused('inspect', { path: 'a', id: '1' }), 'id');
    assert.equal(await refused('score', { model: 'a', adapters: [{ path: 'b' }], data: 'c' }), 'adapters.0.scale');
    const options = { maxNewTokens: 1, temperature: 0, topP: 1 };
    assert.equal(await refused('generate', { model: 'a', adapters: {}, options }), 'adapters');
    assert.equal(
      await refused('generate', { model: 'a', adapters: [], messages: [{ role: 'user', content: 5 }], options }),
      'messages.0.content',
    );
    assert.equal(await refused('run', { recipe: '/no/recipe.json' }), '/no/recipe.json');
  } finally {
    engine.dispose();
  }
});
