/**
 * Which files of a repository on the Hub make a model, an adapter or a data set, and under which names they may be
 * written.
 */
import { safeParse } from '../../contract/safeParse.js';
import * as z from 'zod';
import { HumanError } from '../../support/errors.js';
import { isObject } from '../../contract/isObject.js';
import { shown } from '../../support/jsonFile.js';

/** What a repository is downloaded as. Adapters are models to the Hub. */
export type HubKind = 'model' | 'adapter' | 'dataset';
export const NOUNS: Record<HubKind, string> = { model: 'a model', adapter: 'an adapter', dataset: 'a data set' };

export interface HubFile {
  /** In the repository. */
  path: string;
  /** In the folder: one name without a slash. */
  name: string;
  size: number;
  /** Of the content, where the Hub knows it (large files). */
  sha256?: string;
  /** SHA-1 of git's blob: a header and the content (all other files). */
  gitOid?: string;
}

const entrySchema = z.object({
  type: z.string(),
  path: z.string().min(1),
  size: z.int().min(0),
  oid: z.string().optional(),
  lfs: z.object({ oid: z.string() }).optional(),
});

export const WEIGHTS = 'model.safetensors';
export const INDEX = 'model.safetensors.index.json';

/**
 * What is read beside the weights, and what a person should have with them: the licence and the model card. Code is
 * never downloaded.
 */
const BESIDE =
  /^(config\.json|generation_config\.json|(video_)?(pre)?processor_config\.json|special_tokens_map\.json|added_tokens\.json|chat_template\.(jinja|json)|tokenizer[\w.-]*\.(json|model|txt|jinja)|vocab\.(json|txt)|merges\.txt|spiece\.model|sentencepiece[\w.-]*\.model|(LICEN[CS]E|NOTICE)[\w.-]*|README\.md)$/;
const FOR_PEOPLE = /^(README\.md|LICEN[CS]E|NOTICE)/;
export const isGguf = (name: string): boolean => /\.gguf$/i.test(name);
/**
 * The vector's own files beside the weights: its role, its scores of ordinary rows, hashes of what it was trained on,
 * its prompts.
 */
const ADAPTER =
  /^(adapter_config\.json|adapter_model\.safetensors|security_vector\.json|calibration\.json|trained\.json|prompts\.jsonl)$/;
/** What ../../data/ reads. */
const DATA = /^[^.].*\.(parquet|(jsonl|ndjson|json|csv|tsv)(\.gz)?)$/i;
export const isSingleFile = (kind: HubKind, path: string): boolean =>
  kind === 'dataset' ? DATA.test(path) : kind === 'model' && isGguf(path);
/**
 * Of this name `publish` writes weights; a loader that finds them, or an adapter, beside other ones takes the wrong
 * ones.
 */
const WHOLE = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;
export const isWeights = (path: string): boolean => WHOLE.test(path);
/** What of an earlier upload would be read in the place of, or beside, one of this kind. */
export const isMixedUp = (kind: HubKind, path: string): boolean =>
  ADAPTER.test(path) || (kind === 'model' && (isWeights(path) || (BESIDE.test(path) && !FOR_PEOPLE.test(path))));
const isModelFile = (name: string): boolean =>
  BESIDE.test(name) || name.endsWith('.safetensors') || name === INDEX || isGguf(name);
/** Files of these names are brought, and no others are ever written. */
export const isHubFile = (name: string): boolean =>
  !/[\\/]/.test(name) && (isModelFile(name) || ADAPTER.test(name) || DATA.test(name));
const isOf = (kind: HubKind, name: string): boolean =>
  kind === 'dataset'
    ? DATA.test(name)
    : kind === 'adapter'
      ? ADAPTER.test(name) || BESIDE.test(name)
      : isModelFile(name);
/** Before the number, the number, behind it, the count. */
const PART = /^(.*-)(\d{5})(-of-(\d{5})\.gguf)$/i;
const lastName = (path: string): string => path.split(/[/\\]/).at(-1) ?? '';

/** Entries of a listing as files. Names that would be taken are checked here, before anything is written. */
export function checkedFile(entry: unknown, repository: string, kind: HubKind): HubFile | undefined {
  const checked = safeParse(entrySchema, entry);
  if (!checked.success) {
    throw new HumanError(`the Hub's list of files is not understood: ${z.prettifyError(checked.error)}`, {
      place: repository,
      remedy: 'Check that HF_ENDPOINT is a Hugging Face Hub.',
      kind: 'failed',
    });
  }
  const { type, path, size, oid, lfs } = checked.data;
  if (type !== 'file') return undefined;
  if (!isOf(kind, lastName(path))) return undefined;
  if (!safePath(path)) {
    throw new HumanError(`the repository has a file named ${shown(path)}, which points outside the folder.`, {
      place: repository,
      remedy: 'Do not use this repository.',
    });
  }
  return {
    path,
    // files of a data set have the same names in several folders
    name: kind === 'dataset' ? path.replaceAll('/', '__') : lastName(path),
    size,
    ...(lfs && /^[0-9a-f]{64}$/.test(lfs.oid)
      ? { sha256: lfs.oid }
      : !lfs && oid !== undefined && /^[0-9a-f]{40}$/.test(oid)
        ? { gitOid: oid }
        : {}),
  };
}

const MAX_NAMED = 30;
const shorter = (name: string): string => (name.length > 100 ? `${name.slice(0, 100)}…` : name);

/** Names for a message, the first of them when there are many. */
export function listed(names: readonly string[], max = MAX_NAMED): string {
  const rest = names.length > max ? `, and ${names.length - max} more` : '';
  return `${names.slice(0, max).map(shorter).join(', ')}${rest}`;
}

/** Names of devices on Windows, whatever the extension. */
const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³])(\.|$)/i;
const MAX_NAME_BYTES = 200;
/** As file systems that do not tell case or composed characters apart see a name. */
const folded = (name: string): string => name.normalize('NFC').toUpperCase().toLowerCase();

/** The names can be written on every system, and no file system takes two of them for one. */
export function checkNames(files: readonly HubFile[], repository: string): void {
  const wrong = (what: string): HumanError =>
    new HumanError(`the repository has ${what}.`, { place: repository, remedy: 'Choose another repository.' });
  const seen = new Set<string>();
  for (const { name } of files) {
    if (RESERVED.test(name) || /[<>"|?*]/.test(name) || Buffer.byteLength(name) > MAX_NAME_BYTES)
      throw wrong(`a file named ${shown(name)}, a name that some systems cannot write`);
    if (seen.has(folded(name))) throw wrong(`two files named ${shown(folded(name))}`);
    seen.add(folded(name));
  }
}

/**
 * Below the folder on every system: no step upwards, root, drive, stream (`:`), backslash, control character or half a
 * character.
 */
export function safePath(path: string): boolean {
  return (
    !/[\\:\p{Cc}\p{Cs}]/u.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

type Selection =
  | { kind: 'folder'; files: HubFile[] }
  /** Sharded: the index says which weights belong to the model. */
  | { kind: 'sharded'; index: HubFile; select: (index: unknown) => HubFile[] }
  /** One file, or all parts of one that was split, in order. */
  | { kind: 'single'; files: HubFile[] };

/**
 * The files of the model: a Hugging Face folder, or one GGUF model where there is none; of an adapter, its folder; of a
 * data set, the one file.
 * @throws HumanError that lists the GGUF files when there are several, or says what the repository has instead.
 */
export function selectFiles(
  files: readonly HubFile[],
  repository: string,
  requestedFile: string | undefined,
  kind: HubKind,
): Selection {
  if (kind === 'dataset') return { kind: 'single', files: [dataFile(files, repository, requestedFile)] };
  if (kind === 'adapter') return { kind: 'folder', files: adapterFiles(files, repository) };
  const ggufs = files.filter((file) => isGguf(file.name));
  // of a model in parts, the first stands for all
  const models = ggufs.filter(({ name }) => !PART.test(name) || PART.exec(name)![2] === '00001');
  const list = () => `${models.length === 1 ? 'file' : 'files'}: ${listed(models.map(({ path }) => path))}`;
  if (requestedFile !== undefined) {
    const file = ggufs.find(({ path }) => path === requestedFile);
    if (file) return { kind: 'single', files: allParts(file, ggufs, repository) };
    throw new HumanError(`there is no file ${shorter(requestedFile)}.`, {
      place: repository,
      remedy: ggufs.length > 0 ? `It has the GGUF ${list()}.` : 'The repository has no GGUF files.',
    });
  }
  const top = files.filter(({ path, name }) => path === name);
  const named = new Map(top.map((file) => [file.name, file]));
  const beside = top.filter(({ name }) => BESIDE.test(name));
  const [weights, index] = [named.get(WEIGHTS), named.get(INDEX)];
  if (named.has('config.json')) {
    // repositories often have the same weights again under other names
    if (weights) return { kind: 'folder', files: [...beside, weights] };
    if (index) {
      const select = (content: unknown) => [...beside, index, ...shards(content, named, repository)];
      return { kind: 'sharded', index, select };
    }
  }
  if (models.length === 1) return { kind: 'single', files: allParts(models[0], ggufs, repository) };
  if (models.length > 1) {
    throw new HumanError(`the repository has ${models.length} GGUF models; which one is meant?`, {
      place: repository,
      remedy: `Add one to the name (${repository}/FILE). It has the ${list()}.`,
    });
  }
  throw new HumanError(
    `the repository has no ${named.has('config.json') ? WEIGHTS : 'config.json'} and no GGUF file.`,
    {
      place: repository,
      remedy: named.has('adapter_model.safetensors')
        ? 'It is an adapter, not a model: name its base model.'
        : 'Name a repository with config.json and safetensors weights, or with GGUF files. PyTorch files (.bin) are not downloaded: they can run code when they are opened.',
    },
  );
}

/** The file of a data set. */
function dataFile(files: readonly HubFile[], repository: string, path: string | undefined): HubFile {
  const file = files.find((f) => f.path === path);
  if (file) return file;
  throw new HumanError(`there is no data file ${shorter(path ?? '')}.`, {
    place: repository,
    remedy: `It has: ${listed(files.map((f) => f.path)) || 'no .parquet, .jsonl, .json, .csv or .tsv file'}.`,
  });
}

function adapterFiles(files: readonly HubFile[], repository: string): HubFile[] {
  const top = files.filter(({ path, name }) => path === name);
  for (const needed of ['adapter_config.json', 'adapter_model.safetensors'])
    if (!top.some(({ name }) => name === needed))
      throw new HumanError(`the repository has no ${needed}: it is not an adapter.`, {
        place: repository,
        remedy: top.some(({ name }) => name === 'config.json')
          ? 'It is a model: download it as one.'
          : 'Name a PEFT adapter with safetensors. PyTorch files (.bin) are not downloaded: they can run code when they are opened.',
      });
  return top.filter(({ name }) => ADAPTER.test(name) || FOR_PEOPLE.test(name));
}

/** Both are the same GGUF file, or parts of one that was split (…-00001-of-00003.gguf). */
export function isSameGguf(path: string, other: string): boolean {
  const [a, b] = [PART.exec(path), PART.exec(other)];
  return a && b ? a[1] === b[1] && a[3] === b[3] : path === other;
}

/** A GGUF file with all its parts. */
function allParts(file: HubFile, ggufs: readonly HubFile[], repository: string): HubFile[] {
  const count = PART.exec(file.path)?.[4];
  if (count === undefined) return [file];
  const parts = ggufs.filter(({ path }) => isSameGguf(path, file.path));
  if (parts.length !== Number(count)) {
    throw new HumanError(`the repository has ${parts.length} of the ${Number(count)} parts of ${shorter(file.path)}.`, {
      place: repository,
      remedy: 'The model is not complete: choose another revision or another file.',
    });
  }
  return parts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function shards(content: unknown, named: ReadonlyMap<string, HubFile>, repository: string): HubFile[] {
  const map = isObject(content) && isObject(content.weight_map) ? Object.values(content.weight_map) : [];
  const names = [...new Set(map)];
  if (names.length === 0)
    throw new HumanError(`"weight_map" is missing in ${INDEX}.`, {
      place: repository,
      remedy: 'Choose another model.',
    });
  return names.map((name) => {
    const file = typeof name === 'string' && name.endsWith('.safetensors') ? named.get(name) : undefined;
    if (file) return file;
    throw new HumanError(`${INDEX} names the file ${shown(name)}, which the repository does not have.`, {
      place: repository,
      remedy: 'The model is not complete: choose another revision or another model.',
    });
  });
}
