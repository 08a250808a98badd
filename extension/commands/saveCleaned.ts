import { basename, dirname, extname, join } from 'node:path';
import * as vscode from 'vscode';
import { MAX_EDITOR_BYTES } from '../data/scans.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Services } from '../services/services.js';

/** Writes a scanned file without what was found in it, and shows both side by side. */
export async function saveCleaned(
  services: Pick<Services, 'assertTrusted' | 'engine' | 'notices' | 'scans'>,
  given: CommandArguments['saveCleaned'],
): Promise<string | undefined> {
  services.assertTrusted();
  const { engine, notices, scans } = services;
  const data = given.file ?? vscode.window.activeTextEditor?.document.uri.fsPath;
  if (data !== undefined) await scans.look(data);
  const found = data === undefined ? undefined : scans.get(data);
  if (!found || scans.since(found.data).changed)
    throw inputError(t('the file has not been scanned as it is now.'), { place: data, remedy: t('Scan it first.') });
  const out = given.out ?? (await askFile(found.data));
  if (out === undefined) return undefined;
  // The dialog has asked whether a file is to be replaced.
  const force = given.out === undefined;
  const { kept, cut, left } = await engine.request('clean', {
    data: found.data,
    ...(found.columns && { columns: found.columns }),
    out,
    force,
    ...found.cleaning,
  });
  notices.info(t('{0}: {1} rows are as they were, {2} are shorter, {3} are left out.', basename(out), kept, cut, left));
  const isText = !/\.parquet$/i.test(found.data) && found.size <= MAX_EDITOR_BYTES;
  const files = [found.data, out].map((file) => vscode.Uri.file(file));
  if (isText)
    await vscode.commands.executeCommand('vscode.diff', ...files, t('{0} and its cleaned copy', basename(found.data)));
  return out;
}

async function askFile(data: string): Promise<string | undefined> {
  const name = `${basename(data, extname(data))}.clean.jsonl`;
  const uri = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(join(dirname(data), name)),
    filters: { [t('JSON lines')]: ['jsonl'] },
    title: t('Save a cleaned copy'),
  });
  return uri?.fsPath;
}
