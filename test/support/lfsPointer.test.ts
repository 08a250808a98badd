/** A clone without Git LFS has pointers in the place of files: every reader names them. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readRows } from '../../runtime/data/rows.js';
import { readGguf } from '../../runtime/models/gguf/file/gguf.js';
import { readSafetensors } from '../../runtime/models/weights/safetensors.js';
import { readJsonObject } from '../../runtime/support/jsonFile.js';

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d7a'.repeat(16)}\nsize 988097824\n`;
let dir: string;
before(async () => void (dir = await mkdtemp(join(tmpdir(), 'lfs-pointer-'))));
after(() => rm(dir, { recursive: true }));

const first = async (file: string): Promise<unknown> => (await readRows(file).next()).value;
const READERS: Record<string, (file: string) => unknown> = {
  ...{ 'model.safetensors': readSafetensors, 'tokenizer.json': readJsonObject, 'model.gguf': readGguf },
  ...{ 'rows.jsonl': first, 'rows.csv': first, 'rows.parquet': first, 'rows.jsonl.gz': first },
};

for (const [name, read] of Object.entries(READERS))
  test(name, async () => {
    const file = join(dir, name);
    await writeFile(file, POINTER);
    await assert.rejects(async () => read(file), {
      ...{ name: 'HumanError', place: file, message: 'this is a pointer of Git LFS, not the file itself.' },
      remedy: 'Run git lfs pull in the folder of the repository.',
    });
  });
