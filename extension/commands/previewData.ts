import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import { saveOpen } from '../host/documents.js';
import { withProgress } from '../host/messages.js';
import { t } from '../host/text.js';
import { showPreview } from '../data/previews.js';
import { mappingText } from '../host/mappingText.js';
import { modelFor, readBy } from '../services/choice.js';
import type { Services } from '../services/services.js';
import { askData, dataInFront, type Known } from './dataSource.js';
import { wizard } from './wizard.js';

/** Rows that are shown. */
const ROWS = 20;

/** Shows some rows of a data file as the model reads them, in a document of its own. */
export async function previewData(
  services: Known & Pick<Services, 'assertTrusted' | 'models' | 'notices' | 'store'>,
  given: CommandArguments['previewData'] & { anew?: boolean },
): Promise<void> {
  services.assertTrusted();
  const named = given.file ?? dataInFront(services);
  const modelOf = (file: string | undefined): ReturnType<typeof modelFor> =>
    services.models.list().find(({ path }) => path === given.model) ??
    (file === undefined ? services.models.list()[0] : modelFor(services, file));
  const title = t('Show rows as the model reads them');
  const { file, ...read } = await wizard(title, (ask) =>
    askData(services, ask, {
      question: t('Which data?'),
      model: modelOf(named),
      file: named,
      columns: given.columns,
      anew: given.anew,
      answersOptional: true,
    }),
  );
  await saveOpen(file);
  const model = modelOf(file);
  const answersOptional = services.recipes.isEvaluationSet(file);
  const params = { path: file, model: model?.path, ...read, rows: ROWS, answersOptional };
  const preview = await withProgress(
    t('Reading {0}', basename(file)),
    () => services.engine.request('previewData', params),
    vscode.ProgressLocation.Window,
  );
  await showPreview(preview, model, read.columns);
  const chosen = readBy(services.recipes, file) ? undefined : services.mappings.get(file);
  if (chosen)
    services.notices.info(t('{0} is read as {1}.', basename(file), mappingText(chosen)), {
      title: t('Choose other columns…'),
      run: () => previewData(services, { ...given, file, columns: undefined, anew: true }),
    });
}
