/**
 * Whatever ends a run that replaces a finished one, and whenever: the result that was there is whole, or the new one
 * is.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { errorData } from '../../runtime/support/errors.js';
import { sha256 } from '../../runtime/support/files.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import { runRecipe } from '../../runtime/calls/run.js';
import { finishReplacement, readManifest } from '../../runtime/runs/output.js';
import { bury } from '../support/bury.js';
import { watch } from '../support/faults.js';
import { VECTOR, writeWorkspace } from './workspace.js';
import { silent } from '../support/silent.js';

const FAULTS = ['eio', 'enospc', 'erofs'];
/** Of the calls at which a fault is tried, beginning with another one for each fault. */
const EVERY = 23;

describe('a finished result that is replaced', () => {
  let root: string;
  let file: string;
  let old: Record<string, string>;
  let calls = 0;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'replace-'));
    await writeWorkspace(root);
    file = join(root, 'recipe.json');
    await writeFile(file, JSON.stringify({ ...VECTOR, steps: 2, evaluateEvery: 2 }));
    await runRecipe(file, { output: join(root, 'old/out'), ...silent });
    old = await files(join(root, 'old/out'));
    await writeFile(file, JSON.stringify({ ...VECTOR, steps: 2, evaluateEvery: 2, seed: 4 }));
  });
  after(() => rm(root, { recursive: true, force: true }));

  const copied = async (label: string): Promise<string> => {
    await cp(join(root, 'old/out'), join(root, label, 'out'), { recursive: true });
    return join(root, label, 'out');
  };
  async function replace(output: string): Promise<ErrorData | undefined> {
    try {
      await runRecipe(file, { output, force: true, ...silent });
      return undefined;
    } catch (error) {
      return errorData(error);
    }
  }

  /** What a run made, byte for byte; without what another one is making. */
  async function files(folder: string): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const name = join(entry.parentPath, entry.name).slice(folder.length + 1);
      if (entry.isFile() && !name.startsWith('next') && !name.startsWith('owner.json'))
        found[name] = sha256(await readFile(join(folder, name)));
    }
    return found;
  }

  /** Completes what only has to be completed, as every start does. @returns which result stands there */
  async function standing(output: string): Promise<Record<string, string>> {
    for (const folder of [output, join(output, 'next')]) await bury(folder);
    await finishReplacement(output);
    assert.equal((await readManifest(output))?.outcome, 'finished');
    return files(output);
  }

  it('is whole after a kill at every call', async () => {
    const output = await copied('whole');
    const end = watch({
      root: output,
      onCall({ number }) {
        calls = number;
        mkdirSync(join(root, `kill-${number}`));
        cpSync(output, join(root, `kill-${number}`, 'out'), { recursive: true });
      },
    });
    assert.equal(await replace(output), undefined);
    end();
    const made = await files(output);
    assert.ok(old['adapter/adapter_model.safetensors'] !== made['adapter/adapter_model.safetensors'] && calls > 100);
    let kept = 0;
    for (let number = 1; number <= calls; number++) {
      const found = await standing(join(root, `kill-${number}`, 'out'));
      const isOld = found['manifest.json'] === old['manifest.json'];
      assert.deepEqual(found, isOld ? old : made, `killed at call ${number} of ${calls}`);
      kept += Number(isOld);
    }
    assert.ok(kept > 50 && kept < calls, 'the old one first, then the new one');
  });

  for (const [i, fault] of FAULTS.entries()) {
    it(`is whole after ${fault}`, async () => {
      for (let at = 1 + 7 * i; at <= calls; at += EVERY) {
        const label = `${fault}-${at}`;
        const output = await copied(label);
        const end = watch({ root: output, fault: `${fault}:${at}` });
        const error = await replace(output);
        end();
        assert.ok(error?.kind !== 'internal', `${label}: ${error?.message} ${error?.stack}`);
        const found = await standing(output);
        if (found['manifest.json'] === old['manifest.json']) assert.deepEqual(found, old, label);
        else {
          const result = (await readManifest(output))!;
          assert.deepEqual(Object.keys(found).sort(), [...result.files!].sort(), label);
          assert.equal(found['adapter/adapter_model.safetensors'], result.result!.sha256, label);
        }
        assert.equal(await replace(output), undefined, `${label}, once more`);
      }
    });
  }
});
