/** The pictures of the README's film and its stills, of the runs that `npm start` has made in out/start/workspace. */
import { cp } from 'node:fs/promises';
import path from 'node:path';

export const title = 'The film of the README';

const MADE = path.resolve(import.meta.dirname, '../../../out/start/workspace');

/** @throws where `npm start` has not been run */
export async function prepare({ workspace }) {
  await cp(MADE, workspace, { recursive: true, force: true });
  return { stop: () => Promise.resolve() };
}

export default async function film({ step, shot, container, row, fold, webview }) {
  const dark = (name) => shot(name, ['dark']);
  const run = async (name) => {
    await row('Runs', name).first().click();
    const frame = await webview('main.page header.run .facts', 60_000);
    await frame.locator('h1').filter({ hasText: name }).waitFor({ timeout: 60_000 });
    return frame;
  };

  await step('the sample with its runs', async () => {
    await container('Security Vectors');
    await row('Runs', 'orders-protected').first().waitFor({ timeout: 60_000 });
    await dark('f1-workspace');
  });

  await step('the vector, the plain and the protected run', async () => {
    await fold(['Data'], true);
    await run('forbidden-topic');
    await dark('f2-vector');
    await run('orders-plain');
    await dark('f3-plain');
    const frame = await run('orders-protected');
    await dark('f4-protected');
    await frame.locator('.results').scrollIntoViewIfNeeded();
    await dark('f5-table');
    await frame.getByRole('button', { name: 'Answers side by side' }).click();
    await frame.locator('.side-by-side').waitFor();
    await frame.locator('.side-by-side').scrollIntoViewIfNeeded();
    await dark('f6-answers');
  });
}
