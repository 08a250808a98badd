/** `doctor`: what a bug report needs, without whose machine it is. */
import assert from 'node:assert/strict';
import { homedir, hostname, userInfo } from 'node:os';
import { dirname } from 'node:path';
import { test } from 'node:test';
import type { Diagnosis } from '../../runtime/commandLine/doctor.js';
import { diagnose, diagnosisText } from '../../runtime/commandLine/doctor.js';
import { cli, ROOT } from '../calls/support.js';

test('it names versions, device, memory and limits', async () => {
  const { code, stdout } = await cli(['doctor', '--json'], {
    env: { ...process.env, SECURITY_VECTORS_MEMORY_GB: '3', HF_TOKEN: 'hf_secret' },
  });
  assert.equal(code, 0);
  const found = JSON.parse(stdout) as Diagnosis;
  assert.match(found.versions['security-vectors'], /^\d+\.\d+/);
  assert.equal(found.versions.node, process.version);
  assert.match(found.versions.onnxruntime, /^\d+\.\d+/);
  assert.ok(['cpu', 'webgpu'].includes(found.device.auto));
  assert.equal(found.memoryGb.limit, 3);
  assert.ok(found.memoryGb.machine > found.memoryGb.free && found.memoryGb.free > 0);
  assert.ok(found.environment.includes('HF_TOKEN') && found.environment.includes('SECURITY_VECTORS_MEMORY_GB'));
  if (process.platform === 'linux') assert.match(found.limits['open files']!, /^(\d+|unlimited)$/);
});

test('it tells no path, name or secret', async () => {
  const secret = 'https://somebody:password@proxy.example';
  const env = { ...process.env, HF_TOKEN: secret, HTTPS_PROXY: secret, NODE_OPTIONS: '--trace-warnings' };
  for (const args of [['doctor'], ['doctor', '--json']]) {
    const { stdout, stderr } = await cli(args, { env });
    const all = stdout + stderr;
    assert.match(all, /onnxruntime/);
    const names = [homedir(), hostname(), process.cwd(), ROOT, dirname(process.execPath), 'password'];
    // A word like "root" may stand in an English sentence; a longer name may not.
    if (userInfo().username.length > 4) names.push(userInfo().username);
    for (const name of names.filter((one) => one.length > 1)) assert.ok(!all.includes(name), name);
    assert.doesNotMatch(all, /(^|\s)[A-Za-z]?:?[\\/](usr|home|root|tmp|Users|work)\b/m);
  }
});

test('the text has a line for each part', async () => {
  const found = await diagnose('1.2.3');
  const lines = diagnosisText(found).split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(':')[0]),
    Object.keys(found),
  );
  assert.match(lines[0]!, /security-vectors 1\.2\.3 · node v/);
});
