import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { Ended } from '../../../extension/commands/runs.js';
import { command, exists, inWorkspace, runShort } from './support.js';

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

  it('fails its run and says how it ended; the next run goes well', async () => {
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

    const again = await command<Ended>('runRecipe', inWorkspace('recipes/short-vector.json'));
    assert.equal(again.state, 'finished', again.error);
  });
});
