import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { convertGguf } from '../../runtime/models/gguf/convert.js';
import { partsOf, readModelGguf } from '../../runtime/models/gguf/file/split.js';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'gguf');
const NAMES = [1, 2, 3].map((i) => `llama-0000${i}-of-00003.gguf`);
const part = (i: number): string => join(FIXTURES, 'split', NAMES[i]!);

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-split-'));
});
after(() => rm(dir, { recursive: true }));

test('a model in three parts is converted into the folder of the whole file; any part stands for all', async () => {
  const whole = await convertGguf(join(FIXTURES, 'families', 'llama.gguf'), { cache: join(dir, 'whole') });
  const messages: string[] = [];
  const options = { cache: join(dir, 'cache'), onMessage: (text: string) => messages.push(text) };
  const folder = await convertGguf(part(0), options);
  for (const name of ['config.json', 'model.safetensors'])
    assert.deepEqual(await readFile(join(folder, name)), await readFile(join(whole, name)), name);
  assert.match(messages[0]!, /Reading llama-00001-of-00003.gguf/);
  // the parts are hashed again under the other name, and found
  assert.equal(await convertGguf(part(2), options), folder);
  messages.length = 0;
  assert.equal(await convertGguf(part(0), options), folder);
  assert.deepEqual(messages, []);
});

test('names of parts', () => {
  assert.deepEqual(
    partsOf('/m/a-00002-of-00003.gguf'),
    [1, 2, 3].map((i) => `/m/a-0000${i}-of-00003.gguf`),
  );
  for (const file of ['/m/a.gguf', '/m/a-00001-of-00001.gguf', '/m/a-00001-of-99999.gguf', '/m/a-1-of-3.gguf'])
    assert.deepEqual(partsOf(file), [file]);
});

test('a part that is missing, of another place or of another model is refused by name', async () => {
  const refused = async (name: string, files: (string | undefined)[], message: RegExp) => {
    const folder = join(dir, name);
    await mkdir(folder);
    for (const [i, from] of files.entries()) if (from) await copyFile(from, join(folder, NAMES[i]!));
    assert.throws(() => readModelGguf(join(folder, NAMES[0]!)), {
      name: 'HumanError',
      message,
      place: /./,
      remedy: /./,
    });
  };
  await refused(
    'missing',
    [part(0), undefined, part(2)],
    /1 of 3 parts of the model are missing: llama-00002-of-00003/,
  );
  await refused('order', [part(0), part(2), part(1)], /not part 2 of 3/);
  await refused('other', [part(0), join(FIXTURES, 'families', 'llama.gguf'), part(2)], /not part 2 of 3/);
  // the same tensors a second time, under the number of another part
  const again = Buffer.from(await readFile(part(1)));
  const at = again.indexOf('split.no') + 'split.no'.length + 4;
  assert.equal(again.readUInt16LE(at), 1);
  again.writeUInt16LE(2, at);
  await writeFile(join(dir, 'again.gguf'), again);
  await refused('twice', [part(0), part(1), join(dir, 'again.gguf')], /an earlier part has this tensor too/);
  await copyFile(part(0), join(dir, 'renamed.gguf'));
  assert.throws(() => readModelGguf(join(dir, 'renamed.gguf')), /one of 3 parts of a model, but is not named like one/);
});
