/**
 * A table with columns of its own and a real model, SmolLM2-135M-Instruct, to a verdict: by the panel and the wizards,
 * with what they propose.
 */
import assert from 'node:assert/strict';
import { readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { ANSWER, PHRASES, QUESTION, writeOwnFiles } from '../../smollm2/ownFiles.mjs';
import { hostProbe } from './host.mjs';

export const title = 'From a table with odd columns and SmolLM2 to a verdict';
export const workspace = 'empty';

const MODEL = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const FINISHED = 3_600_000;

const gguf = process.env.SMOLLM2_GGUF;
export const skip = gguf ? false : 'SMOLLM2_GGUF names no file';

export async function prepare({ workspace }) {
  await symlink(path.resolve(gguf), path.join(workspace, MODEL));
  await writeOwnFiles(workspace);
  return hostProbe();
}

export default async function ownModel({ step, page, until, shot, container, prepared, ...bench }) {
  const { webview, sidebar, fold, workspace } = bench;
  const quickInput = page.locator('.quick-input-widget');
  const input = quickInput.locator('input.input');
  const entries = quickInput.locator('.quick-input-list .monaco-list-row');
  const panel = () => webview('main.training');
  const dark = (name) => shot(name, ['dark']);
  const read = async (name) => JSON.parse(await readFile(path.join(workspace, name), 'utf8'));
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 1000);
  const tell = (what) => console.log(`    ${seconds()} s: ${what}`);

  const question = (asked) =>
    until(
      async () =>
        (await quickInput.isVisible()) &&
        asked.test(
          `${await input.getAttribute('placeholder')} ${await quickInput.locator('.quick-input-message').textContent()}`,
        ),
      String(asked),
      120_000,
    );
  let asks = 0;
  /** Waits for a question and answers it: by mouse, or, where nothing is chosen, with what is proposed. */
  async function answer(asked, chosen) {
    await question(asked);
    await dark(`question-${String(++asks).padStart(2, '0')}`);
    if (chosen === undefined) await page.keyboard.press('Enter');
    else await entries.filter({ hasText: chosen }).first().click();
  }
  const finished = async (name) => {
    const frame = await panel();
    await frame.locator('header.run h1').filter({ hasText: name }).waitFor({ timeout: FINISHED });
    await frame.locator('header.run .facts').filter({ hasText: /finished|failed/ }).waitFor({ timeout: FINISHED }); // oxfmt-ignore
    assert.match(await frame.locator('header.run .facts').textContent(), /finished/);
    tell(await frame.locator('.current').innerText());
  };

  await step('the panel of a folder with tables and a model', async () => {
    await container('Security Vectors', { training: true });
    await sidebar(400);
    await fold(['Models', 'Runs'], true);
    await (await panel()).getByRole('button', { name: 'Add a model' }).waitFor();
    await dark('a1-panel');
  });

  await step('the model is added', async () => {
    await (await panel()).getByRole('button', { name: 'Add a model' }).click();
    await answer(/Which model/, MODEL.replace('.gguf', ''));
    await (await panel()).getByRole('button', { name: 'Train a security vector' }).waitFor({ timeout: 60_000 });
    tell('the model is there');
    await dark('a2-model');
  });

  await step('a security vector is trained on the answers that nobody wants', async () => {
    await (await panel()).getByRole('button', { name: 'Train a security vector' }).click();
    await answer(/Which rows show the harmful behaviour/, 'unhöfliche');
    await answer(/should it be read like this/);
    await answer(/Which harmless rows/, 'good answers');
    await answer(/should it be read like this/);
    await question(/Name of the result/);
    await dark('a3-vector-name');
    await answer(/Name of the result/);
    tell('the vector is being trained');
    const frame = await panel();
    await frame.locator('header.run .facts').filter({ hasText: /step [1-9]/ }).waitFor({ timeout: FINISHED }); // oxfmt-ignore
    await dark('a4-vector-running');
    await finished('unhöfliche-antworten');
    await dark('a5-vector');
  });

  await step('the fine-tuning is asked for: the table, its columns, what measures it', async () => {
    const frame = await panel();
    await frame.getByRole('button', { name: 'Fine-tune with protection' }).click();
    await answer(/Which data/, 'Anfragen 2024');
    await question(/should it be read like this/);
    await dark('a6-as-read');
    await answer(/should it be read like this/);
    await answer(/Which security vector/);
    await answer(/How is it protected/);
    await answer(/What is trained/);
    await until(async () => /Which sets/.test(await input.getAttribute('placeholder')), 'the sets');
    await entries.filter({ hasText: 'Another data file' }).locator('.monaco-checkbox, .quick-input-list-checkbox').first().click(); // oxfmt-ignore
    await dark('a7-sets');
    await quickInput.getByRole('button', { name: 'OK' }).click();
    await answer(/What is measured on the kept rows/);
    await answer(/Which file is the evaluation set/, 'Testfragen');
    await answer(/should it be read like this/);
    await question(/What is measured on Testfragen/);
    await dark('a8-measure');
  });

  await step('to a verdict', async () => {
    await answer(/What is measured on Testfragen/);
    await question(/Phrases of a harmful answer/);
    await input.fill(PHRASES.join(', '));
    await page.keyboard.press('Enter');
    await answer(/Who judges/);
    await answer(/Name of the result/);
    await finished('anfragen-2024-protected');
    await dark('a9-verdict');
    const recipe = await read('recipes/anfragen-2024-protected.json');
    assert.deepEqual(recipe.data.columns, { prompt: QUESTION, completion: ANSWER });
    const run = await webview('main.page:not(.training) table.results');
    await run.locator('.verdict-line').first().waitFor();
    tell(await run.locator('.verdict-line').first().innerText());
    tell(await run.locator('table.results').innerText());
    await prepared.measured('the walk');
  });
}
