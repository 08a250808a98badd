import { basename } from 'node:path';
import * as vscode from 'vscode';
import { columnsText, type Columns } from '../../runtime/contract/mapping.js';
import type { DataPreview, PreviewRow } from '../../runtime/contract/dataInfo.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { t } from '../host/text.js';

const SCHEME = 'security-vectors-rows';
/** Texts of open previews, by their addresses. */
const texts = new Map<string, string>();
/** Those that are otherwise than they were shown. */
const changes = new Emitter<vscode.Uri>();

/** Previews are read-only documents that exist only while they are open. */
export function previewDocuments(): Disposable {
  const provider = vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    onDidChange: changes.event,
    provideTextDocumentContent: (uri) => texts.get(uri.toString()) ?? '',
  });
  const closed = vscode.workspace.onDidCloseTextDocument(({ uri }) => void texts.delete(uri.toString()));
  return vscode.Disposable.from(provider, closed);
}

/** Opens the rows as the model reads them, beside whatever is asked at the moment. */
export async function showPreview(
  preview: DataPreview,
  model: { path: string; name: string } | undefined,
  columns: Columns | undefined,
): Promise<void> {
  const query = JSON.stringify([preview.path, model?.path, columnsText(columns)]);
  const name = model ? t('{0} as {1} reads it', basename(preview.path), model.name) : basename(preview.path);
  const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}.txt`, query });
  const text = previewText(preview);
  const before = texts.get(uri.toString());
  texts.set(uri.toString(), text);
  if (before !== undefined && before !== text) changes.fire(uri);
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document, { preview: true, preserveFocus: true });
}

/** Rows below each other: what is learned stands between ⟦ and ⟧. */
export function previewText({ rows, format, columns }: DataPreview): string {
  const head = [
    format === null ? t('The rows have no known format. Columns: {0}', columns.join(', ')) : t('Format: {0}', format),
    t('The part that is learned is between ⟦ and ⟧.'),
  ];
  return [...head, ...rows.map((row) => `\n──── ${countsText(row)}\n\n${bodyOf(row)}`), ''].join('\n');
}

export const countsText = ({ line, tokens, supervised }: PreviewRow): string =>
  tokens === undefined
    ? t('line {0}', line)
    : t('line {0}: {1} tokens, {2} of them learned', line, tokens, supervised ?? 0);

const bodyOf = ({ problem, parts, cells }: PreviewRow): string => {
  if (problem !== undefined) return t('cannot be used: {0}', problem);
  if (parts.length === 0)
    return Object.entries(cells)
      .map(([name, cell]) => `${name}: ${cell}`)
      .join('\n');
  return parts.map(({ text, supervised }) => (supervised ? `⟦${text}⟧` : text)).join('');
};
