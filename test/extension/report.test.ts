/** A report is a page of HTML that anyone may have put into the folder. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { inputError } from '../../extension/host/errors.js';
import { env, fake, Uri } from './fake/vscode.js';
import { runFolder, temporary, write } from './support.js';

const { openInBrowser, openReport } = await import('../../extension/commands/runs.js');
const { reportHtml, ReportPanels } = await import('../../extension/panels/reportPanel.js');
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
  const panels = new ReportPanels(Uri.file(root) as never);
  await assert.rejects(panels.show(empty), /this run has no report/);
});

test('nothing in a report runs or is loaded: the policy stands before all that the file says', () => {
  const file =
    '<html><head><meta http-equiv="Content-Security-Policy" content="default-src *"><script>alert(1)</script>';
  const page = reportHtml(file, '/w/</script><script>', 'N0nce');
  const [first] = [...page.matchAll(/Content-Security-Policy" content="([^"]+)"/g)].map((match) => match[1]!);
  assert.equal(first, "default-src 'none'; script-src 'nonce-N0nce'; style-src 'unsafe-inline'; img-src data:");
  assert.ok(page.indexOf(first) < page.indexOf('<html>'));
  const own = page.slice(0, page.indexOf('<html>'));
  assert.deepEqual([own.match(/<script/g)?.length, own.match(/<\/script/g)?.length], [1, 1]);
  assert.notEqual(reportHtml('', '/w'), reportHtml('', '/w'), 'each page has a nonce of its own');
});

test('the browser opens the report in front, and in a remote window it is said where to open it', async (t) => {
  const services = { reportPanels: { active: () => '/w/a' } } as never as Parameters<typeof openInBrowser>[0];
  fake.opened.length = 0;
  await openInBrowser(services);
  assert.deepEqual(fake.opened, [join('/w/a', 'report.html')]);
  env.remoteName = 'ssh-remote';
  t.after(() => (env.remoteName = undefined));
  await assert.rejects(openInBrowser(services), /on another machine than the browser/);
  assert.equal(fake.opened.length, 1);
});
