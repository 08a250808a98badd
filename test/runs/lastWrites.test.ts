/** What a run writes last, its report and its end, may fail, too: as any other failure it is told and can be resumed. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import { readManifest } from '../../runtime/runs/output.js';
import { errorData } from '../../runtime/support/errors.js';
import { PLAIN, writeWorkspace } from '../kills/workspace.js';
import { watch } from '../support/faults.js';
import { silent } from '../support/silent.js';
import { temporary } from '../support/temporary.js';

test('a run whose last writes fail says why in its manifest, on a full disk that it can be resumed, and goes on', async (t) => {
  const root = await temporary(t);
  await writeWorkspace(root);
  const file = join(root, 'recipe.json');
  await writeFile(file, JSON.stringify({ ...PLAIN, evaluate: [], steps: 1, evaluateEvery: 1 }));
  const run = async (output: string, resume = false): Promise<ErrorData | undefined> => {
    const options = { output, resume, ...silent };
    return runRecipe(file, options).then(() => undefined, errorData);
  };
  const calls: string[] = [];
  const end = watch({ root: join(root, 'whole'), onCall: ({ name, file: path }) => calls.push(`${name} ${path}`) });
  assert.equal(await run(join(root, 'whole')), undefined);
  end();
  const report = 1 + calls.findIndex((call) => /^open .*report\.html/.test(call));
  const done = calls.findLastIndex((call) => /^open .*events\.jsonl/.test(call));
  assert.ok(report > done && done > 0, calls.join('\n'));
  for (const [fault, remedy] of [
    [`enospc:${report}`, 'Free some space and resume the run: train RECIPE --resume.'],
    [`eio:${report}`, undefined],
    [`eio:${report - 1}`, undefined],
  ] as const) {
    const output = join(root, fault.replace(':', '-'));
    const ended = watch({ root: output, fault });
    const error = await run(output);
    ended();
    if (remedy !== undefined) assert.equal(error!.remedy, remedy);
    else {
      const { outcome, error: told, done: said } = (await readManifest(output))!;
      assert.deepEqual([outcome, told!.message, said], ['failed', error!.message, undefined], fault);
    }
    assert.equal(await run(output, true), undefined);
    const { outcome, error: told } = (await readManifest(output))!;
    assert.deepEqual([outcome, told], ['finished', undefined], fault);
  }
});
