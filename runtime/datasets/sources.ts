/** Which files of a data set are read: those of its entry in the table, or those of one split. */
import type { PublicSet, SetSource } from '../contract/publicSets.js';
import type { HubFile } from '../models/hub/files.js';
import { listed } from '../models/hub/files.js';
import { HumanError } from '../support/errors.js';

export interface Source {
  split: string;
  files: HubFile[];
  /** undefined: rows are written as they are. */
  entry?: SetSource;
  /** Files with the same rows in another format, which are not read. */
  others?: HubFile[];
}

interface Wanted {
  repository: string;
  split?: string;
  file?: string;
  set?: PublicSet;
}

/** @throws HumanError that lists what there is, when it is not clear what is meant or a set has changed. */
export function sourcesOf(files: readonly HubFile[], wanted: Wanted): Source[] {
  const { repository, split, file, set } = wanted;
  if (file !== undefined) return [{ split: file, files: [oneFile(files, file, repository)] }];
  return set ? sourcesOfSet(files, set, wanted) : [sourceOfSplit(files, repository, split)];
}

function sourcesOfSet(files: readonly HubFile[], set: PublicSet, { repository, split }: Wanted): Source[] {
  const chosen = set.sources.filter((source) => split === undefined || source.split === split);
  if (chosen.length === 0)
    throw noSplit(
      set.sources.map((source) => source.split),
      repository,
      split,
    );
  return chosen.map((entry) => {
    const found = files.filter(({ path }) => matches(entry.files, path)).sort(byPath);
    if (found.length > 0) return { split: entry.split, files: found, entry };
    throw new HumanError(`the set has changed: it has no file ${entry.files}.`, {
      place: repository,
      remedy: `It has: ${listed(files.map(({ path }) => path)) || 'no data file'}. Name one (${repository}/FILE), or an earlier revision.`,
    });
  });
}

/** Of a split in several formats the first one is read. */
const FORMATS = ['jsonl', 'ndjson', 'json', 'parquet', 'csv', 'tsv'].flatMap((name) => [name, `${name}.gz`]);

/** All files of one format whose path without folder `data`, shard number and extension is the same are a split. */
export function splitsOf(files: readonly HubFile[]): Map<string, HubFile[]> {
  const splits = new Map<string, HubFile[]>();
  for (const file of files) {
    const { split, format } = splitOf(file.path);
    const found = splits.get(split) ?? [];
    const order = found.length === 0 ? -1 : FORMATS.indexOf(format) - FORMATS.indexOf(splitOf(found[0].path).format);
    if (order <= 0) splits.set(split, order === 0 ? [...found, file] : [file]);
  }
  return splits;
}

function sourceOfSplit(files: readonly HubFile[], repository: string, split: string | undefined): Source {
  const splits = splitsOf(files);
  const names = [...splits.keys()];
  if (names.length === 0)
    throw new HumanError('the repository has no .parquet, .jsonl, .json, .csv or .tsv file.', {
      place: repository,
      remedy: 'Choose another data set.',
    });
  const found = splitsMeant(names, split);
  if (found.length !== 1) throw noSplit(names, repository, split);
  const own = splits.get(found[0])!.sort(byPath);
  const others = files.filter((file) => splitOf(file.path).split === found[0] && !own.includes(file));
  return { split: found[0], files: own, others };
}

/** Where none is named the only one, or that for training; several or none: it is not clear which is meant. */
export function splitsMeant(names: readonly string[], split: string | undefined): readonly string[] {
  if (split !== undefined) return names.filter((name) => name === split || name.endsWith(`/${split}`));
  return names.length === 1 ? names : names.filter((name) => /(^|\/)train$/.test(name));
}

/** A number is that of a shard where it says of how many, or begins with 0: others are years, sizes or versions. */
function splitOf(path: string): { split: string; format: string } {
  const [, stem, format] = /^(.*?)\.(\w+(?:\.gz)?)$/i.exec(path)!;
  return {
    split: stem.replace(/[-/](0\d{3,4}|\d{4,5}-of-\d{4,5}(-[0-9a-f]+)?)$/, '').replace(/^data\//, ''),
    format: format.toLowerCase(),
  };
}

function noSplit(names: readonly string[], place: string, split: string | undefined): HumanError {
  const has = `It has the splits ${listed(names)}.`;
  return split === undefined
    ? new HumanError('the data set has several splits; which one is meant?', {
        place,
        remedy: `Name one with --split. ${has}`,
      })
    : new HumanError(`the data set has no split "${split}", or several of this name.`, { place, remedy: has });
}

function oneFile(files: readonly HubFile[], path: string, place: string): HubFile {
  const found = files.find((file) => file.path === path);
  if (found) return found;
  throw new HumanError(`there is no data file ${path}.`, {
    place,
    remedy: `It has: ${listed(files.map((file) => file.path)) || 'no data file'}.`,
  });
}

function matches(pattern: string, path: string): boolean {
  const [before, after] = pattern.split('*');
  if (after === undefined) return path === pattern;
  const rest = path.slice(before.length, path.length - after.length);
  return (
    path.length >= before.length + after.length &&
    path.startsWith(before) &&
    path.endsWith(after) &&
    !rest.includes('/')
  );
}

const byPath = (a: HubFile, b: HubFile): number => (a.path < b.path ? -1 : 1);
