/** Of two first runs on one folder the one that is a moment late says that the other works there, whenever it looks. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import { OWNER } from '../../runtime/contract/owner.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { processStart } from '../../runtime/runs/ownerOf.js';
import { watch } from '../support/faults.js';
import { silent } from '../support/silent.js';
import { runSweep, sweepsFolder, type Sweeps } from '../support/sweeps.js';

let at: Sweeps;
before(async () => void (at = await sweepsFolder()));
after(() => at.remove());

/** Before each call in turn by which the late one looks at the folder, until it takes it, the other begins there. */
async function eachMoment(output: string, kind: 'sweep' | 'vector', late: () => Promise<unknown>): Promise<void> {
  const owner = { pid: process.ppid, host: hostname(), started: await processStart(process.ppid), since: '2026' };
  const manifest = { version: 1, kind, name: 'n', outcome: 'running', started: new Date().toISOString() };
  const files = { [OWNER.file]: owner, [RUN_FILES.manifest]: manifest, [RUN_FILES.recipe]: {}, [RUN_FILES.events]: '' };
  let moment = 0;
  for (let takes = false; !takes;) {
    moment++;
    const end = watch({
      root: output,
      reads: true,
      onCall({ number, name, file }) {
        takes ||= name === 'writeFile' && file.endsWith('.claim');
        if (number !== moment) return;
        mkdirSync(output, { recursive: true });
        for (const [other, content] of Object.entries(files))
          writeFileSync(join(output, other), JSON.stringify(content));
      },
    });
    try {
      await assert.rejects(late(), ({ message }: Error) => {
        assert.match(message, /^another process is working in this run folder/, `call ${moment}`);
        return true;
      });
    } finally {
      end();
      await rm(output, { recursive: true, force: true });
    }
  }
  assert.ok(moment > 3, String(moment));
}

test('a sweep says of another one that begins in the same moment that it works there', async () => {
  const recipe = await at.sweep('same', { seed: [1] });
  await eachMoment(join(at.root, 'sweeps/same'), 'sweep', () => runSweep(recipe));
});

test('a run says so of another run', async () => {
  const recipe = join(at.root, 'vector.json');
  const output = join(at.root, 'other');
  await eachMoment(output, 'vector', () => runRecipe(recipe, { ...silent, output }));
});
