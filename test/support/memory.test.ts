/** A limit of memory that cannot be read as one is refused, not left out. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { memoryLimit } from '../../runtime/support/memory.js';
import { lessMemoryThan } from '../../runtime/commandLine/ending.js';
import { HumanError } from '../../runtime/support/errors.js';
import { cli, ENGINE, ROOT } from '../calls/support.js';
import { Engine, RestartLimit } from '../../extension/engine/engine.js';

const NAME = 'SECURITY_VECTORS_MEMORY_GB';
const { [NAME]: before, ...others } = process.env;
afterEach(() => {
  process.env = { ...others, ...(before !== undefined && { [NAME]: before }) };
});
const limit = (given: string): number => {
  process.env[NAME] = given;
  return memoryLimit();
};
const REFUSED = ['8GB', '8,5', '0', '-1', 'all'];

test('it is a number of GB, or not given', () => {
  assert.deepEqual(['8', '8.5', ' 0.05 '].map(limit), [8e9, 8.5e9, 5e7]);
  const none = limit('');
  process.env = { ...others };
  assert.equal(memoryLimit(), none);
  for (const given of REFUSED)
    assert.throws(
      () => limit(given),
      (error) => error instanceof HumanError && error.message.includes(`${NAME} is "${given}"`),
    );
});

test('the command line and the engine say what was given and what is wanted', async () => {
  const env = { ...process.env, [NAME]: '8,5' };
  const { code, stderr } = await cli(['cache'], { env });
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^error: SECURITY_VECTORS_MEMORY_GB is "8,5"; a number above 0 was expected\. .* 8\.5\.\n$/);
  assert.equal((await cli(['--version'], { env })).code, 0);
  const engine = new Engine({
    ...{ environment: () => ({ [NAME]: '8,5' }), entry: ENGINE, log: () => undefined },
    ...{ idleMs: 60_000, restarts: new RestartLimit() },
  });
  try {
    await assert.rejects(engine.request('cache', {}), (error: Error) => JSON.stringify(error).includes('8,5'));
  } finally {
    engine.dispose();
  }
});

test('at the limit each command is advised what it can do', async () => {
  assert.match(lessMemoryThan('train'), /^Set "recompute" .*"precision".* batch\.rows/);
  // which a full fine-tuning refuses
  assert.match(lessMemoryThan('train'), /"precision" to [^,]* full fine-tuning "optimizer\.moments" to "8bit" instead/);
  assert.equal(lessMemoryThan('evaluate'), 'Set "precision" to "int8" or "int4", or use a smaller model.');
  for (const command of ['scan', 'score', 'generate'] as const)
    assert.match(lessMemoryThan(command), /^Use --precision int8 or int4, a smaller model, or a machine with more/);
  for (const command of ['inspect', 'export', 'combine', 'download', 'sample'] as const)
    assert.equal(lessMemoryThan(command), 'Use a machine with more memory.');
  const env = { ...process.env, [NAME]: '0.02' };
  const model = join(ROOT, 'media/sample/tiny-assistant');
  const { code, stderr } = await cli(['generate', '--model', model, '--prompt', 'hi'], { env });
  assert.notEqual(code, 0);
  assert.match(
    stderr,
    /^the process uses more than 0\.02 GB of memory, its limit\. Use --precision .* SECURITY_VECTORS_MEMORY_GB sets/m,
  );
});
