/** What ends with its window is named by the next one, with what is kept of it, and can be done again. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Button } from '../../extension/host/notices.js';
import { WORK, WorkAtHand, type Asked } from '../../extension/host/workAtHand.js';
import { commands, fake, Uri, window, workspace } from './fake/vscode.js';
import { workingIn } from './otherProcess.js';
import { adapter, temporary, write } from './support.js';
import { memoryOf } from './windows.js';

const { combine } = await import('../../extension/commands/combine.js');
const { downloadModel } = await import('../../extension/commands/download.js');
const { judgeAgain } = await import('../../extension/commands/judgeAgain.js');
const { addAdapter, exportAdapter } = await import('../../extension/commands/models.js');
const { trainPublic } = await import('../../extension/commands/publicSets.js');
const { publish } = await import('../../extension/commands/publish.js');
const { tellCutOff } = await import('../../extension/commands/cutOff.js');

/** What a window says when it begins. */
async function told(folder: string): Promise<{ said: string; button: Button }[]> {
  const notices: { said: string; button: Button }[] = [];
  const warn = (said: string, ...[button]: Button[]): void => void notices.push({ said, button: button! });
  const memory = memoryOf(folder);
  await memory.follow(
    async (kept) => tellCutOff({ notices: { warn, info: () => undefined, error: assert.ifError } }, kept[WORK]),
    async () => undefined,
  );
  await memory.dispose();
  return notices;
}

/** Work that is going on, and what ends it. */
async function begun(
  begin: (doing: () => Promise<never>) => Promise<unknown>,
): Promise<{ work: Promise<unknown>; end: (error: Error) => void }> {
  let work!: Promise<unknown>;
  const end = await new Promise<(error: Error) => void>((resolve) => {
    work = begin(() => new Promise((_, reject) => resolve(reject)));
  });
  return { work, end };
}

test('of work that ends with the window the next one tells, once; of what was done or failed none', async (t) => {
  const folder = await temporary(t);
  const memory = memoryOf(folder);
  const first = new WorkAtHand(memory);
  const asked = (file: string): Asked => ({ command: 'scan', given: { file, model: '/m', vector: '/v' } });
  assert.deepEqual(await told(folder), []);
  assert.equal(await first.during(asked('/w/done.jsonl'), 'Scanning', async () => 1), 1);
  await assert.rejects(
    first.during(asked('/w/failed.jsonl'), 'Scanning', () => Promise.reject(new Error('no'))),
    /no/,
  );
  const { work, end } = await begun((doing) => first.during(asked('/w/train.jsonl'), 'Scanning', doing));
  await memory.dispose();
  // With the window its engine ends.
  end(new Error('the engine ended'));
  await assert.rejects(work, /the engine ended/);

  const [one, ...more] = await told(folder);
  assert.equal(
    one!.said,
    'Scanning train.jsonl: this ended with its window before it was done. Nothing of it is kept.',
  );
  assert.equal(one!.button.title, 'Scan again');
  assert.deepEqual(more, []);
  assert.deepEqual(await told(folder), []);
});

test('of work that another window of the folder is doing nothing is told, until that window has ended', async (t) => {
  const folder = await temporary(t);
  const other = await workingIn(t, join(folder, 'other'));
  const work = [{ command: 'scan', given: { file: '/w/train.jsonl', model: '/m', vector: '/v' } }];
  await write(join(folder, 'other/kept.json'), { roots: ['/w'], kept: { [WORK]: work } });
  assert.deepEqual(await told(folder), []);
  await other.end();
  assert.equal((await told(folder)).length, 1);
});

for (const [asked, isTold] of [
  [{ command: 'scan', given: { file: '/w/train.jsonl', model: '/m', vector: '/v' } }, false],
  [{ command: 'publish', given: { folder: '/w/a', repository: 'me/mine', isPublic: false } }, true],
] as [Asked, boolean][])
  test(`${asked.command}, cancelled before its window closes, is ${isTold ? 'told, as it may be done' : 'not told'}`, async (t) => {
    const { withProgress } = window;
    t.after(() => (window.withProgress = withProgress));
    let cancel = (): unknown => undefined;
    window.withProgress = async (_, work) =>
      work({}, { onCancellationRequested: (listener: () => unknown) => (cancel = listener) });
    const folder = await temporary(t);
    const memory = memoryOf(folder);
    const first = new WorkAtHand(memory);
    const { work, end } = await begun((doing) => first.during(asked, 'It', doing));
    cancel();
    await memory.dispose();
    end(new Error('the engine ended'));
    await assert.rejects(work, /the engine ended/);
    assert.equal((await told(folder)).length, isTold ? 1 : 0);
  });

const MODEL = { path: '/w/m', name: 'm', adapters: [adapter('a', { path: '/w/a/adapter', attached: true })] };
const RUN = { folder: '/w/run', progress: { state: 'finished' }, manifest: { kind: 'evaluate' } };

/** Each command, what it is given, what is said of it, and what the engine is asked the second time as the first. */
const CASES: Record<string, { run: (services: never, given: never) => Promise<unknown>; given: object; said: RegExp }> =
  {
    exportAdapter: {
      run: exportAdapter,
      given: { model: '/w/m', format: 'gguf', quantization: 'Q8_0', out: '/w/exports/m.gguf' },
      said: /^Exporting m\.gguf: this ended .* Trying again removes what is left of it\. Try again$/,
    },
    combine: {
      run: combine,
      given: { model: '/w/m', adapters: [{ path: '/w/a/adapter', scale: -1 }], rank: 4, out: '/w/adapters/sum' },
      said: /^Combining sum: this ended .* Trying again removes what is left of it\. Try again$/,
    },
    downloadModel: {
      run: downloadModel,
      given: { repository: 'o/model', revision: 'v2', folder: '/w/models/own' },
      said: /^Downloading o\/model: this ended .* What has come is kept\. Continue$/,
    },
    addAdapter: {
      run: addAdapter,
      given: { model: '/w/m', adapter: 'hub:o/adapter@main' },
      said: /^Downloading hub:o\/adapter@main: this ended .* What has come is kept\. Continue$/,
    },
    trainPublic: {
      run: trainPublic,
      given: { repository: 'o/set', benign: '', revision: 'v2', split: 'train', model: '/w/m', confirmed: true },
      said: /^Downloading o\/set: this ended .* What has come is kept\. Continue$/,
    },
    judgeAgain: {
      run: judgeAgain,
      given: { run: '/w/run', judges: [{ name: 'words', refusalPhrases: ['no'] }] },
      said: /^Judging the answers of run: this ended .* What was judged until shortly before is kept\. Continue$/,
    },
    publish: {
      run: publish,
      given: { folder: '/w/merged', run: '/w/a', repository: 'me/mine', isPublic: false },
      said: /^Publishing me\/mine: this ended .* The Hub has either all of it or nothing\. Try again$/,
    },
  };

for (const [command, { run, given, said }] of Object.entries(CASES))
  test(`${command}: what the window ends is told by the next one, and is asked for again as it was`, async (t) => {
    const root = await temporary(t);
    workspace.workspaceFolders = [{ uri: Uri.file(root) }] as never;
    const before = { choose: fake.choose, execute: commands.executeCommand };
    fake.choose = (buttons) => buttons[0];
    t.after(() => {
      workspace.workspaceFolders = undefined;
      fake.choose = before.choose;
      commands.executeCommand = before.execute;
    });
    const folder = await temporary(t);
    let kept = '';
    /** Begins it in a window, which ends. @returns what was asked of the engine */
    const cutOff = async (begin: (services: never) => Promise<unknown>): Promise<unknown> => {
      const memory = memoryOf(folder);
      const workAtHand = new WorkAtHand(memory);
      let last: unknown;
      const request = async (name: string, params: object) => {
        if (name === 'planPublish') return { repository: 'me/mine', files: [], removed: [], sha256: 'x' };
        last = [name, params];
        await memory.dispose();
        for (const name of await readdir(folder)) kept += await readFile(join(folder, name, 'kept.json'), 'utf8');
        throw new Error('the engine ended');
      };
      const services = {
        ...{ assertTrusted: () => undefined, engine: { request }, workAtHand },
        secrets: { get: async () => 'hf_x' },
        models: { list: () => [MODEL] },
        store: { open: async () => RUN, read: async () => undefined, whileJudged: (_: string, work: () => unknown) => work() }, // oxfmt-ignore
      };
      await assert.rejects(begin(services as never), /the engine ended/);
      return last;
    };
    const first = await cutOff((services) => run(services, given as never));
    const [notice, ...more] = await told(folder);
    assert.match(`${notice!.said} ${notice!.button.title}`, said);
    assert.deepEqual(more, []);
    const called: unknown[][] = [];
    commands.executeCommand = async (...args: unknown[]) => void called.push(args);
    await notice!.button.run();
    assert.equal(called[0]![0], `securityVectors.${command}`);
    assert.deepEqual(await cutOff((services) => run(services, called[0]![1] as never)), first);
    assert.ok(kept.includes(command) && !kept.includes('hf_x'), 'no token is kept');
  });
