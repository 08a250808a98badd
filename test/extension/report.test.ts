/** A report is a page of HTML that anyone may have put into the folder. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { inputError } from '../../extension/host/errors.js';
import type { Services } from '../../extension/services/services.js';
import { env, fake, UIKind } from './fake/vscode.js';
import { runFolder, temporary, write } from './support.js';

const { openReport } = await import('../../extension/commands/runs.js');

for (const uiKind of Object.values(UIKind))
  test(`a report opens only in a workspace that is trusted (window ${uiKind})`, async (t) => {
    const root = await temporary(t);
    const folder = await runFolder(root, 'a', {});
    const report = await write(join(folder, 'report.html'), '<script>alert(1)</script>');
    env.uiKind = uiKind;
    fake.opened = [];
    let trusted = false;
    const assertTrusted = (): void => {
      if (!trusted) throw inputError('this workspace is not trusted: nothing is run in it.');
    };
    const services = { assertTrusted } as Pick<Services, 'assertTrusted' | 'store'>;
    await assert.rejects(openReport(services, { run: folder }), /not trusted/);
    assert.deepEqual(fake.opened, []);
    trusted = true;
    await openReport(services, { run: folder });
    assert.deepEqual(fake.opened, [report]);
  });
