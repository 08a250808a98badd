import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import { fileInFront } from '../host/documents.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Services } from '../services/services.js';
import { wizard } from './wizard.js';

/** Opens the table of a scanned file's rows, on which people decide about them. */
export async function review(
  services: Pick<Services, 'assertTrusted' | 'scans' | 'triagePanels'>,
  given: CommandArguments['review'],
): Promise<void> {
  services.assertTrusted();
  const { scans, triagePanels } = services;
  const active = fileInFront();
  const open = active !== undefined && scans.get(active) ? active : undefined;
  await triagePanels.show(given.file ?? open ?? (await chooseScanned(services)));
}

async function chooseScanned({ scans }: Pick<Services, 'scans'>): Promise<string> {
  const files = scans.list();
  if (files.length === 0)
    throw inputError(t('no data file has been scanned.'), { remedy: t('Scan one for harmful rows first.') });
  const choices = files.map((value) => ({ label: vscode.workspace.asRelativePath(value), value }));
  return wizard(t('Review flagged rows'), (ask) => ask.pick(t('Which data?'), choices));
}

/** Decides about rows by their hashes: what quick fixes do. */
export async function decide(
  { reviews }: Pick<Services, 'reviews'>,
  { file, hashes = [], decision }: CommandArguments['decide'],
): Promise<void> {
  if (file === undefined || hashes.length === 0) return;
  await reviews.decide(file, hashes, decision);
}
