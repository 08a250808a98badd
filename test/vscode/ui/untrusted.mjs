/** A workspace that is not trusted: it is shown, and nothing runs in it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ALL_THEMES } from '../workbench.mjs';

export const title = 'A workspace that is not trusted';
export const trust = true;

export default async function untrusted({
  step,
  page,
  workspace,
  container,
  pane,
  open,
  row,
  lens,
  press,
  notification,
  shot,
  ...bench
}) {
  await step('views say that nothing is run, and how to trust it', async () => {
    await page.locator('.statusbar-item').filter({ hasText: 'Restricted Mode' }).waitFor();
    await container('Security Vectors', { training: true });
    await pane('Models').getByRole('button', { name: 'Manage Workspace Trust' }).waitFor();
    const panel = await bench.webview('main.training');
    await panel.getByRole('status').filter({ hasText: 'This workspace is not trusted' }).waitFor();
    assert.ok(await panel.getByRole('button', { name: 'Manage workspace trust' }).isEnabled());
    assert.equal(await panel.locator('#recipe option:checked').textContent(), 'protected');
    for (const name of ['Start', 'New recipe…', 'Train forbidden-topic'])
      assert.ok(await panel.getByRole('button', { name }).isDisabled(), name);
    for (const list of ['#model', '#data', '#vector']) assert.ok(await panel.locator(list).isDisabled(), list);
    await shot('20-untrusted', ALL_THEMES);
    await container('Security Vectors');
  });

  await step('a recipe does not run', async () => {
    await open('recipes/vector.json');
    const refused = notification('this workspace is not trusted').first();
    await press(lens('train the security vector'), (timeout) => refused.waitFor({ timeout }));
    assert.equal(existsSync(path.join(workspace, 'vectors')), false);
  });

  await step('files that cannot be read are rows of their own, and all others are shown', async () => {
    const write = async (file, content) => {
      await mkdir(path.dirname(path.join(workspace, file)), { recursive: true });
      await writeFile(path.join(workspace, file), content);
    };
    const manifest = {
      ...{ version: 1, kind: 'finetune', name: 'found', outcome: 'finished', started: '2026-01-01T10:00:00.000Z' },
      ...{
        model: { path: 'tiny-assistant', architecture: 'llama', sha256: 'aa' },
        data: [],
        vectors: [],
        role: 'task',
      },
    };
    await write('adapters/found/manifest.json', JSON.stringify(manifest));
    await write('adapters/found/report.html', '<h1>anything</h1>');
    await write('adapters/odd/manifest.json', JSON.stringify({ ...manifest, result: { path: 5 } }));
    await write('recipes/brackets.json', '['.repeat(10_000));
    await bench.command('Security Vectors: Refresh');
    for (const file of ['adapters/odd/manifest.json', 'recipes/brackets.json'])
      await row('Runs', file).filter({ hasText: 'cannot be read' }).waitFor();
    await row('Runs', 'found').first().waitFor();
    await row('Data', 'train.jsonl').waitFor();
    assert.match(
      await bench.tooltip('Runs', 'adapters/odd/manifest.json'),
      /"result\.path" is missing or has the wrong type/,
    );
    await shot('21-unreadable');
  });

  await step('the report of a run is not to be opened', async () => {
    const offered = (name) =>
      page.locator('.quick-input-list .monaco-list-row').filter({ hasText: `Security Vectors: ${name}` });
    const input = page.locator('.quick-input-widget input[type="text"]').first();
    await page.keyboard.press('F1');
    await input.fill('>Security Vectors: Refresh');
    await offered('Refresh').first().waitFor();
    await input.fill('>Security Vectors: Open Report');
    await offered('Refresh').first().waitFor({ state: 'hidden' });
    assert.equal(await offered('Open Report').count(), 0);
    await page.keyboard.press('Escape');
  });

  await step('trusted, it works without a reload', async () => {
    await container('Security Vectors', { training: true });
    await bench.command('Workspaces: Manage Workspace Trust');
    await page.getByRole('button', { name: 'Trust', exact: true }).first().click();
    await page.locator('.statusbar-item').filter({ hasText: 'Restricted Mode' }).waitFor({ state: 'hidden' });
    const panel = await bench.webview('main.training');
    await panel.getByRole('button', { name: 'Train forbidden-topic' }).and(panel.locator(':not([disabled])')).waitFor();
    await open('data/train.jsonl');
    await lens('Scan for harmful rows').first().waitFor();
  });
}
