import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import { fileInFront, saveOpen } from '../host/documents.js';
import { errorData, noVector } from '../host/errors.js';
import { adapterName } from '../../runtime/contract/adapterName.js';
import { errorText } from '../../runtime/contract/errors.js';
import type { ScanRow } from '../../runtime/contract/scan.js';
import { openData } from '../data/openData.js';
import { hasToReview, scanSummary, type Scan } from '../data/scans.js';
import type { Services } from '../services/services.js';
import { setting } from '../host/settings.js';
import { numbers, t } from '../host/text.js';
import { scanModelFor, vectorsFor, withVectors } from '../services/choice.js';
import type { Model } from '../workspace/models.js';
import { precisionWith } from '../workspace/precision.js';
import { confirm } from './confirm.js';
import { chooseModel, noModels } from './models.js';
import { askData, dataInFront, type Known } from './dataSource.js';
import { wizard } from './wizard.js';

/** Marks the rows of a data file that a security vector explains. */
export async function scan(
  services: Known &
    Pick<Services, 'assertTrusted' | 'models' | 'notices' | 'reviews' | 'store' | 'triagePanels' | 'workAtHand'>,
  given: CommandArguments['scan'],
): Promise<Scan> {
  services.assertTrusted();
  if (given.model === undefined && given.vector === undefined) requireVector(services);
  const title = t('Scan for harmful rows');
  const named = given.file ?? dataInFront(services);
  const chosen = await wizard(title, async (ask) => {
    const model = named === undefined ? services.models.list()[0] : scanModelFor(services, named);
    return askData(services, ask, { question: t('Which data?'), model, file: named, columns: given.columns });
  });
  const { file: data, columns, format } = chosen;
  await saveOpen(data);
  const known = given.model === undefined ? scanModelFor(services, data) : undefined;
  const model = known ?? (await chooseModel(services, given.model, title));
  const vector = given.vector ?? (await chooseVector(services, model, title));
  const before = await stat(data);
  const limit = { falseAlarms: setting('scanFalseAlarms') };
  const where = { device: setting('device'), precision: precisionWith(model, [{ path: vector }]) };
  await services.reviews.look(data);
  // Excluded rows stay on the page, where somebody may decide otherwise; one that is damaged needs no mending.
  const excluded = services.reviews.get(data).size > 0 && ({ reviewed: 'read' } as const);
  const params = { model: model.path, vector, data, format, columns, limit, ...where, ...excluded };
  const reasons: string[] = [];
  const unkept = (error: unknown): void => void reasons.push(errorText(errorData(error)));
  const asked = { command: 'scan', given: { file: data, model: model.path, vector } } as const;
  const scanning = t('Scanning {0}', basename(data));
  const found = await services.workAtHand.during(asked, scanning, async (onProgress, token) => {
    const perRow: ScanRow[] = [];
    const onRows = (rows: ScanRow[]): void => void perRow.push(...rows);
    const result = await services.engine.request('scan', params, { token, onRows, onProgress });
    const more = { model: model.path, before, columns, format, unkept };
    return services.scans.add(data, vector, adapterName(vector), { ...result, perRow }, more);
  });
  const show = { title: t('Open'), run: () => openData(data) };
  const review = { title: t('Review'), run: () => services.triagePanels.show(data) };
  const reviewed = hasToReview(found);
  // how well it agrees with labels stands on the page, too
  const said = numbers().of(basename(data), scanSummary(reviewed ? { ...found, auroc: null } : found));
  const buttons = reviewed ? [review, show] : [show];
  const [why] = reasons;
  if (why === undefined) services.notices.info(said, ...buttons);
  else services.notices.warn(`${said} ${t('It is not kept beyond this window: {0}', why)}`, ...buttons);
  return found;
}

export async function clearScan(
  { scans }: Pick<Services, 'scans'>,
  { file = fileInFront() }: CommandArguments['clearScan'],
): Promise<void> {
  if (file === undefined || !scans.get(file)) return;
  const detail = t(
    'What the scan has found is deleted; a new one takes as long as the first. Decisions about rows stay.',
  );
  await confirm(t('Clear the scan of {0}?', basename(file)), detail, t('Clear'));
  await scans.drop(file);
}

/** @throws HostError where no model has one: choosing rows would lead nowhere */
function requireVector(services: Known & Pick<Services, 'models' | 'store'>): void {
  if (withVectors(services).length > 0) return;
  const [model] = services.models.list();
  throw model ? noVector(model.name) : noModels();
}

async function chooseVector(services: Parameters<typeof vectorsFor>[0], model: Model, title: string): Promise<string> {
  const vectors = vectorsFor(services, model);
  const [first] = vectors;
  if (!first) throw noVector(model.name);
  if (vectors.length === 1) return first.path;
  const choices = vectors.map((v) => ({
    label: v.name,
    description: vscode.workspace.asRelativePath(v.path),
    value: v.path,
  }));
  return wizard(title, (ask) => ask.pick(t('Which security vector?'), choices));
}
