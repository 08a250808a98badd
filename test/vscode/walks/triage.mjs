/** 59,861 rows, 20,000 of them suspicious, are decided by groups and exported, while the extension host stays small and quick. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROWS, SUSPICIOUS, writeBigData } from './bigData.mjs';
import { hostProbe, LONGEST_MS, MOST_MB } from './host.mjs';

export const title = '59,861 rows, 20,000 of them suspicious, are triaged by groups and exported';

export async function prepare({ workspace }) {
  await writeBigData(path.join(workspace, 'data/train.jsonl'), path.join(workspace, 'data/big.jsonl'));
  await promisify(execFile)(process.execPath, [
    '--import',
    'tsx',
    path.join(import.meta.dirname, 'bigScan.ts'),
    workspace,
  ]);
  return hostProbe();
}

/** Groups that are decided one by one; the rest is decided together. */
const ONE_BY_ONE = 10;

export default async function triage({ step, until, shot, open, container, prepared, ...bench }) {
  const { lens, webview, workspace, answer } = bench;
  const file = (...parts) => path.join(workspace, ...parts);
  const review = async () => JSON.parse(await readFile(file('data/big.jsonl.review.json'), 'utf8'));
  const lines = async (name) => (await readFile(file(name), 'utf8')).trimEnd().split('\n');
  const table = () => webview('main.page.triage .space .row', 60_000);
  const status = async () => (await table()).locator('.controls [role=status]').textContent();
  const rowsIn = (text) => Number(/^([\d,]+) rows/.exec(text)[1].replaceAll(',', ''));
  const choose = async (at, text) => {
    const frame = await table();
    await frame.locator('vscode-dropdown').nth(at).click();
    await frame.locator('vscode-dropdown').nth(at).locator('vscode-option').filter({ hasText: text }).first().click();
  };
  const seen = [];
  const measured = async (what) => seen.push(await prepared.measured(what));

  let flagged;
  await step('the scanned file is opened, and its rows are coloured', async () => {
    await container('Security Vectors');
    await prepared.measured('the start of the window (not counted)');
    await open('data/big.jsonl');
    const found = lens('look harmful');
    await found.first().waitFor({ timeout: 60_000 });
    flagged = Number(/([\d,]+) of/.exec(await found.first().textContent())[1].replaceAll(',', ''));
    assert.equal(flagged, SUSPICIOUS);
    await measured('opened');
  });

  await step('the review opens with the worst rows first', async () => {
    await lens('Review flagged rows').first().click();
    await table();
    assert.equal(rowsIn(await status()), flagged);
    await shot('b1-review', ['dark']);
    await measured('review opened');
  });

  await step('rows are grouped by similar answers', async () => {
    await choose(0, 'flagged, undecided');
    await choose(1, 'similar answers');
    const frame = await table();
    await frame.locator('.row.group').first().waitFor({ timeout: 120_000 });
    console.log(`    ${await status()}`);
    await shot('b2-groups', ['dark']);
    await measured('grouped');
  });

  await step('the largest groups are decided one by one, the rest at once', async () => {
    const grid = (await table()).locator('.grid');
    for (let i = 0; i < ONE_BY_ONE && (await left()) > 0; i++) {
      const before = await left();
      await grid.press('Home');
      await grid.press('x');
      await until(async () => (await left()) < before, `group ${i + 1} decided`);
    }
    if ((await left()) > 0) {
      await grid.press('Control+a');
      await grid.press('x');
    }
    await until(async () => (await left()) === 0, 'nothing is undecided');
    const { exclude } = await review();
    console.log(`    ${exclude.length} decisions in the file`);
    await shot('b3-decided', ['dark']);
    await measured('decided');
  });

  /** Rows that are shown: none when all are decided. */
  async function left() {
    const frame = await webview('main.page.triage .controls [role=status]');
    return rowsIn(await frame.locator('.controls [role=status]').textContent());
  }

  await step('a cleaned copy has all other rows, byte for byte', async () => {
    const frame = await webview('main.page.triage .controls [role=status]');
    await frame.getByRole('button', { name: 'Save a cleaned copy' }).click();
    await answer('', file('data/kept.jsonl'));
    const kept = await until(() => lines('data/kept.jsonl'), 'the cleaned file', 120_000);
    const before = new Set(await lines('data/big.jsonl'));
    assert.ok(kept.every((line) => before.has(line)));
    assert.ok(kept.length <= ROWS - flagged, `${kept.length} rows kept`);
    console.log(`    ${kept.length} rows kept`);
    await shot('b4-cleaned', ['dark']);
    await measured('exported');
  });

  await step(`the extension host stayed below ${MOST_MB} MB and never blocked for ${LONGEST_MS} ms`, () => {
    assert.deepEqual(
      seen.filter(({ mostMB, longestMs }) => mostMB >= MOST_MB || longestMs >= LONGEST_MS),
      [],
    );
  });
}
