/** What of a folder is published: an adapter with its role, or a model; nothing else that lies there. */
import { createReadStream, existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, win32 } from 'node:path';
import { applyEdits, modify } from 'jsonc-parser';
import { CONFIG_FILE, readAdapter, ROLE_FILE, scalesHash, WEIGHTS_FILE, type AdapterFile } from '../adapters/files.js';
import { formatAdapterConfig } from '../adapters/adapterConfig.js';
import { adapterName } from '../contract/adapterName.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { readRun } from '../evaluation/report/runReport.js';
import type { ReportRun } from '../evaluation/report/report.js';
import { INDEX, WEIGHTS } from '../models/hub/files.js';
import type { FileToUpload } from '../models/hub/upload.js';
import { summing } from '../models/hub/hashes.js';
import { MANIFEST, readManifest } from '../models/hub/manifest.js';
import { openModel } from '../models/folder.js';
import { companions } from '../models/weights/saveModel.js';
import { HumanError } from '../support/errors.js';
import { isObject } from '../contract/isObject.js';
import { parseJsonObject, readJsonObject, readText } from '../support/jsonFile.js';
import { ownFile } from '../support/ownFile.js';

export interface Content {
  kind: 'adapter' | 'model';
  role?: 'task' | 'security';
  adapter?: AdapterFile;
  /** Its Hub name, where it is known. */
  base?: string;
  /** A whole model that reads images, too. */
  readsImages?: boolean;
  /** What made it, and whether the weights are known to be the run's. */
  run?: ReportRun;
  files: FileToUpload[];
}

interface Choice {
  /** A run folder, an adapter folder, or a model folder. */
  folder: string;
  /** Run folder that a folder elsewhere comes from. */
  run?: string;
  /** Hub name of the base model. */
  base?: string;
  /** With prompts.jsonl of a vector: its training prompts, harmful ones with their answers, and ordinary ones. */
  prompts?: boolean;
}

/** @throws HumanError for a folder that is neither, with what was expected, and for a file of it that lies elsewhere */
export async function contentOf({ folder: given, run: named, base, prompts = false }: Choice): Promise<Content> {
  const folder = await resultFolder(resolve(given));
  const runFolder = named === undefined ? runOf(folder) : resolve(named);
  const run = runFolder === undefined ? undefined : await readRun(runFolder);
  if (existsSync(join(folder, CONFIG_FILE))) return adapterContent(folder, { run, runFolder, base, prompts });
  if (prompts)
    throw new HumanError('only a security vector has prompts.', { place: folder, remedy: 'Leave --with-prompts out.' });
  return modelContent(folder, { run, base });
}

/** Of a run, what it made. */
async function resultFolder(folder: string): Promise<string> {
  const names = await readdir(folder);
  if (names.includes(CONFIG_FILE) || names.includes('config.json')) return folder;
  const result = [RUN_FILES.adapter, RUN_FILES.model].find((name) => names.includes(name));
  if (result !== undefined) return ownFile(folder, result);
  throw new HumanError('there is nothing to publish here.', {
    place: folder,
    remedy: `Name a run folder, an adapter (${CONFIG_FILE}), or a model (config.json and safetensors).`,
  });
}

function runOf(folder: string): string | undefined {
  const isResult = basename(folder) === RUN_FILES.adapter || basename(folder) === RUN_FILES.model;
  return isResult && existsSync(join(dirname(folder), RUN_FILES.manifest)) ? dirname(folder) : undefined;
}

async function adapterContent(
  folder: string,
  { run, runFolder, base, prompts }: { run?: ReportRun; runFolder?: string; base?: string; prompts: boolean },
): Promise<Content> {
  const adapter = await readAdapter(folder);
  const weights = await fileAt(folder, WEIGHTS_FILE);
  const made = run?.manifest.result?.sha256;
  if (run && made !== weights.sums.sha256)
    throw new HumanError('these weights are not the ones that the run made.', {
      place: join(folder, WEIGHTS_FILE),
      remedy: 'Name the run that made them (--run), or none.',
    });
  if (runFolder !== undefined && scalesHash(adapter) !== scalesHash(await readAdapter(runFolder)))
    throw new HumanError('these are the weights that the run made, at another scale, which it did not measure.', {
      place: join(folder, CONFIG_FILE),
      remedy: 'Name no run, or export the adapter at scale 1.',
    });
  const hubName = base ?? (await downloadedFrom(run)) ?? hubNameIn(adapter.config.baseModelName);
  // a path of this machine is nobody else's business
  const { baseModelName, revision } = adapter.config;
  const named = { baseModelName: hubName, revision: hubName === baseModelName ? revision : undefined };
  const config = formatAdapterConfig({ ...adapter.config, ...named });
  const files = [textFile(CONFIG_FILE, `${JSON.stringify(config, null, 2)}\n`), weights];
  const beside = async (from: string | undefined, name: string): Promise<void> => {
    if (from !== undefined && existsSync(join(from, name))) files.push(await fileAt(from, name));
  };
  if (existsSync(join(folder, ROLE_FILE))) files.push(await plainRole(folder));
  for (const name of await readdir(folder)) if (/^(LICEN[CS]E|NOTICE)[\w.-]*$/.test(name)) await beside(folder, name);
  if (adapter.role === 'security')
    for (const name of [RUN_FILES.calibration, RUN_FILES.trained]) await beside(runFolder ?? folder, name);
  if (prompts) {
    if (adapter.role !== 'security' || !existsSync(join(runFolder ?? folder, RUN_FILES.prompts)))
      throw new HumanError('there is no prompts.jsonl.', {
        place: runFolder ?? folder,
        remedy: 'Name the run folder of a security vector, or leave --with-prompts out.',
      });
    await beside(runFolder ?? folder, RUN_FILES.prompts);
  }
  return { kind: 'adapter', role: adapter.role, adapter, base: hubName, run, files };
}

/** security_vector.json with the names of what the adapter was made of, where it has their paths. */
async function plainRole(folder: string): Promise<FileToUpload> {
  const json = await readJsonObject(await ownFile(folder, ROLE_FILE));
  const { made } = json;
  if (!isObject(made) || !Array.isArray(made.from)) return fileAt(folder, ROLE_FILE);
  const from = made.from.map((part: unknown) =>
    isObject(part) && typeof part.path === 'string' ? { ...part, path: adapterName(part.path) } : part,
  );
  return textFile(ROLE_FILE, `${JSON.stringify({ ...json, made: { ...made, from } }, null, 2)}\n`);
}

const CONFIGS = /(config|special_tokens_map)\.json$/;

async function modelContent(folder: string, { run, base }: { run?: ReportRun; base?: string }): Promise<Content> {
  // unsupported or damaged folders are refused as everywhere; the weights are the files that were read, whatever their
  // names
  const { tensors, config } = await openModel(folder, { cache: folder });
  const weights = [...new Set(Array.from(tensors.values(), ({ file, shard = basename(file) }) => shard))];
  if (!weights.includes(WEIGHTS)) weights.push(INDEX);
  const files: FileToUpload[] = [];
  // the card is written anew
  const others = (await companions(folder)).filter((each) => !/^README\.md$/i.test(each));
  for (const name of [...others, ...weights].sort())
    files.push(CONFIGS.test(name) ? await plainConfig(folder, name) : await fileAt(folder, name));
  const readsImages = isObject(config.vision_config);
  return { kind: 'model', base: base ?? (await downloadedFrom(run)), readsImages, run, files };
}

/**
 * Without the keys that say where on this machine it came from; only they are taken out, so that numbers stay as they
 * are written.
 */
async function plainConfig(folder: string, name: string): Promise<FileToUpload> {
  const file = await ownFile(folder, name);
  let text = await readText(file, 2 ** 25);
  const local = localKeys(parseJsonObject(text, file));
  if (local.length === 0) return fileAt(folder, name);
  for (const key of local) text = applyEdits(text, modify(text, key, undefined, {}));
  return textFile(name, text);
}

function localKeys(config: Record<string, unknown>): string[][] {
  return Object.entries(config).flatMap(([key, value]) => {
    if (isObject(value)) return localKeys(value).map((inner) => [key, ...inner]);
    return typeof value === 'string' && isLocal(key, value) ? [[key]] : [];
  });
}

/** Absolute for Windows is absolute for others, too. */
const isLocal = (key: string, value: string): boolean =>
  /name_or_path$/.test(key)
    ? value !== '' && hubNameIn(value) === undefined
    : /(file|path|dir)$/.test(key) && win32.isAbsolute(value);

/** The repository that the run's base model was downloaded from. */
async function downloadedFrom(run: ReportRun | undefined): Promise<string | undefined> {
  const folder = run?.manifest.model.path;
  if (folder === undefined || !existsSync(join(folder, MANIFEST))) return undefined;
  return (await readManifest(folder))?.repository;
}

/** `owner/name`. */
export const isRepository = (text: string): boolean => /^\w[\w.-]*\/\w[\w.-]*$/.test(text);

/** What a config calls its base, where it is no path. */
const hubNameIn = (text: string | undefined): string | undefined =>
  text !== undefined && isRepository(text) && !existsSync(text) ? text : undefined;

async function fileAt(folder: string, name: string): Promise<FileToUpload> {
  const file = await ownFile(folder, name);
  const { size } = await stat(file);
  const sums = summing(size);
  for await (const piece of createReadStream(file, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>)
    sums.update(piece);
  return { path: name, size, sums: sums.end(), source: { file } };
}

export function textFile(path: string, text: string): FileToUpload {
  const bytes = Buffer.from(text);
  const sums = summing(bytes.length);
  sums.update(bytes);
  return { path, size: bytes.length, sums: sums.end(), source: { text } };
}
