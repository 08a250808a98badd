/** What tests of downloads share: a small hub with one model, folders, and refusals that are for people. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach } from 'node:test';
import { HumanError } from '../../runtime/support/errors.js';
import { downloadModel } from '../../runtime/models/hub/hub.js';
import type { DownloadParams, DownloadSettings } from '../../runtime/models/hub/hub.js';
import { startHub } from './hubServer.js';
import type { HubServer } from './hubServer.js';

export const root = join(import.meta.dirname, '../..');
export const fixture = join(root, 'test/fixtures/reference/llama');
export const NAME = 'someone/tiny';
export const TOKEN = 'hf_0123456789abcdefghij';

export interface HubTests {
  dir: string;
  hub: HubServer;
  /** The files of the model `NAME`. */
  model: Record<string, Buffer>;
  newFolder(): string;
  download(
    params: Partial<DownloadParams> & { folder: string },
    settings?: Partial<DownloadSettings> & {
      signal?: AbortSignal;
      onProgress?: (message: string, fraction?: number) => void;
    },
    log?: string[],
  ): Promise<{ path: string }>;
}

const patience = { attempts: 3, pauseMs: 5, answerMs: 1000, silenceMs: 1000 };

/** Starts the hub for the tests of a file; each test begins with the model in it and without faults. */
export async function useHub(): Promise<HubTests> {
  for (const name of ['HF_TOKEN', 'HF_ENDPOINT', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'])
    for (const each of [name, name.toLowerCase()]) Reflect.deleteProperty(process.env, each);
  const dir = await mkdtemp(join(tmpdir(), 'hub-'));
  const hub = await startHub();
  const file = async (name: string) => readFile(join(fixture, name));
  const model = {
    'config.json': await file('config.json'),
    'generation_config.json': await file('generation_config.json'),
    'model.safetensors': await file('model.safetensors'),
    'tokenizer.json': await readFile(join(root, 'media/sample/tiny-assistant/tokenizer.json')),
    'README.md': Buffer.from('# tiny'),
    LICENSE: Buffer.from('MIT'),
  };
  after(async () => {
    await hub.close();
    await rm(dir, { recursive: true });
  });
  beforeEach(() => {
    hub.reset();
    hub.empty();
    hub.repositories[NAME] = { files: { ...model } };
  });
  let count = 0;
  return {
    dir,
    hub,
    model,
    newFolder: () => join(dir, `model${++count}`),
    download: (
      params,
      { signal = new AbortController().signal, onProgress = () => undefined, ...settings } = {},
      log = [],
    ) => {
      const reporter = { signal, onProgress, onLog: (_: string, message: string) => void log.push(message) };
      return downloadModel({ repository: NAME, endpoint: hub.url, ...params }, reporter, { ...patience, ...settings });
    },
  };
}

/** Ends with an error for people, which does not repeat the token. */
export async function refused(promise: Promise<unknown>, message: RegExp, remedy: RegExp): Promise<HumanError> {
  let found: unknown;
  await assert.rejects(promise, (error) => {
    assert(error instanceof HumanError, error instanceof Error ? error.stack : String(error));
    assert.match(error.message, message);
    assert.match(error.remedy ?? '', remedy);
    assert(!JSON.stringify([error.message, error.place, error.remedy]).includes(TOKEN), 'the token is not repeated');
    found = error;
    return true;
  });
  return found as HumanError;
}
