/** A recipe is checked while it is written: the editor knows its schema, and a run says where it is wrong. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

export const title = 'Writing a recipe';

export default async function recipes({ step, page, workspace, open, lens, runPage, shot, until }) {
  const file = path.join(workspace, 'recipes/wrong.json');
  const recipe = JSON.parse(await readFile(path.join(workspace, 'recipes/vector.json'), 'utf8'));
  await writeFile(file, JSON.stringify({ ...recipe, adapter: { rank: 'eight' } }, null, 2));

  await step('the editor marks what the schema refuses', async () => {
    await open('recipes/wrong.json');
    await page.locator('.monaco-editor .squiggly-warning').first().waitFor();
    await shot('30-recipe');
  });

  await step('running it says what is wrong, where, and what to do', async () => {
    const run = await runPage(lens('train the security vector'));
    const message = run.getByRole('alert').filter({ hasText: 'The run failed' });
    await message.getByText('Correct this value').waitFor();
    assert.match(await message.textContent(), /wrong\.json:\d+ adapter\.rank.*a number was expected/);
  });

  await step('hovering a key shows what it means', async () => {
    await open('recipes/wrong.json');
    await page
      .locator('.view-line')
      .filter({ hasText: '"epochs"' })
      .locator('span', { hasText: 'epochs' })
      .last()
      .hover();
    await until(
      async () => /Passes over the data/.test((await page.locator('.monaco-hover').allTextContents()).join()),
      'the description of "epochs"',
    );
  });
}
