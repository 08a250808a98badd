import { basename, join } from 'node:path';
import { PUBLIC_SETS, publicSet, type PublicSet } from '../../runtime/contract/publicSets.js';
import { megabytes } from '../../runtime/contract/format.js';
import type { DatasetInfo, DatasetResult } from '../../runtime/contract/dataInfo.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError, noModel } from '../host/errors.js';
import type { Services } from '../services/services.js';
import { withProgress } from '../host/messages.js';
import { numbers, t } from '../host/text.js';
import type { Asked } from '../host/workAtHand.js';
import { bring, hubToken } from './hub.js';
import { slug } from './recipeFiles.js';
import { requireRoots, rootFor } from './root.js';
import type { Ended } from './runs.js';
import { trainVector } from './training.js';
import { wizard, type Choice, type Questions } from './wizard.js';

type Training = Parameters<typeof trainVector>[0] & Pick<Services, 'engine' | 'secrets' | 'workAtHand'>;
type Given = CommandArguments['trainPublic'];
/** What is brought of a set. */
type Part = Omit<Requests['describeDataset']['params'], 'token'>;

/** Downloads harmful and ordinary rows of public data sets into `data/`, then trains a vector on them. */
export async function trainPublic(services: Training, given: Given): Promise<Ended> {
  services.assertTrusted();
  requireRoots();
  if (given.model === undefined && services.models.list().length === 0) throw noModel();
  const look = hubOf(services);
  const { harmful, benign, parts } = await wizard(t('Train a vector from a public set'), async (ask) => {
    const repository = given.repository ?? (await askSet(ask, (repository) => look({ repository })));
    const beside = given.benign ?? (await askBenign(ask, repository));
    const parts: Part[] = [];
    for (const name of new Set([repository, beside].filter(Boolean))) {
      const { revision, split } = given;
      const part = { repository: name, ...(name === given.repository && { revision, split }) };
      parts.push(given.confirmed ? part : await confirm(look, ask, part));
    }
    return { harmful: repository, benign: beside, parts };
  });
  const root = await rootFor(given.model);
  const asked: Asked = { command: 'trainPublic', given: { ...given, repository: harmful, benign } };
  const sets = new Map<string, DatasetResult>();
  for (const part of parts) sets.set(part.repository, await bringSet(services, root, part, asked));
  const file = (name: string, use: 'harmful' | 'benign'): string => {
    const { path, files } = sets.get(name)!;
    const found = files.find((f) => f.use === use) ?? files.find((f) => f.use === null);
    if (found) return join(path, found.name);
    const message =
      use === 'harmful'
        ? t('{0} has no rows that are known to be harmful.', name)
        : t('{0} has no rows that are known to be ordinary.', name);
    throw inputError(message, { place: path, remedy: t('Choose another data set.') });
  };
  return trainVector(services, {
    model: given.model,
    harmful: file(harmful, 'harmful'),
    benign: benign === '' ? '' : file(benign, 'benign'),
    rows: given.rows,
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

/** A name that the Hub does not have is typed again. */
async function askSet(ask: Questions, look: (repository: string) => Promise<unknown>): Promise<string> {
  const chosen = await ask.pick(t('Where do the harmful rows come from?'), [
    ...choices('harmful'),
    { label: t('Another data set…'), description: t('all of its rows show what must not be learned'), value: OTHER },
  ]);
  if (chosen !== OTHER) return chosen;
  return ask.input(
    t('Data set on the Hugging Face Hub: owner/name, or owner/name/file'),
    '',
    (text) => (/^[\w.-]+\/[\w.-]+(\/[\w./-]+)?$/.test(text) ? undefined : t('Give it as owner/name.')),
    look,
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

/**
 * Licence, gating and size are shown before anything is downloaded; who wants another split or revision says so there.
 */
async function confirm(look: Look, ask: Questions, wanted: Part): Promise<Part> {
  let part = wanted;
  for (;;) {
    const info = await look(part);
    // It may have other splits.
    const at = (revision: string): Part => ({ ...part, split: undefined, revision });
    const several = info.splits.length > 1;
    if (several && info.split === null) {
      part = { ...part, split: await askSplit(ask, info) };
      continue;
    }
    const answer = await ask.pick(describe(info, part), [
      {
        label: t('Download'),
        detail: t('Its page: {0}', `huggingface.co/datasets/${info.repository}`),
        value: 'download' as const,
      },
      ...(several ? [{ label: t('Another split…'), value: 'split' as const }] : []),
      { label: t('Another revision…'), value: 'revision' as const },
    ]);
    if (answer === 'download') return part;
    part =
      answer === 'split'
        ? { ...part, split: await askSplit(ask, info) }
        : at(await askRevision(ask, part.revision, (revision) => look(at(revision))));
  }
}

/** What the Hub says of a part. */
type Look = (part: Part) => Promise<DatasetInfo>;

/** It is asked once about each, however often the person goes back; again where it could not say. */
function hubOf(services: Training): Look {
  const known = new Map<string, DatasetInfo>();
  return async (part) => {
    const key = JSON.stringify(part);
    const info = known.get(key) ?? (await about(services, part));
    known.set(key, info);
    return info;
  };
}

const about = (services: Training, part: Part): Thenable<DatasetInfo> =>
  withProgress(t('Asking the Hub about {0}', part.repository), async (_, token) =>
    services.engine.request('describeDataset', { ...part, token: await hubToken(services) }, { token }),
  );

const askSplit = (ask: Questions, { repository, splits }: DatasetInfo): Promise<string> =>
  ask.pick(
    t('Which split of {0}?', repository),
    splits.map(({ name, bytes }) => ({
      label: name,
      description: t('{0} MB', megabytes(bytes, numbers())),
      value: name,
    })),
  );

/** One that the Hub does not have is typed again. */
const askRevision = (ask: Questions, before = MAIN, look: (revision: string) => Promise<unknown>): Promise<string> =>
  ask.input(
    t('Revision: a branch, a tag or a commit'),
    before,
    (text) => (text.trim() === '' ? t('Name a revision.') : undefined),
    look,
  );

/** The revision that nobody has to name. */
const MAIN = 'main';

const describe = ({ repository, split, licence, gated, bytes }: DatasetInfo, { revision = MAIN }: Part): string =>
  [
    repository,
    ...(split === null ? [] : [t('split {0}', split)]),
    ...(revision === MAIN ? [] : [t('revision {0}', revision)]),
    licence === null ? t('no licence named') : t('licence {0}', licence),
    gated ? t("gated: you have to accept its owner's terms") : t('not gated'),
    t('at most {0} MB', megabytes(bytes, numbers())),
  ].join(' · ');

async function bringSet(services: Training, root: string, part: Part, asked: Asked): Promise<DatasetResult> {
  const params = { ...part, token: await hubToken(services) };
  const folder = join(root, 'data', slug(part.repository.split('/')[1] ?? part.repository));
  return bring(
    services,
    'downloadDataset',
    folder,
    (out, force) => ({ ...params, out, force }),
    () => asked,
  );
}
