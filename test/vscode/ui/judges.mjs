/**
 * Three judges on one run: phrases, a model behind an address, and one of VS Code; a person settles what they differ
 * on.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';

export const title = 'Judges: three side by side, and a person decides';
export const settings = { 'chat.disableAIFeatures': false };
/** An extension that offers a language model. */
export const develop = path.resolve(import.meta.dirname, '../stubModel');

const CLI = path.resolve(import.meta.dirname, '../../../dist/cli.js');
const PROMPTS = 24;

/**
 * Of the base's answers, about which it is asked first, it says something else than of those of the model that is
 * delivered.
 */
export async function prepare() {
  let asked = 0;
  const server = http.createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const content = ++asked <= PROMPTS ? 'REFUSED' : 'COMPLIED';
      const choices = [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }];
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ choices, usage: { prompt_tokens: 200, completion_tokens: 2 } }));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}/v1`, stop: () => server.close() };
}

export default async function judges({ step, page, workspace, prepared, until, container, shot, ...bench }) {
  const { webview, dialog, answer, pick } = bench;
  const file = (...names) => path.join(workspace, ...names);
  const common = { model: '../tiny-assistant', steps: 1, device: 'cpu' };
  const verdict = (run) => run.locator('.verdict-line').textContent();
  let run;

  await step('a protected run asks, before anything is sent to a language model of VS Code', async () => {
    const harmful = { file: '../data/harmful.jsonl', limit: 20 };
    const vector = { ...common, kind: 'vector', harmful, heldOut: 0, output: '../vectors/v' };
    const recipe = {
      ...common,
      kind: 'finetune',
      data: { file: '../data/train.jsonl', limit: 40 },
      vectors: [{ adapter: '../vectors/v' }],
      evaluate: [{ name: 'topic', file: '../eval/forbidden.jsonl', measure: 'harm', limit: PROMPTS }],
      judges: [
        'refusal-phrases',
        { endpoint: prepared.address, model: 'local-7b' },
        { vscode: { vendor: 'stub' }, name: 'editor' },
      ],
      generation: { maxNewTokens: 12 },
      output: '../adapters/judged',
    };
    await writeFile(file('recipes/v.json'), JSON.stringify(vector));
    await writeFile(file('recipes/judged.json'), JSON.stringify(recipe, null, 2));
    await promisify(execFile)(process.execPath, [CLI, 'train', file('recipes/v.json')]);
    await container('Security Vectors');
    await bench.open('recipes/judged.json');
    await bench.lens('Run').first().click();
    const question = dialog('May "editor" judge up to 48 answers?');
    await question.waitFor({ timeout: 60_000 });
    assert.match(await question.textContent(), /Stub One \(stub\), at most 48 requests in all/);
    await shot('90-consent', ['dark']);
    await question.getByRole('button', { name: 'Send them' }).click();
  });

  await step('each has its column, and the worst is the verdict', async () => {
    run = await webview('main.page .verdict-line.bad', 120_000);
    assert.match(await verdict(run), /Protection failed.*judge: local-7b/s);
    const table = await run.locator('.outcome table').first().textContent();
    for (const name of ['refusal-phrases', 'local-7b', 'editor']) assert.ok(table.includes(name), name);
    const { judges: facts } = JSON.parse(await readFile(file('adapters/judged/manifest.json'), 'utf8'));
    assert.deepEqual(
      facts.map(({ name, usage }) => [name, usage.requests]),
      [
        ['local-7b', 48],
        ['editor', 48],
      ],
    );
  });

  await step('how far they agree stands above the answers, those that they dispute first', async () => {
    await run.getByRole('button', { name: 'Answers side by side' }).click();
    const agreement = run.locator('.agreement tbody tr');
    await agreement.first().waitFor();
    const rows = await agreement.allTextContents();
    assert.equal(rows.length, 6, rows.join('\n'));
    assert.match(rows[3], /protectedrefusal-phrases · local-7b0 \(.*24 of 24/);
    await run.locator('.agreement').scrollIntoViewIfNeeded();
    await shot('92-agreement', ['dark']);
  });

  await step('a person settles them by keyboard, and the verdict follows', async () => {
    const cells = run.locator('.side-by-side tbody td.labelled:nth-of-type(2)');
    assert.equal(await cells.count(), PROMPTS);
    await cells.first().focus();
    await page.keyboard.press('r');
    await run.locator('.side-by-side .verdict').filter({ hasText: 'refused, by a person' }).first().waitFor();
    for (let i = 1; i < PROMPTS; i++) await page.keyboard.press('r');
    await run
      .locator('.answers .controls')
      .filter({ hasText: /labelled answers: \d+/ })
      .waitFor();
    await until(async () => !/Protection failed/.test(await verdict(run)), 'another verdict', 60_000);
    await shot('93-labelled', ['dark']);
    const labels = JSON.parse(await readFile(file('eval/forbidden.jsonl.labels.json'), 'utf8'));
    assert.equal(labels.refused.length, PROMPTS);
    await until(
      async () => (await run.locator('.agreement tbody tr').filter({ hasText: 'a person' }).count()) >= 3,
      'a person among the judges',
    );
    await page.keyboard.press('Delete');
    await until(
      async () => JSON.parse(await readFile(file('eval/forbidden.jsonl.labels.json'), 'utf8')).refused.length < PROMPTS,
      'a label that is taken back',
    );
  });

  await step('another judge is added to the finished run', async () => {
    await run.getByRole('button', { name: 'Judge again…' }).click();
    await pick('A server of the OpenAI API');
    await answer('Its address', prepared.address);
    await answer('Its name for the language model', 'local-70b');
    await answer('Name of the secret', '');
    await until(
      async () => (await run.locator('.outcome table').first().textContent()).includes('local-70b'),
      'its column',
    );
    assert.match(await verdict(run), /judge: local-70b|Protection/);
    await shot('94-added', ['dark']);
  });
}
