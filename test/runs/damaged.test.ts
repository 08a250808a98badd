/** Files of a run that are damaged, or of another version: what is wrong is said, and nothing is written over. */
import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readRun } from '../../runtime/evaluation/report/runReport.js';
import { planOutput } from '../../runtime/runs/output.js';
import { errorData, HumanError } from '../../runtime/support/errors.js';
import { writeKeptRun } from '../support/keptRun.js';
import { temporary } from '../support/temporary.js';

async function run(t: TestContext) {
  const folder = await temporary(t);
  await writeKeptRun(folder, 2);
  const file = (name: string): string => join(folder, name);
  const values = async (name: string) => JSON.parse(await readFile(file(name), 'utf8')) as Record<string, unknown>;
  return { folder, file, values };
}

const errorOf = (done: Promise<unknown>) => done.then(() => undefined, errorData);
const DAMAGED = 'the manifest of this run is damaged, or of another version.';

test('a manifest without one of its fields, or with another value there', async (t) => {
  const { folder, file, values } = await run(t);
  const manifest = await values('manifest.json');
  const damaged = new Set<string>();
  for (const key of Object.keys(manifest))
    for (const value of [undefined, null, 'x', {}]) {
      const text = JSON.stringify({ ...manifest, [key]: value });
      await writeFile(file('manifest.json'), text);
      const read = await errorOf(readRun(folder));
      const standing = await errorOf(planOutput(folder, [], { resume: true }));
      assert.ok(standing && standing.kind !== 'internal' && read?.kind !== 'internal', `${key}: ${read?.message}`);
      if (read?.message !== DAMAGED) continue;
      damaged.add(key);
      for (const error of [read, standing])
        assert.deepEqual([error.message, error.place], [DAMAGED, file('manifest.json')]);
      assert.equal(await readFile(file('manifest.json'), 'utf8'), text);
    }
  for (const key of ['version', 'kind', 'outcome', 'model', 'data', 'vectors', 'done'])
    assert.ok(damaged.has(key), key);
});

test('a recipe that is none, or not that of the run', async (t) => {
  const { folder, file, values } = await run(t);
  const recipe = await values('recipe.json');
  for (const [text, message] of [
    [JSON.stringify({ ...recipe, kind: undefined }), /^the files of this run do not belong together/],
    [JSON.stringify({ ...recipe, kind: 'vector' }), /^the files of this run do not belong together/],
    ['null', /object/],
    ['{"kind"', /JSON/],
  ] as const) {
    await writeFile(file('recipe.json'), text);
    await assert.rejects(readRun(folder), (error) => error instanceof HumanError && message.test(error.message));
  }
});

test('lines that are no events are left out', async (t) => {
  const { folder, file } = await run(t);
  const { events } = await readRun(folder);
  assert.deepEqual(events.map(({ kind }) => kind), ['done']); // oxfmt-ignore
  await appendFile(file('events.jsonl'), 'null\n7\n[]\n{"kind":"step"}\n{"kind":"later"}\n{"kind":"st');
  assert.deepEqual((await readRun(folder)).events, events);
});

test('a folder without a run', async (t) => {
  const { folder } = await run(t);
  const place = join(folder, 'none');
  await assert.rejects(readRun(place), { message: 'there is no run in this folder.', place });
});
