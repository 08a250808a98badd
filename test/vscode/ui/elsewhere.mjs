/** The command line trains in the workspace that the window shows: it can be watched, and is left alone. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stepOf } from '../workbench.mjs';

const CLI = path.resolve(import.meta.dirname, '../../../dist/cli.js');

export const title = 'A run of the command line, seen from the window';

export default async function elsewhere({ step, workspace, until, open, lens, webview, container, row, ...bench }) {
  const file = path.join(workspace, 'recipes/vector.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), epochs: 400 }, null, 2));
  const other = spawn(process.execPath, [CLI, 'train', file], { stdio: 'ignore' });
  const ended = new Promise((resolve) => other.once('exit', resolve));
  try {
    await step('it is shown as running elsewhere, and its page draws it live', async () => {
      await container('Security Vectors');
      const line = row('Runs', 'forbidden-topic').filter({ hasText: 'elsewhere' });
      await line.waitFor({ timeout: 60_000 });
      const run = await bench.runPage(line);
      await run
        .locator('.facts')
        .filter({ hasText: `process ${other.pid} on` })
        .waitFor();
      await until(async () => (await stepOf(run)) > 0, 'a first step');
      const first = await stepOf(run);
      await until(async () => (await stepOf(run)) > first + 5, 'further steps');
      for (const name of ['Stop', 'Resume', 'Run again'])
        assert.equal(await run.getByRole('button', { name }).isVisible(), false, name);
      await bench.shot('50-elsewhere');
    });

    await step('running its recipe is refused with who works on it', async () => {
      await open('recipes/vector.json');
      const refused = bench.notification(`process ${other.pid} on`).first();
      await bench.press(lens('train the security vector'), (timeout) => refused.waitFor({ timeout }));
    });

    await step('killed, it is interrupted and can be resumed', async () => {
      other.kill('SIGKILL');
      await ended;
      await row('Runs', 'forbidden-topic').filter({ hasText: 'interrupted' }).waitFor();
      await row('Runs', 'forbidden-topic').click();
      const run = await webview('main.page header.run .facts');
      await run.getByRole('button', { name: 'Resume' }).waitFor();
    });
  } finally {
    other.kill('SIGKILL');
  }
}
