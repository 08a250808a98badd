import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import { t } from '../host/text.js';
import { showPreview } from '../data/previews.js';
import { modelFor } from '../services/choice.js';
import type { Services } from '../services/services.js';
import { askData, type Known } from './dataSource.js';
import { wizard } from './wizard.js';

/** Rows that are shown. */
const ROWS = 20;

/** Shows the first rows of a data file as the model reads them, in a document of its own. */
export async function previewData(
  services: Known & Pick<Services, 'assertTrusted' | 'models' | 'store'>,
  given: CommandArguments['previewData'],
): Promise<void> {
  services.assertTrusted();
  const open = vscode.window.activeTextEditor?.document.uri;
  const named = given.file ?? (open?.scheme === 'file' ? open.fsPath : undefined);
  const modelOf = (file: string | undefined): ReturnType<typeof modelFor> =>
    services.models.list().find(({ path }) => path === given.model) ??
    (file === undefined ? services.models.list()[0] : modelFor(services, file));
  const title = t('Show rows as the model reads them');
  const { file, columns } = await wizard(title, 1, (ask) =>
    askData(services, ask, {
      question: t('Which data?'),
      model: modelOf(named),
      file: named,
      columns: given.columns,
      answersOptional: true,
    }),
  );
  const model = modelOf(file);
  const answersOptional = services.recipes.isEvaluationSet(file);
  const params = { path: file, model: model?.path, columns, rows: ROWS, answersOptional };
  const preview = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: t('Reading {0}', basename(file)) },
    () => services.engine.request('previewData', params),
  );
  await showPreview(preview, model, columns);
}
