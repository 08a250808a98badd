/** The command line leaves a run folder alone that another process works in. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { EXIT } from '../../runtime/contract/errors.js';
import { OWNER } from '../../runtime/contract/owner.js';
import { processStart } from '../../runtime/runs/ownerOf.js';
import { cli, sampleWorkspace } from './support.js';

test('a run is refused in a folder that another living process works in, and goes well once that is dead', async (t) => {
  const workspace = await sampleWorkspace();
  t.after(() => workspace.remove());
  const recipe = await workspace.recipe('vector.json', { epochs: undefined, steps: 2, evaluateEvery: 2 });
  const folder = workspace.file('vectors/forbidden-topic');
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  t.after(() => other.kill('SIGKILL'));
  const owner = { pid: other.pid, host: hostname(), started: await processStart(other.pid!), since: '2026-01-01' };
  await mkdir(folder, { recursive: true });
  await writeFile(workspace.file('vectors/forbidden-topic', OWNER.file), JSON.stringify(owner));
  for (const more of [[], ['--resume']]) {
    const refused = await cli(['train', recipe, ...more]);
    assert.equal(refused.code, EXIT.badInput, refused.stderr);
    assert.match(
      refused.stderr,
      new RegExp(`another process is working in this run folder \\(process ${other.pid} on`),
    );
    assert.deepEqual(await readdir(folder), [OWNER.file]);
  }
  const ended = new Promise((resolve) => other.once('exit', resolve));
  other.kill('SIGKILL');
  await ended;
  const ran = await cli(['train', recipe]);
  assert.equal(ran.code, EXIT.done, ran.stderr);
  const files = await readdir(folder);
  assert.ok(files.includes('manifest.json') && !files.includes(OWNER.file), files.join());
});
