import * as vscode from 'vscode';
import type { Decision } from '../../runtime/contract/review.js';
import { TEXT_DATA_GLOB } from '../data/files.js';
import { commandLink } from '../host/commandLink.js';
import { t } from '../host/text.js';
import type { Services } from '../services/services.js';
import type { Marks } from './marks.js';

const FILES: vscode.DocumentSelector = [
  { scheme: 'file', pattern: TEXT_DATA_GLOB },
  { scheme: 'file', language: 'json' },
];

/** Quick fixes of marked rows: what the review page does, in the editor. */
export function rowActions(marks: Marks, { reviews }: Pick<Services, 'reviews'>): vscode.Disposable {
  return vscode.languages.registerCodeActionsProvider(
    FILES,
    {
      provideCodeActions: ({ uri: { fsPath: file } }, range) => {
        const rows = marks.between(file, range.start.line, range.end.line);
        const hashes = [...new Set(rows.flatMap(({ looks }) => looks.hash ?? []))];
        if (hashes.length === 0) return [];
        const decided = hashes.map((hash) => reviews.get(file).get(hash));
        const offered = ([decision]: [Decision | undefined, string]): boolean =>
          decided.some((before) => before !== decision);
        const decisions: [Decision | undefined, string][] = [
          ['fine', hashes.length === 1 ? t('Mark this row as fine') : t('Mark {0} rows as fine', hashes.length)],
          ['exclude', hashes.length === 1 ? t('Exclude this row') : t('Exclude {0} rows', hashes.length)],
          ['unsure', hashes.length === 1 ? t('Unsure about this row') : t('Unsure about {0} rows', hashes.length)],
          [undefined, t('Undo the decision')],
        ];
        const actions = decisions.filter(offered).map(([decision, title]) => {
          const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
          action.command = commandLink('decide', title, { file, hashes, decision });
          return action;
        });
        const review = new vscode.CodeAction(t('Review flagged rows'), vscode.CodeActionKind.QuickFix);
        review.command = commandLink('review', review.title, { file });
        return [...actions, review];
      },
    },
    { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
  );
}
