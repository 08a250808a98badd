/** onnxruntime collects events and sends them to its maker where nothing forbids it: here nothing may. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { without } from '../../runtime/support/without.js';

const home = mkdtempSync(join(tmpdir(), 'telemetry-'));
after(() => rmSync(home, { recursive: true, force: true }));

/** The files that a program leaves in a home folder of its own; where CI is set, onnxruntime keeps still by itself. */
function leftBy(...args: string[]): string[] {
  const env = without(process.env, 'CI', 'ORT_DISABLE_TELEMETRY', 'ORT_RUNNING_UNIT_TESTS');
  const own = mkdtempSync(join(home, 'user-'));
  const settings = ['HOME', 'USERPROFILE', 'LOCALAPPDATA', 'XDG_CACHE_HOME'].map((name) => [name, own]);
  execFileSync(process.execPath, args, { env: { ...env, ...Object.fromEntries(settings) }, stdio: 'pipe' });
  return readdirSync(own, { recursive: true }).map(String);
}

test('onnxruntime keeps no events and no name of this machine, and so sends none', () => {
  const model = 'media/sample/tiny-assistant';
  assert.deepEqual(leftBy('dist/cli.js', 'generate', '--model', model, '--prompt', 'how do i water a fern ?'), []);
});

test('without what the program sets onnxruntime would', { skip: process.platform !== 'linux' }, () => {
  const session = `const ort = require('onnxruntime-node');
    ort.InferenceSession.create(Buffer.from('not a model')).catch(() => undefined);`;
  assert.match(leftBy('-e', session).join(), /deviceid/);
});
