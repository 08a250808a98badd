import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { copySample } from '../../runtime/sample/workspace.js';
import { runRecipe } from '../../runtime/calls/run.js';

test('the story takes nothing that is not its own: a changed copy is kept, a foreign folder refused', async (t) => {
  const out = await mkdtemp(join(tmpdir(), 'story-'));
  t.after(() => rm(out, { recursive: true, force: true }));
  const workspace = join(out, 'workspace');

  await mkdir(workspace);
  await writeFile(join(workspace, 'thesis.md'), 'mine');
  await assert.rejects(copySample(workspace), /is not a copy of the sample: it holds "thesis\.md"/);
  assert.deepEqual(await readdir(workspace), ['thesis.md']);
  await rm(workspace, { recursive: true });

  // our own copy with a finished run of ours and what the extension keeps is replaced
  assert.deepEqual(await copySample(workspace), { kept: undefined });
  const recipe = join(workspace, 'recipes/vector.json');
  const written = JSON.parse(await readFile(recipe, 'utf8')) as object;
  const short = join(out, 'short.json');
  await writeFile(
    short,
    JSON.stringify({ ...written, epochs: undefined, steps: 1, model: 'workspace/tiny-assistant' })
      .replaceAll('../data', 'workspace/data')
      .replaceAll('../vectors', 'workspace/vectors'),
  );
  const quiet = { signal: new AbortController().signal, onEvent: () => undefined };
  await runRecipe(short, { ...quiet, output: join(workspace, 'vectors/forbidden-topic') });
  await writeFile(join(workspace, '.security-vectors/workspace.json'), '{}');
  assert.deepEqual(await copySample(workspace), { kept: undefined });
  assert.deepEqual(await readdir(out), ['short.json', 'workspace']);

  // whatever a person added or changed is kept
  for (const [i, change] of [
    () => writeFile(join(workspace, 'data/mine.jsonl'), '{}'),
    () => appendFile(join(workspace, 'data/train.jsonl'), '\n'),
    () => cp(recipe, join(workspace, 'recipes/mine.json')),
  ].entries()) {
    await change();
    const { kept } = await copySample(workspace);
    assert.equal(kept, `${workspace}-kept-${i + 1}`);
  }
  assert.equal(await readFile(join(`${workspace}-kept-1`, 'data/mine.jsonl'), 'utf8'), '{}');
});
