/** A workspace that is not trusted: it is shown, and nothing runs in it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';

export const title = 'A workspace that is not trusted';
export const trust = true;

export default async function untrusted({
  step,
  page,
  workspace,
  container,
  pane,
  open,
  lens,
  notification,
  shot,
  ...bench
}) {
  await step('views say that nothing is run, and how to trust it', async () => {
    await page.locator('.statusbar-item').filter({ hasText: 'Restricted Mode' }).waitFor();
    await container('Security Vectors');
    await pane('Models').getByRole('button', { name: 'Manage Workspace Trust' }).waitFor();
    await shot('20-untrusted');
  });

  await step('a recipe does not run', async () => {
    await open('recipes/vector.json');
    await lens('train the security vector').first().click();
    await notification('this workspace is not trusted').first().waitFor();
    assert.equal(existsSync(path.join(workspace, 'vectors')), false);
  });

  await step('trusted, it works without a reload', async () => {
    await bench.command('Workspaces: Manage Workspace Trust');
    await page.getByRole('button', { name: 'Trust', exact: true }).first().click();
    await page.locator('.statusbar-item').filter({ hasText: 'Restricted Mode' }).waitFor({ state: 'hidden' });
    await open('data/train.jsonl');
    await lens('Scan for harmful rows').first().waitFor();
  });
}
