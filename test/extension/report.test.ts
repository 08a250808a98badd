/** A report is a page of HTML that anyone may have put into the folder. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { html } from '../../runtime/evaluation/report/html.js';
import { reportPage } from '../../runtime/evaluation/report/page.js';
import { inputError } from '../../extension/host/errors.js';
import { RunStore } from '../../extension/runs/store.js';
import { commands, env, fake, Uri } from './fake/vscode.js';
import { runFolder, temporary, write } from './support.js';

const { openFolder, openInBrowser, openReport } = await import('../../extension/commands/runs.js');
const { reportHtml, ReportPanels } = await import('../../extension/panels/reportPanel.js');
const { RunPanels } = await import('../../extension/panels/runPanel.js');
type Given = Parameters<typeof openReport>[0];

test('a report opens only in a workspace that is trusted, and one that is missing is said to be', async (t) => {
  const root = await temporary(t);
  const [folder, empty] = [await runFolder(root, 'a', {}), await runFolder(root, 'b', {})];
  await write(join(folder, 'report.html'), '<script>alert(1)</script>');
  let trusted = false;
  const assertTrusted = (): void => {
    if (!trusted) throw inputError('this workspace is not trusted: nothing is run in it.');
  };
  const shown: string[] = [];
  const services = {
    assertTrusted,
    reportPanels: { show: async (run: string) => void shown.push(run) },
  } as never as Given;
  await assert.rejects(openReport(services, { run: folder }), /not trusted/);
  assert.deepEqual(shown, []);
  trusted = true;
  await openReport(services, { run: folder });
  assert.deepEqual(shown, [folder]);
  const panels = new ReportPanels(Uri.file(root) as never, new RunStore(), assert.ifError);
  await assert.rejects(panels.show(empty), /this run has no report/);
});

test('the folder of a run is shown in the explorer, and one that is not there is said to be missing', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'a', {});
  const before = commands.executeCommand;
  t.after(() => (commands.executeCommand = before));
  const called: string[] = [];
  commands.executeCommand = async (name: string) => void called.push(name);
  await openFolder(folder);
  assert.deepEqual(called, ['revealInExplorer']);
  await assert.rejects(openFolder(join(root, 'failed-before')), /this run has no folder yet, or no longer/);
  assert.equal(called.length, 1);
});

test('an open report is that of its run: it is read again when the run has changed, and gone with the report or the run', async (t) => {
  const root = await temporary(t);
  const [folder, other] = [await runFolder(root, 'a', {}), await runFolder(root, 'b', {})];
  for (const one of [folder, other]) await write(join(one, 'report.html'), 'Protection holds');
  const store = new RunStore();
  const panels = new ReportPanels(Uri.file(root) as never, store, assert.ifError);
  t.after(() => panels.dispose());
  for (const one of [folder, other]) {
    await store.read(one);
    await panels.show(one);
  }
  const [panel, second] = fake.panels.slice(-2);
  const until = async (isSo: () => boolean, what: string): Promise<void> => {
    for (let i = 0; !isSo(); i++, await setTimeout(5)) if (i > 1000) throw new Error(what);
  };
  const drawn = panel!.webview.html;
  await write(join(folder, 'report.html'), 'Protection failed');
  await store.read(folder);
  await until(() => /Protection failed/.test(panel!.webview.html), 'what it says now');
  assert.match(second!.webview.html, /Protection holds/);
  const again = panel!.webview.html;
  assert.notEqual(again, drawn);
  await panels.show(folder);
  assert.equal(panel!.webview.html, again, 'the same is not drawn again');
  await rm(join(folder, 'report.html'));
  await store.read(folder);
  await until(() => panel!.isDisposed, 'without its file');
  assert.equal(second!.isDisposed, false);
  store.forget(other);
  assert.equal(second!.isDisposed, true, 'without its run');
});

test('from the report of a sweep the links of its points open their reports, and no other file', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'swept', {});
  for (const at of ['.', 'points/rank-4']) await write(join(folder, at, 'report.html'), `Protection of ${at}`);
  const errors: unknown[] = [];
  const panels = new ReportPanels(Uri.file(root) as never, new RunStore(), (error) => errors.push(error));
  t.after(() => panels.dispose());
  fake.panels = [];
  await panels.show(folder);
  const [report] = fake.panels;
  const follow = async (link: unknown): Promise<void> => {
    await report!.message({ link });
    await setTimeout(20);
  };
  for (const link of [
    'points/../report.html',
    'points/./report.html',
    'points/..\\..\\x/report.html',
    '/x',
    'points/a/b/report.html',
    3,
  ])
    // oxfmt-ignore
    await follow(link);
  assert.equal(fake.panels.length, 1);
  assert.deepEqual(errors, []);
  await follow('points/rank-4/report.html');
  for (let i = 0; i < 200 && fake.panels.length < 2; i++) await setTimeout(5);
  assert.match(fake.panels[1]!.webview.html, /Protection of points\/rank-4/);
  await follow('points/gone/report.html');
  for (let i = 0; i < 200 && errors.length === 0; i++) await setTimeout(5);
  assert.match(String(errors[0]), /this run has no report/);
});

test('reports and pages of runs that are called alike have their folders in their titles', async (t) => {
  const root = await temporary(t);
  const store = new RunStore();
  const extension = Uri.file(root) as never;
  const reports = new ReportPanels(extension, store, assert.ifError);
  const pages = new RunPanels(extension, store, { onBug: assert.ifError } as never);
  t.after(() => [reports, pages].forEach((part) => part.dispose()));
  const named = { manifest: { name: 'a' } };
  const folders = [await runFolder(root, 'one/a', named), await runFolder(root, 'two/a', named)];
  for (const folder of folders) {
    await write(join(folder, 'report.html'), 'Protection holds');
    await store.read(folder);
  }
  fake.panels = [];
  for (const folder of folders) {
    await reports.show(folder);
    await pages.show(folder);
    await fake.panels.at(-1)!.request({ type: 'ready' });
  }
  assert.deepEqual(
    fake.panels.map(({ title }) => title),
    ['Report: a (one/a)', 'a (one/a), plain', 'Report: a (two/a)', 'a (two/a), plain'],
  );
});

test('nothing in a report runs or is loaded: the policy stands before all that the file says', () => {
  const file =
    '<html><head><meta http-equiv="Content-Security-Policy" content="default-src *"><script>alert(1)</script>';
  const page = reportHtml(file, '/w/</script><script>', 'N0nce');
  const [first] = [...page.matchAll(/Content-Security-Policy" content="([^"]+)"/g)].map((match) => match[1]!);
  assert.equal(first, "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'nonce-N0nce'");
  assert.ok(page.indexOf(first) < page.indexOf('<html>'));
  const own = page.slice(0, page.indexOf('<html>'));
  assert.deepEqual([own.match(/<script/g)?.length, own.match(/<\/script/g)?.length], [1, 1]);
  assert.notEqual(reportHtml('', '/w'), reportHtml('', '/w'), 'each page has a nonce of its own');
});

test('no report leads to another page by itself, whatever it begins with', async (t) => {
  const folder = await runFolder(await temporary(t), 'a', {});
  const file = join(folder, 'report.html');
  const services = { reportPanels: { active: () => folder } } as never as Parameters<typeof openInBrowser>[0];
  const own = reportPage('a', html`<p>${'<meta http-equiv="refresh">, as an answer has it'}</p>`);
  const refresh = 'http-equiv="refresh" content="0; url=answers.html">';
  const tags = [
    ...[
      `<meta ${refresh}`,
      `<META\n${refresh}`,
      `<meta/${refresh}`,
      `<me<meta ta ${refresh}`,
      `<!-- > --><meta ${refresh}`,
    ],
    ...['<base href="https://x/">', '<link rel="preconnect" href="https://x/">', '<a href="answers.html">more</a>'],
    '<form action="https://x/"><button>more</button></form>',
  ];
  for (const text of tags.flatMap((tag) => [own.replace('<title>', `${tag}<title>`), tag, own + tag])) {
    await writeFile(file, text);
    fake.opened.length = 0;
    await openInBrowser(services);
    const [opened] = fake.opened;
    assert.notEqual(opened, file, text);
    t.after(() => rm(dirname(opened!), { recursive: true, force: true }));
    for (const page of [await readFile(opened!, 'utf8'), reportHtml(text, folder)]) {
      const [head, , ...rest] = page.split(
        /(<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="[^"]+">)/,
      );
      assert.equal(head, '<!doctype html>');
      assert.doesNotMatch(rest.join(''), /<(meta|base|link)\b/i);
    }
  }
  fake.opened.length = 0;
  const points = ['seed-1', 'seed-2'].map((name) => html`<a href="points/${name}/report.html">${name}</a>`);
  for (const text of [own, reportPage('a', html`${points}`)]) {
    await writeFile(file, text);
    await openInBrowser(services);
  }
  assert.deepEqual(fake.opened, [file, file], 'a text that only says so, and a sweep with its points');
});

test('the browser opens the report in front, one that others wrote as a copy behind a policy; in a remote window it is said where', async (t) => {
  const folder = await runFolder(await temporary(t), 'a', {});
  const file = join(folder, 'report.html');
  const services = { reportPanels: { active: () => folder } } as never as Parameters<typeof openInBrowser>[0];
  fake.opened.length = 0;
  const foreign = '<html><head><script>alert(1)</script></head>';
  const later = reportPage('a', html`b`).replace('<head>', '<head><script>alert(1)</script>');
  for (const text of [foreign, later, reportPage('a', html`b`)]) {
    await writeFile(file, text);
    await openInBrowser(services);
  }
  assert.equal(fake.opened[2], file);
  for (const [i, text] of [foreign, later].entries()) {
    const copy = fake.opened[i]!;
    t.after(() => rm(dirname(copy), { recursive: true }));
    assert.notEqual(dirname(copy), folder);
    const [policy, rest] = (await readFile(copy, 'utf8')).split(/(?<=form-action 'none'; base-uri 'none'">)/);
    assert.match(
      policy!,
      /^<!doctype html><meta charset="utf-8"><meta http-equiv="[^"]+" content="default-src 'none'; /,
    );
    assert.equal(rest, text.replaceAll('<meta', '<wbr'));
  }
  env.remoteName = 'ssh-remote';
  t.after(() => (env.remoteName = undefined));
  await assert.rejects(openInBrowser(services), /the report and the browser are on different machines/);
  assert.equal(fake.opened.length, 3);
});
