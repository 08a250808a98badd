/** An export is there as a whole and checked, or not at all. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stagedFile, stagedFolder } from '../../runtime/export/staging.js';
import { processStart } from '../../runtime/runs/ownerOf.js';
import { Cancelled, HumanError } from '../../runtime/support/errors.js';
import { cli } from '../calls/support.js';
import { REFERENCES } from '../support/reference.js';
import { adapterOf, at, place, type Place } from './support.js';

let here: Place;
before(async () => void (here = await place()));
after(() => here.remove());

const model = join(REFERENCES, 'llama');
const FORMS = [
  { format: 'safetensors', main: 'model.safetensors' },
  { format: 'peft', main: 'adapter_model.safetensors' },
  { format: 'onnx', main: 'onnx/model.onnx_data' },
  { format: 'gguf', main: '.' },
] as const;

describe('an export', () => {
  for (const { format, main } of FORMS) {
    const name = `${format}${format === 'gguf' ? '.gguf' : ''}`;
    const adapters = [at(adapterOf('llama', 'task'))];

    it(`${format}: numbers that changed on the way are found, and nothing is left`, async () => {
      const out = here.file('damaged', name);
      const onProgress = (message: string): void => {
        if (message !== 'reading it back') return;
        const [part] = readdirSync(here.file('damaged'));
        const file = here.file('damaged', part!, name, main);
        const bytes = readFileSync(file);
        // the sign of every value in the last quarter
        for (let i = Math.floor(bytes.length / 4) * 3 + 3; i < bytes.length; i += 4) bytes[i]! ^= 0x80;
        writeFileSync(file, bytes);
      };
      await assert.rejects(
        here.run({ model, adapters, format, out, quantization: format === 'gguf' ? 'F32' : undefined }, { onProgress }),
        (error: unknown) =>
          error instanceof HumanError &&
          error.kind === 'failed' &&
          /differ by \d.* from the model's; the export was removed/.test(error.message) &&
          error.place!.startsWith(out) &&
          !error.place!.includes('.part'),
      );
      assert.deepEqual(readdirSync(here.file('damaged')), []);
    });

    it(`${format}: stops between two tensors, and nothing is left`, async () => {
      const controller = new AbortController();
      const onProgress = (message: string): void => {
        if (message === 'writing') controller.abort();
      };
      const out = here.file('stopped', name);
      await assert.rejects(
        here.run({ model, adapters, format, out }, { onProgress, signal: controller.signal }),
        Cancelled,
      );
      assert.deepEqual(readdirSync(here.file('stopped')), []);
    });
  }

  it('overwrites nothing', async () => {
    const full = here.file('full');
    await mkdir(full);
    await writeFile(join(full, 'mine.txt'), 'mine');
    await assert.rejects(here.run({ model, format: 'safetensors', out: full }), /full: .*|not empty/);
    assert.deepEqual(readdirSync(full), ['mine.txt']);
    await assert.rejects(here.run({ model, format: 'onnx', out: join(full, 'mine.txt') }), /this is a file/);
    await assert.rejects(
      here.run({ model, format: 'safetensors', out: here.file('new', 'x', '..', '..', 'full') }),
      /not empty/,
    );
    await mkdir(here.file('empty'));
    await here.run({ model, format: 'safetensors', out: here.file('empty') });
    assert.ok(existsSync(here.file('empty', 'model.safetensors')));
    assert.deepEqual(await here.left(), []);
  });

  it('of two to one place the first stays, and the second says that it is taken', async () => {
    const writing =
      (folder: boolean, text: string, before: Promise<unknown>) =>
      async (staged: string): Promise<string> => {
        await before;
        await writeFile(folder ? join(staged, 'x') : staged, text);
        return text;
      };
    for (const folder of [true, false]) {
      const out = here.file(folder ? 'two' : 'two.gguf');
      const stage = folder ? stagedFolder : stagedFile;
      const first = stage(out, writing(folder, 'first', Promise.resolve()));
      const second = stage(out, writing(folder, 'second', first));
      assert.equal(await first, 'first');
      await assert.rejects(second, (error: unknown) => {
        assert.ok(error instanceof HumanError, String(error));
        assert.match(error.message, /nothing is overwritten/);
        assert.equal(error.place, out);
        return true;
      });
      assert.equal(readFileSync(folder ? join(out, 'x') : out, 'utf8'), 'first');
    }
    assert.deepEqual(await here.left(), []);
  });

  it('removes what an earlier one to the same place left that was killed, and nothing else', async () => {
    const out = here.file('again');
    const owner = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
    const part = async (name: string, started: string | undefined): Promise<void> => {
      await mkdir(here.file(name, 'again'), { recursive: true });
      if (started !== undefined) await writeFile(here.file(name, 'owner.json'), JSON.stringify({ ...owner, started }));
    };
    await part('again.00000001.part', 'long ago');
    await part('again.00000002.part', await processStart(process.pid));
    await part('again.00000003.part', undefined);
    await part('other.00000004.part', 'long ago');
    await stagedFolder(out, (folder) => writeFile(join(folder, 'x'), ''));
    assert.deepEqual((await here.left()).sort(), ['again.00000002.part', 'again.00000003.part', 'other.00000004.part']);
    assert.deepEqual(readdirSync(out), ['x']);
    for (const name of await here.left()) rmSync(here.file(name), { recursive: true });
  });

  it(
    'a disk that is full: a clear message, exit code 1, nothing left',
    { skip: process.platform === 'win32' },
    async () => {
      const out = here.file('disk', 'model');
      const ran = await cli(['export', '--model', model, '--format', 'safetensors', '--out', out], {
        shell: 'ulimit -f 40;',
      });
      assert.equal(ran.code, 1, ran.stderr);
      assert.match(
        ran.stderr,
        /disk.model: there is not enough space for the export; nothing was left behind\. Free some space/,
      );
      assert.deepEqual(readdirSync(here.file('disk')), []);
    },
  );
});
