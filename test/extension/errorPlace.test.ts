/** The page of a run that failed opens the place of the error, as a notification does. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { RunStore } from '../../extension/runs/store.js';
import type { RunPageEvent } from '../../webview/protocol/run.js';
import { commands, fake, Uri } from './fake/vscode.js';
import { runFolder, temporary, write } from './support.js';

const { RunPanels } = await import('../../extension/panels/runPanel.js');
type Actions = ConstructorParameters<typeof RunPanels>[2];

test('a run that failed at a row has a button that opens it, as long as its file is there', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'data/bad.jsonl'), '{}\n{');
  const error = { kind: 'input' as const, message: 'this line is not JSON.', place: `${data}:2` };
  const folder = await runFolder(root, 'bad', { manifest: { outcome: 'failed', error } });
  const store = new RunStore();
  const panels = new RunPanels(Uri.file('/extension') as never, store, {
    onBug: assert.ifError,
  } as Partial<Actions> as Actions);
  const before = commands.executeCommand;
  t.after(() => {
    panels.dispose();
    commands.executeCommand = before;
  });
  const opened: string[] = [];
  commands.executeCommand = async (name: string, ...[uri]: unknown[]) => void opened.push(name, (uri as Uri).fsPath);
  await store.read(folder);
  await panels.show(folder);
  const panel = fake.panels.at(-1)!;
  const face = async (): Promise<string | undefined> => {
    await panel.request({ type: 'ready' });
    const events = panel.events() as RunPageEvent[];
    return events.flatMap((event) => (event.type === 'snapshot' ? [event.run] : [])).at(-1)?.openPlace;
  };
  assert.equal(await face(), 'Open bad.jsonl, line 2');
  await panel.request({ type: 'openPlace' });
  assert.deepEqual(opened, ['vscode.open', data]);
  await rm(data);
  assert.equal(await face(), undefined);
});
