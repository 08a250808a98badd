/**
 * Data sets of the Hugging Face Hub as JSON lines: a set of the table (../contract/publicSets.ts) as harmful rows,
 * ordinary rows and sets to measure; any other as it is. The files of the Hub stay in the cache, so that a second
 * download is a short one.
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { publicSet } from '../contract/publicSets.js';
import type { DatasetInfo, DatasetResult } from '../contract/dataInfo.js';
import type { Requests } from '../contract/protocol.js';
import { sum } from '../contract/sum.js';
import { stagedFolder, tidy } from '../export/staging.js';
import { cacheError } from '../models/cache/userCache.js';
import { describeRepository } from '../models/hub/describe.js';
import type { HubFile } from '../models/hub/files.js';
import { downloadModel, type DownloadParams, type DownloadReporter, type DownloadSettings } from '../models/hub/hub.js';
import { HumanError } from '../support/errors.js';
import { isTrace } from '../support/files.js';
import { changedIn, isSame, readProvenance, requireOwn, type Provenance } from './provenance.js';
import { sourcesOf, splitsMeant, splitsOf } from './sources.js';
import { writeRows } from './write.js';

export type DatasetParams = Requests['downloadDataset']['params'] & Pick<DownloadParams, 'endpoint'>;

/** A vector needs few rows, and a model answers every prompt of a set that measures. */
const ROWS = 1000;

/** Licence, gating and size, before anything is downloaded. */
export async function describeDataset(
  params: Omit<DatasetParams, 'out' | 'limit' | 'force'>,
  reporter: DownloadReporter,
  settings: Partial<DownloadSettings> = {},
): Promise<DatasetInfo> {
  const described = await describeRepository({ ...params, kind: 'dataset' }, reporter, settings);
  const { address, requestedFile: file, commit, licence, gated } = described;
  const { repository } = address;
  const set = file === undefined ? publicSet(repository) : undefined;
  const all = set || file !== undefined ? new Map<string, HubFile[]>() : splitsOf(described.files);
  const splits = [...all].map(([name, files]) => ({ name, bytes: sizeOf(files) }));
  const about = { repository, commit, licence, gated, splits };
  const isOpen = params.split === undefined && all.size > 1 && splitsMeant([...all.keys()], undefined).length !== 1;
  if (isOpen) return { ...about, split: null, bytes: sizeOf([...all.values()].flat()) };
  const sources = sourcesOf(described.files, { repository, split: params.split, file, set });
  return {
    ...about,
    split: all.size > 0 ? sources[0].split : null,
    bytes: sizeOf(sources.flatMap(({ files }) => files)),
  };
}

const sizeOf = (files: readonly HubFile[]): number => sum(files.map(({ size }) => size));

/**
 * @throws HumanError as `downloadModel`; for a set of the table that has changed, with the difference; with code
 * `exists` for a folder that holds something else. Cancelled.
 */
export async function downloadDataset(
  params: DatasetParams,
  reporter: DownloadReporter & { readonly cache: string },
  settings: Partial<DownloadSettings> = {},
): Promise<DatasetResult> {
  const { token, endpoint, split, force = false } = params;
  const out = resolve(params.out);
  const given = { kind: 'dataset' as const, repository: params.repository, revision: params.revision, token, endpoint };
  const { address, requestedFile, files, commit, licence, gated } = await describeRepository(given, reporter, settings);
  const { repository, revision } = address;
  reporter.onLog(
    'info',
    `${repository} at ${commit}: licence ${licence ?? 'not named'}${gated ? ', gated by its owner' : ''}.`,
  );
  const set = requestedFile === undefined ? publicSet(repository) : undefined;
  const sources = sourcesOf(files, { repository, split, file: requestedFile, set });
  const limit = params.limit ?? (set ? ROWS : null);
  const asked = { repository, revision, commit, licence, gated, split: requestedFile ?? split ?? null, limit };

  await tidy(out);
  const before = await readProvenance(out);
  const changed = before && (await changedIn(out, before));
  if (before && !force && changed === undefined && isSame(before, asked)) return { path: out, ...before };
  if (force) await requireOwn(out, before);
  else if (!(await readdir(out).catch(() => [])).every(isTrace))
    throw new HumanError(
      changed !== undefined
        ? `${changed} in this folder was changed or removed since it was downloaded.`
        : before
          ? `the folder holds another download of ${before.repository}.`
          : 'the folder is not empty.',
      {
        place: out,
        remedy: 'Choose another folder (--out), or replace what a download wrote there (--force).',
        code: 'exists',
      },
    );

  const raw = join(reporter.cache, 'hub', `datasets--${repository.replace('/', '--')}`);
  const replaces = force && before !== undefined;
  const write = async (folder: string): Promise<Provenance> => {
    const made = await writeRows(folder, sources, {
      asked,
      reporter,
      bring: (path) =>
        downloadModel(
          { ...given, repository: `${repository}/${path}`, revision: commit, folder: raw, force: true },
          reporter,
          { ...settings, waits: true },
        ).catch((error: unknown) => Promise.reject(cacheError(error, reporter.cache))),
    });
    // Who put something of their own there meanwhile keeps it.
    if (replaces) await requireOwn(out, before);
    return made;
  };
  const written = await stagedFolder(out, write, { replaces });
  return { path: out, ...written };
}
