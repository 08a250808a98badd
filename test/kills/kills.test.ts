/**
 * A part of `npm run test:kills` (see run.ts): kills and faults at some of the calls of each recipe's run, chosen by a
 * seed.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { random } from '../../runtime/support/random.js';
import { killed, prepare, takeUp, withFault, writeBase, type Outcome } from './trials.js';
import { RECIPES } from './workspace.js';
import { temporary } from '../support/temporary.js';

const KILLS = 3;
/** One of them in a recipe: each meets two. */
const FAULTS = ['eio', 'enospc', 'erofs', 'gone'];

describe('a run that is killed or ended by a fault is taken up again and gives the same', () => {
  let base: string;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'kills-'));
    await writeBase(base);
  });
  after(() => rm(base, { recursive: true, force: true }));

  for (const [index, name] of Object.keys(RECIPES).entries()) {
    it(name, async (t) => {
      const root = await temporary(t);
      await cp(base, root, { recursive: true });
      const rng = random(`sample/${name}`);
      // one of each stretch of calls, so that every part of the run is met
      const reference = await prepare(root, name, (moments) =>
        Array.from({ length: KILLS }, (_, i) => moments[Math.floor(((i + rng.uniform()) * moments.length) / KILLS)]!),
      );
      assert.equal(reference.kills.length, KILLS);
      if (name.includes('absorbs')) assert.ok(reference.changed.has(RUN_FILES.absorbed));
      const check = async (label: string, outcome: Promise<Outcome>): Promise<Outcome['how']> => {
        const { how, problems } = await outcome;
        assert.deepEqual(problems, [], label);
        return how;
      };
      const ways = new Set<Outcome['how']>();
      for (const { label, folder } of reference.kills) ways.add(await check(label, takeUp(reference, folder)));
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
