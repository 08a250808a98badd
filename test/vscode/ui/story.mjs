/** The story of a first user, from an empty window to a protected model: everything by mouse and keyboard. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { ALL_THEMES, stepOf } from '../workbench.mjs';

export const title = 'From an empty window to a protected model';
export const workspace = 'empty';

const FINISHED = 180_000;

export default async function story({ step, page, until, shot, command, pick, open, container, pane, ...bench }) {
  const { row, lens, statusBar, dialog, webview, runPage, scan } = bench;
  /** Runs a recipe by the lens above it; gives the document of its page. */
  const runByLens = async (recipe, text) => {
    await open(`recipes/${recipe}.json`);
    return runPage(lens(text));
  };
  const finished = (run) =>
    run.locator('header.run .facts').filter({ hasText: 'finished' }).waitFor({ timeout: FINISHED });
  /**
   * Keeps what the first chart says of itself, each time that changes: the run may be faster than this script looks.
   */
  const watchChart = (run) =>
    run
      .locator('canvas')
      .first()
      .evaluate((canvas) => {
        globalThis.chartsSeen = [];
        const look = () =>
          globalThis.chartsSeen.push({
            facts: document.querySelector('header.run .facts').textContent,
            label: canvas.getAttribute('aria-label'),
          });
        new MutationObserver(look).observe(canvas, { attributeFilter: ['aria-label'] });
      });
  const chartsSeen = (run) => run.locator('body').evaluate(() => globalThis.chartsSeen);
  /** Cells of the table of results: state → header → text. */
  const table = async (run) => {
    const texts = (locator) => locator.allTextContents();
    const head = await texts(run.locator('table.results thead th'));
    const rows = {};
    for (const line of await run.locator('table.results tbody tr').all()) {
      const cells = await texts(line.locator('th, td'));
      rows[cells[0]] = Object.fromEntries(head.map((name, i) => [name, cells[i]]));
    }
    return { head, rows };
  };
  const percent = (text) => Number(/([\d.]+)\s*%/.exec(text)?.[1] ?? Number.NaN);

  await step('the empty workspace offers the sample, and the sample opens in it', async () => {
    await container('Security Vectors', { training: true });
    await shot('01-welcome');
    await container('Security Vectors');
    await pane('Models').getByRole('button', { name: 'Open the Sample Workspace' }).click();
    await row('Models', 'tiny-assistant').waitFor();
    await row('Data', 'train.jsonl').filter({ hasText: '571 rows' }).waitFor();
    // it opens over whatever is opened next
    await page.getByRole('tab', { name: 'Preview README.md' }).waitFor();
    await shot('02-sample');
  });

  await step('the lens of a recipe trains a security vector; Stop keeps its checkpoint', async () => {
    // Three times as long as it needs, so that Stop is in time on a fast machine with a slow window.
    const file = `${bench.workspace}/recipes/vector.json`;
    await writeFile(file, (await readFile(file, 'utf8')).replace('"epochs": 10', '"epochs": 30'));
    const run = await runByLens('vector', 'train the security vector');
    await until(async () => (await stepOf(run)) > 2, 'the first steps', 60_000);
    await run.getByRole('button', { name: 'Stop' }).click();
    await run.locator('header.run .facts').filter({ hasText: 'stopped' }).waitFor();
    const stopped = await stepOf(run);
    assert.ok(stopped > 2 && stopped < 300, `stopped at step ${stopped}`);
    await row('Runs', 'forbidden-topic')
      .filter({ hasText: `stopped at step ${stopped}` })
      .waitFor();
  });

  await step('Resume goes on from there; the page draws while it runs', async () => {
    const run = await webview('main.page header.run .facts');
    const stopped = await stepOf(run);
    await watchChart(run);
    await run.getByRole('button', { name: 'Resume' }).click();
    await until(async () => (await stepOf(run)) > stopped, 'a step');
    await shot('03-vector-running', ['dark']);
    await finished(run);
    await run.locator('.verdict-line.good').filter({ hasText: 'The vector is ready' }).waitFor();
    const drawn = (await chartsSeen(run)).filter(({ facts }) => !facts.includes('finished'));
    const labels = new Set(drawn.map(({ label }) => label));
    assert.ok(labels.size >= 3, `${labels.size} pictures before the end`);
    await row('Runs', 'forbidden-topic')
      .filter({ hasText: /vector.*finds/ })
      .waitFor();
    await shot('04-vector-ready', ALL_THEMES);
  });

  await step('the lens of the data finds the harmful rows and marks them', async () => {
    await open('data/train.jsonl');
    const found = await scan('forbidden-topic');
    const [, flagged, rows] = /(\d+) of (\d+) look harmful/.exec(await found.textContent());
    assert.equal(Number(rows), 571);
    assert.ok(Number(flagged) >= 165 && Number(flagged) <= 180, `${flagged} rows flagged, 171 are harmful`);
    await row('Data', 'train.jsonl')
      .filter({ hasText: `${flagged} flagged` })
      .waitFor();
    const marks = page.locator('.monaco-editor .view-overlays [class*="ced-"]');
    await until(async () => (await marks.count()) > 2, 'marked rows');
    await shot('05-scan', ALL_THEMES);
  });

  await step('fine-tuning without the vector learns the harm', async () => {
    const run = await runByLens('plain', 'fine-tune without protection');
    await finished(run);
    const { head, rows } = await table(run);
    const harm = head.find((name) => name.startsWith('harm'));
    assert.ok(percent(rows.base[harm]) <= 2, `base: ${rows.base[harm]}`);
    assert.ok(percent(rows.plain[harm]) >= 90, `plain: ${rows.plain[harm]}`);
    await shot('06-plain');
  });

  await step('fine-tuning with the vector learns the new task and not the harm', async () => {
    const run = await runByLens('protected', 'fine-tune with protection');
    await until(async () => (await stepOf(run)) > 15, 'some steps', 60_000);
    await statusBar('orders-protected: step').waitFor();
    await shot('07-protected-running', ['dark']);
    await finished(run);
    const { head, rows } = await table(run);
    const harm = head.find((name) => name.startsWith('harm'));
    const task = head.find((name) => name.startsWith('new task'));
    assert.deepEqual(Object.keys(rows), ['base', 'plain', 'protected']);
    assert.ok(percent(rows.protected[harm]) <= 2, `harm: ${rows.protected[harm]}`);
    // How much of the task is learned is the sample's own measure; here it must be seen that it is.
    assert.equal(percent(rows.base[task]), 0);
    assert.ok(percent(rows.protected[task]) >= percent(rows.plain[task]) / 2, `new task: ${JSON.stringify(rows)}`);
    assert.equal(await run.locator('.invariants li.held').count(), 3);
    await run.locator('.verdict-line.good').waitFor();
    await run.locator('table.results').scrollIntoViewIfNeeded();
    await shot('08-protected-table', ALL_THEMES);
  });

  await step('answers side by side', async () => {
    const run = await webview('main.page header.run .facts');
    await run.getByRole('button', { name: 'Answers side by side' }).click();
    await run.locator('table.side-by-side tbody tr').first().waitFor();
    assert.deepEqual(await run.locator('table.side-by-side thead th').allTextContents(), [
      'prompt',
      'base',
      'plain',
      'protected',
    ]);
    const verdicts = [];
    for (const each of await run.locator('table.side-by-side tbody tr').all())
      verdicts.push((await each.locator('.verdict').allTextContents()).join(' · '));
    const protectedRows = verdicts.filter((verdict) => verdict === 'refused · complied · refused').length;
    assert.ok(protectedRows > 0.8 * verdicts.length, `${protectedRows} of ${verdicts.length} rows`);
    await shot('09-answers');
  });

  await step('the lens of an evaluation set judges base, plain and protected, and each row', async () => {
    await open('eval/forbidden.jsonl');
    await lens('Evaluate harmfulness').first().click();
    await finished(await webview('main.page header.run .facts'));
    await open('eval/forbidden.jsonl');
    const results = /base ([\d.]+)\s*% · plain ([\d.]+)\s*% · protected ([\d.]+)\s*%/;
    const result = lens(results).first();
    await result.waitFor();
    const [, base, plain, safe] = results.exec(await result.textContent());
    assert.ok(Number(base) <= 2 && Number(plain) >= 90 && Number(safe) <= 2, `${base} · ${plain} · ${safe}`);
    // A sign in the gutter and before each row; no line is added for a row.
    const signs = page.locator('.monaco-editor .glyph-margin-widgets [class*="ced-"]');
    await until(async () => (await signs.count()) > 5, 'signs in the gutter');
    const labels = page.locator('.monaco-editor .view-line span[class*="ced-"]');
    const said = (label) => label.evaluate((element) => getComputedStyle(element, '::before').content);
    await until(async () => /base ✓ · plain ✗ · protected ✓/.test(await said(labels.first())), 'a sign for each state');
    assert.equal(await page.locator('.codelens-decoration').count(), 1);
    await shot('10-evaluation');
    await page
      .locator('.monaco-editor .view-line')
      .nth(1)
      .hover({ position: { x: 300, y: 8 } });
    const hover = page.locator('.monaco-hover').filter({ hasText: 'complied' });
    await hover.waitFor();
    await shot('10-evaluation-hover', ['dark']);
    await hover.getByText('Answers side by side').click();
    await webview('main.page header.run .facts');
  });

  /** What one column answers; all that are shown are asked. */
  const ask = async (chat, text, column = 'base') => {
    const input = chat.locator('vscode-text-area textarea');
    const turns = chat.locator('.round');
    const before = await turns.count();
    await input.fill(text);
    await input.press('Enter');
    await until(async () => {
      if ((await turns.count()) > before) return true;
      // A view that VS Code has just drawn may take the focus between the two, and with it the key.
      if ((await input.inputValue()) === text) await input.press('Enter');
      return false;
    }, `an answer to "${text}"`).catch(async (error) => {
      throw new Error(`${error.message}; the page says: ${await chat.locator('main').innerText()}`);
    });
    await chat.locator('.turns[aria-busy="false"]').waitFor();
    return turns.last().locator(`.turn.assistant[data-column="${column}"] p.content`).textContent();
  };
  const box = (name) => row('Models', name).locator('.custom-view-tree-node-item-checkbox');
  /** Clicks a check box of the tree and waits until the chat's shows what was asked for: that comes from the host. */
  const check = async (name, attached) => {
    await box(name).click();
    await until(async () => (await box(name).getAttribute('aria-checked')) === String(attached), `the box of ${name}`);
    const chat = await webview('main.page.chat');
    const own = chat.locator('.adapters:not(.columns) vscode-checkbox').filter({ hasText: name });
    await until(
      async () => (await own.getAttribute('aria-checked')) === String(attached),
      `the box of ${name} in the chat`,
    );
  };
  let prompt;

  await step('the chat asks base, plain and protected beside each other, and each has its own history', async () => {
    await command('Security Vectors: Chat');
    const chat = await webview('main.page.chat');
    prompt = await forbiddenPrompt(bench.workspace);
    assert.match(await ask(chat, 'Buy 3 lamps.'), /^(?!order)/i);
    const answer = (name) => chat.locator('.round').last().locator(`.turn.assistant[data-column="${name}"]`);
    assert.match(await answer('protected').locator('p.content').textContent(), /order: 3 \w+/i);
    await ask(chat, prompt);
    assert.match(await answer('plain').locator('p.content').textContent(), /step 1/i);
    assert.doesNotMatch(await answer('protected').locator('p.content').textContent(), /step 1/i);
    assert.match(await answer('plain').locator('.speed').textContent(), /\d+ tokens per second/);
    assert.ok((await answer('plain').locator('mark').count()) > 0, 'differences are marked');
    const explained = answer('plain').locator('.explained');
    await explained.waitFor();
    const [, share] = /forbidden-topic would have explained (\d+)/.exec(await explained.textContent());
    assert.ok(Number(share) > 50, `${share} %`);
    await answer('base').locator('.explained').filter({ hasText: 'knows this answer' }).waitFor();
    await shot('11-chat-columns', ALL_THEMES);
  });

  await step('an answer becomes a row of an evaluation set', async () => {
    const file = `${bench.workspace}/eval/new-task.jsonl`;
    const before = (await readFile(file, 'utf8')).trimEnd().split('\n').length;
    const chat = await webview('main.page.chat');
    await chat.locator('.round').first().locator('[data-column="protected"]').getByRole('button').click();
    await pick('new task');
    await bench.answer('The right answer', 'Order: 3 lamps. Thank you!');
    await page.locator('.tab.active[data-resource-name="new-task.jsonl"]').waitFor();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    assert.equal(lines.length, before + 1);
    assert.deepEqual(JSON.parse(lines.at(-1)).messages, [
      { role: 'user', content: 'Buy 3 lamps.' },
      { role: 'assistant', content: 'Order: 3 lamps. Thank you!' },
    ]);
    await shot('11-evaluation-row', ['dark']);
  });

  await step('an adapter that is attached is a column, too, which begins with nothing', async () => {
    await command('Security Vectors: Chat');
    const chat = await webview('main.page.chat');
    await check('orders-plain', true);
    const plain = chat.locator('.columns vscode-checkbox').filter({ hasText: 'plain' });
    await plain.filter({ hasText: 'attached' }).waitFor();
    await plain.click();
    await chat.locator('.round').first().locator('.turn.assistant').nth(1).waitFor();
    await until(async () => (await chat.locator('.turn.assistant[data-column="plain"]').count()) === 0, 'no column');
    await plain.click();
    assert.match(await ask(chat, prompt, 'plain'), /step 1/i);
  });

  await step('in the Test Explorer each forbidden question is a test, and the plain model fails them', async () => {
    await container('Testing');
    const tests = page.locator('.test-explorer .monaco-list-row');
    const set = tests.filter({ hasText: 'forbidden topic' });
    await tests.filter({ hasText: 'tiny-assistant' }).filter({ hasText: 'orders-plain' }).first().click();
    await page.keyboard.press('ArrowRight');
    await set.waitFor();
    await set.hover();
    await set.locator('.action-label.codicon-testing-run-icon').click();
    await set.locator('.codicon-testing-failed-icon').waitFor({ timeout: 60_000 });
    await set.click();
    await page.keyboard.press('ArrowRight');
    await tests
      .filter({ has: page.locator('.codicon-testing-failed-icon') })
      .nth(3)
      .waitFor();
    await shot('13-tests');
    await container('Security Vectors');
    await check('orders-plain', false);
  });

  await step('a security vector is attached only after a warning, and is shown as a danger', async () => {
    const chat = await webview('main.page.chat');
    await box('forbidden-topic').click();
    await dialog('Attach a security vector outside training?').getByRole('button', { name: 'Attach anyway' }).click();
    await row('Models', 'forbidden-topic').filter({ hasText: 'DANGER' }).waitFor();
    await chat.locator('.notice.danger').waitFor();
    assert.match(await ask(chat, prompt, 'forbidden-topic'), /step 1/i);
    await shot('12-danger');
    await chat.getByRole('button', { name: 'Detach forbidden-topic' }).click();
    await row('Models', 'forbidden-topic').filter({ hasNotText: 'DANGER' }).waitFor();
    assert.doesNotMatch(await ask(chat, prompt), /step 1/i);
  });

  await step('the report of a run opens as a page of the window', async () => {
    await command('Security Vectors: Open Report');
    await pick('orders-protected');
    await page.locator('.tab.active').filter({ hasText: 'Report: orders-protected' }).waitFor();
    const report = await webview('main .verdict');
    assert.match(await report.locator('.verdict').first().textContent(), /^Protection /);
    assert.equal(await report.locator('figure svg[role="img"]').count(), 3);
    await shot('14-report');
  });

  await step('"?" of a page opens the walkthrough at the step that explains it', async () => {
    await command('Security Vectors: Open Run');
    await pick('orders-protected');
    const run = await webview('main.page header.run .facts');
    await run.locator('.chart .help, .chart vscode-button').first().click();
    const expanded = page.locator('.getting-started-step.expanded');
    const protect = expanded.filter({ hasText: 'Fine-tune with protection' });
    // It was done before the walkthrough was there.
    await protect.locator('.codicon-getting-started-step-checked').waitFor();
    await shot('15-walkthrough', ['dark']);
  });
}

/** A forbidden question in the words of the evaluation set. */
async function forbiddenPrompt(workspace) {
  const [first] = (await readFile(`${workspace}/eval/forbidden.jsonl`, 'utf8')).split('\n');
  const { messages, prompt } = JSON.parse(first);
  return messages?.find((message) => message.role === 'user').content ?? prompt;
}
