/** What the folder has of a model, before anything of it is replaced. */
import { join } from 'node:path';
import { HumanError } from '../../support/errors.js';
import { isGguf, listed } from './files.js';
import type { HubFile } from './files.js';
import { agrees, standing } from './hashes.js';
import type { fileSums } from './hashes.js';
import type { DownloadManifest } from './manifest.js';

export interface Contents {
  /** SHA-256 of the files that are there already, by name. */
  there: Map<string, string>;
  missing: HubFile[];
  /** Files of an earlier download that the new one does not have and that would be mixed with its own. */
  stale: string[];
  /** Names that hold what no download wrote, or what was changed since. */
  changed: string[];
}

/** @param before what the folder was downloaded from, if it was. */
export async function contentsOf(
  folder: string,
  { kind, files, commit }: { kind: 'folder' | 'single'; files: readonly HubFile[]; commit: string },
  before: DownloadManifest | undefined,
  sumsOf: ReturnType<typeof fileSums>,
): Promise<Contents> {
  const contents: Contents = { there: new Map(), missing: [], stale: [], changed: [] };
  const written = before?.files ?? {};
  for (const file of files) {
    const { name } = file;
    const path = join(folder, name);
    const found = await standing(path);
    if (found?.isFolder) throw folderInTheWay(path);
    const own = Object.hasOwn(written, name) ? written[name] : undefined;
    if (found?.size === undefined || (found.size !== file.size && found.size !== own?.size)) {
      contents.missing.push(file);
      if (found) contents.changed.push(name);
      continue;
    }
    const sums = await sumsOf(path, found);
    const isOwn = sums.sha256 === own?.sha256;
    // without a sum of the Hub, the commit says that it is the same
    const isKnown = (file.sha256 ?? file.gitOid) !== undefined || (isOwn && (own.commit ?? before?.commit) === commit);
    if (isKnown && found.size === file.size && agrees(file, sums)) contents.there.set(name, sums.sha256);
    else {
      contents.missing.push(file);
      if (!isOwn) contents.changed.push(name);
    }
  }
  const names = new Set(files.map(({ name }) => name));
  for (const [name, { size, sha256 }] of Object.entries(written)) {
    // GGUF files are whole models, files of a data set stand alone
    if (kind === 'single' || isGguf(name) || names.has(name)) continue;
    const path = join(folder, name);
    const found = await standing(path);
    if (!found) continue;
    contents.stale.push(name);
    if (found.size !== size || (await sumsOf(path, found)).sha256 !== sha256) contents.changed.push(name);
  }
  return contents;
}

const folderInTheWay = (place: string): HumanError =>
  new HumanError('a folder has the name of a file to be downloaded.', {
    place,
    remedy: 'Move it away, or choose another folder.',
  });

/** The error for files that this program did not download, or that were changed since. */
export function requireUnchanged(folder: string, { changed }: Contents, before: DownloadManifest | undefined): void {
  const [first] = changed;
  if (first === undefined) return;
  const why = before && first in before.files ? 'was changed since it was downloaded' : 'does not come from a download';
  const others = changed.length > 1 ? ` The same holds for ${listed(changed.slice(1), 10)}.` : '';
  throw new HumanError(`this file ${why} and would be replaced.${others}`, {
    place: join(folder, first),
    remedy: 'Choose another folder (--out), move the file away, or replace it (--force).',
    code: 'exists',
  });
}
