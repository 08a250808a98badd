/** A part of `npm run test:kills` (see run.ts): kills and faults at some of the calls of each recipe's run, chosen by a seed. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { random } from '../../runtime/support/random.js';
import { killed, prepare, takeUp, withFault, type Outcome } from './trials.js';
import { RECIPES } from './workspace.js';

const KILLS = 3;
/** One of them in a recipe: each meets two. */
const FAULTS = ['eio', 'enospc', 'erofs', 'gone'];

describe('a run that is killed or ended by a fault is taken up again and gives the same', () => {
  for (const [index, name] of Object.keys(RECIPES).entries()) {
    it(name, async (t) => {
      const root = await mkdtemp(join(tmpdir(), 'kills-'));
      t.after(() => rm(root, { recursive: true, force: true }));
      const reference = await prepare(root, name);
      if (name.includes('absorbs'))
        assert.ok(reference.kills.some(({ folder }) => existsSync(join(folder, RUN_FILES.absorbed))));
      const rng = random(`sample/${name}`);
      const check = async (label: string, outcome: Promise<Outcome>): Promise<Outcome['how']> => {
        const { how, problems } = await outcome;
        assert.deepEqual(problems, [], label);
        return how;
      };
      // one of each stretch of calls, so that every part of the run is met
      const stretch = reference.kills.length / KILLS;
      const ways = new Set<Outcome['how']>();
      for (let i = 0; i < KILLS; i++) {
        const { label, folder } = reference.kills[Math.floor((i + rng.uniform()) * stretch)]!;
        ways.add(await check(label, takeUp(reference, folder)));
      }
      assert.deepEqual([...ways].sort(), ['anew', 'resumed']);
      const fault = `${FAULTS[index % FAULTS.length]}:${1 + rng.int(reference.calls)}`;
      await check(fault, withFault(root, reference, fault));
      // a folder that is deleted while the run says that it is done
      if (index === 0)
        for (let call = reference.calls - 14; call <= reference.calls; call += 2)
          await check(`gone:${call}`, withFault(root, reference, `gone:${call}`));
      await check('killed', killed(root, reference, 'killed', 250 + 300 * rng.uniform()));
    });
  }
});
