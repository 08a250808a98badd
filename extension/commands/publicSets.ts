import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { PUBLIC_SETS, publicSet, type PublicSet } from '../../runtime/contract/publicSets.js';
import type { DatasetInfo, DatasetResult } from '../../runtime/contract/dataInfo.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError } from '../host/errors.js';
import type { Services } from '../services/services.js';
import { t } from '../host/text.js';
import { bring, hubToken } from './hub.js';
import { slug } from './recipeFiles.js';
import { requireRoot } from './root.js';
import type { Ended } from './runs.js';
import { trainVector } from './training.js';
import { wizard, type Choice, type Questions } from './wizard.js';

type Training = Parameters<typeof trainVector>[0] & Pick<Services, 'engine' | 'secrets'>;
type Given = CommandArguments['trainPublic'];

/** Downloads harmful and ordinary rows of public data sets into `data/`, then trains a vector on them. */
export async function trainPublic(services: Training, given: Given): Promise<Ended> {
  services.assertTrusted();
  const root = requireRoot();
  if (given.model === undefined && services.models.list().length === 0)
    throw inputError(t('there is no model in this workspace.'), { remedy: t('Add one in the Models view.') });
  const { harmful, benign } = await wizard(t('Train a vector from a public set'), 3, async (ask) => {
    const repository = given.repository ?? (await askSet(ask));
    const beside = given.benign ?? (await askBenign(ask, repository));
    for (const name of new Set([repository, beside]))
      if (name !== '' && !given.confirmed) await confirm(services, ask, name, given);
    return { harmful: repository, benign: beside };
  });
  const sets = new Map<string, DatasetResult>();
  for (const name of new Set([harmful, benign]))
    if (name !== '') sets.set(name, await bringSet(services, root, name, given));
  const file = (name: string, use: 'harmful' | 'benign'): string => {
    const { path, files } = sets.get(name)!;
    const found = files.find((f) => f.use === use) ?? files.find((f) => f.use === null);
    if (found) return join(path, found.name);
    throw inputError(t('{0} has no rows that are known to be {1}.', name, use), {
      place: path,
      remedy: t('Choose another data set.'),
    });
  };
  return trainVector(services, {
    model: given.model,
    harmful: file(harmful, 'harmful'),
    benign: benign === '' ? '' : file(benign, 'benign'),
    name: given.name ?? slug(basename(harmful)),
  });
}

const has = (set: PublicSet | undefined, use: 'harmful' | 'benign'): boolean =>
  set?.sources.some(({ rows }) => rows.some((part) => part.use === use)) ?? false;
const choices = (use: 'harmful' | 'benign'): Choice<string>[] =>
  PUBLIC_SETS.filter((set) => has(set, use)).map(({ title, repository }) => ({
    label: title,
    description: repository,
    value: repository,
  }));

const OTHER = '/';

async function askSet(ask: Questions): Promise<string> {
  const chosen = await ask.pick(t('Where do the harmful rows come from?'), [
    ...choices('harmful'),
    { label: t('Another data set…'), description: t('all of its rows show what must not be learned'), value: OTHER },
  ]);
  if (chosen !== OTHER) return chosen;
  return ask.input(t('Data set on the Hugging Face Hub: owner/name, or owner/name/file'), '', (text) =>
    /^[\w.-]+\/[\w.-]+(\/[\w./-]+)?$/.test(text) ? undefined : t('Give it as owner/name.'),
  );
}

function askBenign(ask: Questions, harmful: string): Promise<string> {
  const own = has(publicSet(harmful), 'benign') ? harmful : undefined;
  const all = choices('benign');
  return ask.pick(t('Which harmless rows must the vector not change?'), [
    ...all
      .filter(({ value }) => value === own)
      .map((c) => ({ ...c, description: t('the harmless rows of the same set') })),
    ...all.filter(({ value }) => value !== own),
    { label: t('None'), description: t('nothing keeps the vector from changing harmless answers'), value: '' },
  ]);
}

/** Licence, gating and size are shown before anything is downloaded. */
async function confirm(services: Training, ask: Questions, repository: string, given: Given): Promise<void> {
  const info = await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: t('Asking the Hub about {0}', repository),
      cancellable: true,
    },
    async (_, token) => services.engine.request('describeDataset', await asked(services, repository, given), { token }),
  );
  await ask.pick(describe(info), [
    { label: t('Download'), detail: t('Its page: {0}', `huggingface.co/datasets/${info.repository}`), value: true },
  ]);
}

const describe = ({ repository, licence, gated, bytes }: DatasetInfo): string =>
  [
    repository,
    licence === null ? t('no licence named') : t('licence {0}', licence),
    gated ? t('gated: its owner asks for terms to be accepted') : t('not gated'),
    t('at most {0} MB', Math.ceil(bytes / 1e6)),
  ].join(' · ');

/** A revision is one of the set that is named. */
const asked = async (services: Training, repository: string, { repository: named, revision, endpoint }: Given) => ({
  repository,
  revision: repository === named ? revision : undefined,
  endpoint,
  token: await hubToken(services),
});

async function bringSet(services: Training, root: string, repository: string, given: Given): Promise<DatasetResult> {
  const params = await asked(services, repository, given);
  const folder = join(root, 'data', slug(repository.split('/')[1] ?? repository));
  return bring(services, 'downloadDataset', folder, (out, force) => ({ ...params, out, force }));
}
