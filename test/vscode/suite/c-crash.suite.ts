import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { Ended } from '../../../extension/commands/runs.js';
import * as vscode from 'vscode';
import type { Manifest } from '../../../runtime/contract/manifest.js';
import { exists, inWorkspace, json, onFile, runShort } from './support.js';

/** Process ids of the engine's children of this extension host; the kernel's own table, as Linux shows it. */
function engines(): number[] {
  const found: number[] = [];
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, 'utf8'))?.[1]);
      if (parent === process.pid && readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes('engine.js')) {
        found.push(Number(entry));
      }
    } catch {
      // it has ended meanwhile
    }
  }
  return found;
}

describe('a child that is killed', () => {
  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  it('fails its run with how it ended; the next run goes well', async () => {
    const short = { output: '../vectors/killed', epochs: 40 };
    const known = engines();
    const running = runShort('recipes/vector.json', 'killed', short);
    let child: number | undefined;
    for (let i = 0; i < 200 && !(child && (await exists('vectors/killed/events.jsonl'))); i++) {
      child = engines().find((pid) => !known.includes(pid));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    process.kill(child!, 'SIGKILL');
    const ended = await running;
    assert.equal(ended.state, 'failed');
    assert.match(ended.error ?? '', /SIGKILL/);
    assert.deepEqual(
      engines().filter((pid) => !known.includes(pid)),
      [],
    );

    const again = await runShort('recipes/vector.json', 'after-crash', { output: '../vectors/after-crash', epochs: 1 });
    assert.equal(again.state, 'finished', again.error);
  });

  it('asks what becomes of a finished result: keep both, then replace it', async () => {
    const folder = 'vectors/after-crash';
    const { started } = await json<Manifest>(`${folder}/manifest.json`);
    /** Runs the recipe again and presses keys in the question until the run has ended. */
    const answer = async (...keys: string[]): Promise<Ended> => {
      let ended: Ended | undefined;
      const running = onFile('runRecipe', inWorkspace('recipes/after-crash.json')).then((end) => (ended = end));
      for (let i = 0; i < 100 && !ended && !(await exists(`${folder}-2`)) && !(await exists(`${folder}/next`)); i++) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        for (const key of keys) await vscode.commands.executeCommand(`workbench.action.${key}`);
      }
      return running;
    };
    const kept = await answer('quickOpenSelectNext', 'acceptSelectedQuickOpenItem');
    assert.equal(kept.state, 'finished', kept.error);
    assert.equal(kept.folder, inWorkspace(`${folder}-2`).fsPath);
    assert.equal((await json<Manifest>(`${folder}/manifest.json`)).started, started);
    await vscode.workspace.fs.delete(inWorkspace(`${folder}-2`), { recursive: true });

    const replaced = await answer('acceptSelectedQuickOpenItem');
    assert.equal(replaced.state, 'finished', replaced.error);
    assert.equal(replaced.folder, inWorkspace(folder).fsPath);
    assert.notEqual((await json<Manifest>(`${folder}/manifest.json`)).started, started);
    assert.equal(await exists(`${folder}/next`), false);
  });
});
