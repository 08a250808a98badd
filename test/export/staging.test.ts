/** An export is there as a whole and checked, or not at all. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import fs, { mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { requireAlike } from '../../runtime/export/compare.js';
import { stagedFile, stagedFolder } from '../../runtime/export/staging.js';
import { processStart, thisProcess } from '../../runtime/runs/ownerOf.js';
import { Cancelled, errorData, HumanError } from '../../runtime/support/errors.js';
import { OWNER, type RunOwner } from '../../runtime/contract/owner.js';
import { watch, withFault } from '../support/faults.js';
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
  it('whose numbers differ names a wider type, and is a bug where there is none', () => {
    const found = (type: string) => () => requireAlike(Float32Array.of(1, 2), Float32Array.of(2, 1), 2, type, 'x');
    assert.throws(found('BF16'), {
      remedy: /^BF16 may be .*: export as GGUF, F32 \(--format gguf --quantization F32\)/,
    });
    for (const type of ['F32', 'F64']) assert.throws(found(type), { remedy: /please report it/ });
  });

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

  it('takes a folder that is empty but for what Finder and Explorer left in it', async () => {
    const out = here.file('shown');
    await mkdir(out);
    for (const name of ['.DS_Store', 'Thumbs.db', 'Desktop.ini']) await writeFile(join(out, name), '');
    await stagedFolder(out, (folder) => writeFile(join(folder, 'made.txt'), ''));
    assert.deepEqual(readdirSync(out), ['made.txt']);
  });

  it('follows a link to an empty folder, and refuses one that leads nowhere, before it writes', async () => {
    await mkdir(here.file('linked', 'empty'), { recursive: true });
    const link = here.file('linked', 'link');
    await symlink(here.file('linked', 'empty'), link, 'junction');
    await stagedFolder(link, (folder) => writeFile(join(folder, 'made.txt'), ''));
    assert.deepEqual(readdirSync(here.file('linked', 'empty')), ['made.txt']);
    rmSync(here.file('linked', 'empty'), { recursive: true });
    await assert.rejects(
      stagedFolder(link, () => assert.fail('written')),
      { code: 'ENOLINK', path: link },
    );
    assert.deepEqual(readdirSync(here.file('linked')), ['link']);
  });

  it('refuses a folder at which a disk is mounted before it writes', { skip: process.platform === 'win32' }, () =>
    assert.rejects(
      stagedFolder('/dev', () => assert.fail('written')),
      { name: 'HumanError', message: /^a disk is mounted at this folder/, place: '/dev' },
    ),
  );

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

  it('takes a name as long as the disk does', { skip: process.platform === 'win32' }, async () => {
    const [folder, file] = ['folder', 'file.gguf'].map((name) => here.file('long', name.padStart(255, 'x')));
    const rows = (text: string) => (staged: string) => writeFile(join(staged, 'rows'), text);
    await stagedFolder(folder!, rows('old'));
    await stagedFolder(folder!, rows('new'), { replaces: true });
    assert.equal(readFileSync(join(folder!, 'rows'), 'utf8'), 'new');
    await stagedFile(file!, (staged) => writeFile(staged, 'made'));
    assert.equal(readFileSync(file!, 'utf8'), 'made');
    assert.equal(readdirSync(here.file('long')).length, 2);
  });

  it('of a file that is put there in the last moment nothing is overwritten', async () => {
    const out = here.file('last.gguf');
    const end = watch({ root: here.file(), onCall: ({ file }) => file === out && writeFileSync(out, 'theirs') });
    await assert.rejects(
      stagedFile(out, (file) => writeFile(file, 'mine')),
      { message: /nothing is overwritten/, place: out },
    );
    end();
    assert.equal(readFileSync(out, 'utf8'), 'theirs');
    rmSync(out);
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
      await assert.rejects(second, { name: 'HumanError', message: /nothing is overwritten/, place: out });
      assert.equal(readFileSync(folder ? join(out, 'x') : out, 'utf8'), 'first');
    }
    assert.deepEqual(await here.left(), []);
  });

  it('removes what an earlier one to the same place left that was killed, and nothing else', async () => {
    const out = here.file('again');
    const living = (await processStart(process.pid))!;
    const dead = `${living}0`;
    const parts: Record<string, Partial<RunOwner> | string | undefined> = {
      'again.00000001.part': { started: dead },
      'again.00000002.part': { started: living },
      'again.00000003.part': undefined,
      'other.00000004.part': { started: dead },
      // living ones of which this process cannot know
      'again.00000005.part': { started: '' },
      'again.00000006.part': '{"pid": 1, "ho',
      'again.00000007.part': { started: dead, host: 'another' },
      ...(process.platform === 'linux' && { 'again.00000008.part': { started: '133801234567890000' } }),
    };
    const add = async (name: string, seconds: number): Promise<void> => {
      const owner = parts[name];
      await mkdir(here.file(name, 'again'), { recursive: true });
      if (owner === undefined) return;
      const file = here.file(name, 'owner.json');
      const whole = { pid: process.pid, host: hostname(), since: '2026-01-01T00:00:00.000Z' };
      await writeFile(file, typeof owner === 'string' ? owner : JSON.stringify({ ...whole, ...owner }));
      await utimes(file, Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);
    };
    for (const name of Object.keys(parts)) await add(name, OWNER.silentMs / 1000 + 60);
    const touched = 'again.00000009.part';
    parts[touched] = parts['again.00000001.part'];
    await add(touched, 60);
    // silent for a day, of another machine
    const silent = 'again.0000000a.part';
    parts[silent] = { started: dead, host: 'another' };
    await add(silent, 25 * 3600);
    // of this machine, which slept for a day
    const slept = 'again.0000000b.part';
    parts[slept] = { started: living };
    await add(slept, 25 * 3600);
    // that has written until a moment ago: of this table of processes, where it certainly is no longer, and of another
    const [gone, elsewhere] = ['again.0000000c.part', 'again.0000000d.part'];
    const own = await thisProcess();
    parts[gone] = { ...own, started: dead };
    parts[elsewhere] = { ...own, started: dead, system: 'of a container' };
    for (const name of [gone, elsewhere]) await add(name, 0);
    await stagedFolder(out, (folder) => writeFile(join(folder, 'x'), ''));
    const removed = new Set(['again.00000001.part', silent, gone]);
    const kept = Object.keys(parts).filter((name) => !removed.has(name));
    assert.deepEqual((await here.left()).sort(), kept.sort());
    assert.deepEqual(readdirSync(out), ['x']);
    for (const name of await here.left()) rmSync(here.file(name), { recursive: true });
  });

  it('removes what holds nothing and that nobody has claimed for long, as a kill between two calls leaves it', async () => {
    const long = Date.now() / 1000 - OWNER.silentMs / 1000 - 60;
    const parts: [name: string, holds: string | undefined, since: number][] = [
      ['bare.00000001.part', undefined, long],
      ['bare.00000002.part', 'owner.json.0123456789abcdef.claim', long],
      ['bare.00000003.part', undefined, long + 120],
      ['bare.00000004.part', 'mine', long],
    ];
    for (const [name, holds, since] of parts) {
      await mkdir(here.file(name));
      if (holds) await writeFile(here.file(name, holds), '');
      await utimes(here.file(name), since, since);
    }
    await stagedFolder(here.file('bare'), (folder) => writeFile(join(folder, 'x'), ''));
    assert.deepEqual((await here.left()).sort(), ['bare.00000003.part', 'bare.00000004.part']);
    for (const name of await here.left()) rmSync(here.file(name), { recursive: true });
  });

  it('removes that also where the place is taken by now', async () => {
    const dead = { ...(await thisProcess()), started: 'earlier', since: '2026-01-01T00:00:00.000Z' };
    const stages: [name: string, stage: (out: string) => Promise<unknown>][] = [
      ['taken', (out) => stagedFolder(out, (folder) => writeFile(join(folder, 'x'), ''))],
      ['taken.gguf', (out) => stagedFile(out, (file) => writeFile(file, ''))],
    ];
    for (const [name, stage] of stages) {
      await stage(here.file(name));
      const part = here.file(`${name}.00000001.part`);
      await mkdir(part);
      await writeFile(join(part, name), 'half');
      await writeFile(join(part, OWNER.file), JSON.stringify(dead));
      await assert.rejects(stage(here.file(name)), /nothing is overwritten/);
      assert.equal(existsSync(part), false, name);
    }
  });

  it('names its place, and no other, where the file system is read-only or becomes so', async () => {
    const out = here.file('closed', 'model');
    await mkdir(here.file('closed'));
    const write = (folder: string) => writeFile(join(folder, 'x'), '');
    const places = new Set<string | undefined>();
    for (let at = 1; ; at++) {
      const { error } = await withFault(here.file('closed'), `erofs:${at}`, () => stagedFolder(out, write));
      if (error === undefined) break;
      const { message, place, remedy } = errorData(error);
      assert.deepEqual([message, remedy], ['the file system is read-only.', 'Choose another folder.']);
      // Once it is made, what could not be removed is named.
      if (!existsSync(out)) places.add(place);
      for (const name of readdirSync(here.file('closed'))) rmSync(here.file('closed', name), { recursive: true });
    }
    assert.deepEqual([...places].sort(), [out, join(out, 'x')]);
  });

  it('names its owner as long as it holds anything, wherever it is killed', async () => {
    await mkdir(here.file('named'));
    const out = here.file('named', 'model');
    const stopped = async (folder: string): Promise<never> => {
      await writeFile(join(folder, 'half'), 'half');
      throw new Cancelled();
    };
    const found = new Set<string>();
    const { calls } = await withFault(here.file('named'), '', () => stagedFolder(out, stopped).catch(() => undefined));
    for (let at = 1; at <= calls.length; at++) {
      await withFault(here.file('named'), `kill:${at}`, () => stagedFolder(out, stopped));
      for (const name of readdirSync(here.file('named'))) {
        const left = readdirSync(here.file('named', name));
        if (left.includes('model')) assert.ok(left.includes(OWNER.file), `killed at call ${at}`);
        found.add(left.sort().join());
        rmSync(here.file('named', name), { recursive: true });
      }
    }
    assert.ok(found.has('model,owner.json'), [...found].join('; '));
  });

  it('that is in its place is done, whatever of what it leaves cannot be removed', async () => {
    const out = here.file('done', 'set');
    const stage = async (fault: string) => {
      await stagedFolder(out, (folder) => writeFile(join(folder, 'rows'), 'old'));
      return withFault(here.file('done'), fault, () =>
        stagedFolder(out, (folder) => writeFile(join(folder, 'rows'), 'new'), { replaces: true }),
      );
    };
    const { calls } = await stage('');
    const moved = calls.lastIndexOf('rename') + 1;
    assert.ok(calls.slice(moved).filter((name) => name === 'rm').length > 2, calls.join());
    for (let at = moved + 1; at <= calls.length; at++) {
      rmSync(out, { recursive: true });
      const { error } = await stage(`eio:${at}`);
      assert.equal(error, undefined, calls[at - 1]);
      assert.equal(readFileSync(join(out, 'rows'), 'utf8'), 'new');
      for (const name of readdirSync(here.file('done')).filter((one) => one !== 'set')) {
        const left = readdirSync(here.file('done', name));
        assert.ok(left.length === 0 || left.includes(OWNER.file), `${calls[at - 1]}: ${left.join()}`);
        rmSync(here.file('done', name), { recursive: true });
      }
    }
  });

  it('what is replaced is there or comes back, wherever the one that replaces it was killed', async () => {
    const out = here.file('replaced', 'set');
    const write = (text: string) => (folder: string) => writeFile(join(folder, 'rows'), text);
    await stagedFolder(out, write('old'));
    const seen = new Set<string>();
    for (let at = 1, isWhole = false; !isWhole; at++) {
      const replace = () => stagedFolder(out, write('new'), { replaces: true });
      isWhole = (await withFault(here.file('replaced'), `kill:${at}`, replace)).error === undefined;
      for (const name of readdirSync(here.file('replaced')).filter((one) => one.includes('.part'))) {
        const file = here.file('replaced', name, 'owner.json');
        if (existsSync(file)) writeFileSync(file, readFileSync(file, 'utf8').replace(/"started":"[^"]*/, '$&0'));
      }
      seen.add(existsSync(out) ? 'there' : 'away');
      const next = stagedFolder(out, () => Promise.reject(new Error('no network')), { replaces: true });
      await assert.rejects(next, /no network/);
      assert.match(readFileSync(join(out, 'rows'), 'utf8'), isWhole ? /^new$/ : /^(old|new)$/, String(at));
      rmSync(here.file('replaced'), { recursive: true });
      await stagedFolder(out, write('old'));
    }
    assert.deepEqual([...seen].sort(), ['away', 'there']);
  });

  it('what is replaced and cannot be put back stays where it is, and is named', async (t) => {
    const out = here.file('stuck', 'set');
    await stagedFolder(out, (folder) => writeFile(join(folder, 'rows'), 'old'));
    let moves = 0;
    const rename = fs.rename;
    const mock = t.mock.method(fs, 'rename', (async (from, to) => {
      if (String(to) === out && moves++ < 2) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      return rename(from, to);
    }) as typeof rename);
    syncBuiltinESMExports();
    const replace = () => stagedFolder(out, (folder) => writeFile(join(folder, 'rows'), 'new'), { replaces: true });
    await assert.rejects(replace(), (error: unknown) => {
      assert.ok(error instanceof HumanError, String(error));
      const [, old] = /which now lies in (.*)\.$/.exec(error.message)!;
      assert.equal(readFileSync(join(old!, 'rows'), 'utf8'), 'old');
      assert.equal(error.place, out);
      return true;
    });
    assert.equal(existsSync(out), false);
    mock.mock.restore();
    syncBuiltinESMExports();
    await replace();
    assert.equal(readFileSync(join(out, 'rows'), 'utf8'), 'new');
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
