/** Counting of a data file: what is shown is what the file holds now, whenever it was written. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DataInfo } from '../../runtime/contract/dataInfo.js';
import { DataInspector } from '../../extension/data/files.js';
import { temporary, write } from './support.js';

for (const known of [false, true])
  test(`a file that is written while it is counted${known ? ' again' : ''} is counted once more`, async (t) => {
    const file = await write(join(await temporary(t), 'train.jsonl'), 'old\n');
    let counting = (): Promise<void> => Promise.resolve();
    let asked = 0;
    const inspector = new DataInspector(async (path) => {
      asked++;
      const text = await readFile(path, 'utf8');
      await counting();
      return { path, format: text.trim() } as DataInfo;
    });
    const next = (): Promise<void> => new Promise((resolve) => inspector.onDidChange(() => resolve()));
    const shown = (): string | undefined => {
      const counted = inspector.get(file);
      return counted && 'info' in counted ? counted.info.format : undefined;
    };
    if (known) {
      const first = next();
      inspector.get(file);
      await first;
      await writeFile(file, 'middle\n');
    }
    let release = (): void => undefined;
    const reached = new Promise<void>((begun) => {
      counting = () =>
        new Promise((resolve) => {
          release = resolve;
          begun();
        });
    });
    const counted = next();
    if (known) inspector.changed(file);
    else inspector.get(file);
    await reached;
    counting = () => Promise.resolve();
    await writeFile(file, 'written meanwhile\n');
    inspector.changed(file);
    inspector.changed(file);
    release();
    await counted;
    for (let i = 0; i < 50 && shown() !== 'written meanwhile'; i++) await new Promise((done) => setTimeout(done, 10));
    assert.equal(shown(), 'written meanwhile');
    assert.equal(asked, known ? 3 : 2);
    inspector.dispose();
  });
