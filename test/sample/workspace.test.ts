import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import { hasCheckpoint } from '../../runtime/runs/checkpoint.js';
import { claim } from '../../runtime/runs/owner.js';
import { copySample, requireStoryFolder, stateFolder } from '../../runtime/sample/workspace.js';
import { cli, FEW_ROWS } from '../calls/support.js';
import { withFault } from '../support/faults.js';
import { runRecipe } from '../../runtime/calls/run.js';
import { silent } from '../support/silent.js';
import { temporary } from '../support/temporary.js';

test('the story writes beside its workspace only in a folder that is new, empty or its own', async (t) => {
  const out = await temporary(t);
  await requireStoryFolder(join(out, 'new'));
  await requireStoryFolder(out);
  await writeFile(join(out, '.DS_Store'), '');
  await requireStoryFolder(out);

  await writeFile(join(out, 'report.html'), 'precious');
  const refused = {
    message: /^the folder is not empty and no sample wrote it: it holds "report\.html"\.$/,
    place: out,
  };
  await assert.rejects(requireStoryFolder(out), refused);
  const { code, stderr } = await cli(['sample', '--out', out]);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /it holds "report\.html"/);
  assert.deepEqual((await readdir(out)).sort(), ['.DS_Store', 'report.html']);
  assert.equal(await readFile(join(out, 'report.html'), 'utf8'), 'precious');
  // what somebody else calls workspace makes it no folder of the sample
  await mkdir(join(out, 'workspace'));
  await assert.rejects(requireStoryFolder(out), refused);
  await assert.rejects(requireStoryFolder(join(out, 'report.html')), { code: 'ENOTDIR' });

  // beside the copy of an earlier story, or one that it has kept, report.html is its own
  await copySample(join(out, 'workspace'));
  await requireStoryFolder(out);
  await writeFile(join(out, 'workspace/data/mine.jsonl'), '{}');
  const { kept } = await copySample(join(out, 'workspace'));
  assert.ok(kept);
  await rm(join(out, 'workspace'), { recursive: true });
  await requireStoryFolder(out);
});

test('the story takes nothing that is not its own: a changed copy is kept, a foreign folder refused', async (t) => {
  const out = await temporary(t);
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
    JSON.stringify({ ...written, ...FEW_ROWS, epochs: undefined, steps: 1, model: 'workspace/tiny-assistant' })
      .replaceAll('../data', 'workspace/data')
      .replaceAll('../vectors', 'workspace/vectors'),
  );
  await runRecipe(short, { ...silent, output: join(workspace, 'vectors/forbidden-topic') });
  for (const name of ['scans/train.json', 'tests/forbidden-rows.json']) {
    await mkdir(join(workspace, '.security-vectors', dirname(name)), { recursive: true });
    await writeFile(join(workspace, '.security-vectors', name), '{}');
  }
  assert.deepEqual(await copySample(workspace), { kept: undefined });
  assert.deepEqual(await readdir(out), ['short.json', 'workspace']);

  // whatever a person added or changed is kept
  for (const [i, change] of [
    () => writeFile(join(workspace, 'data/mine.jsonl'), '{}'),
    () => appendFile(join(workspace, 'data/train.jsonl'), '\n'),
    () => cp(recipe, join(workspace, 'recipes/mine.json')),
    // what they attached, and what they said of answers and rows, where the extension keeps it
    () => writeFile(join(workspace, '.security-vectors/workspace.json'), '{}'),
    () => writeFile(join(workspace, '.security-vectors/rows.jsonl.labels.json'), '{}'),
    () => writeFile(join(workspace, '.security-vectors/rows.jsonl.review.json'), '{}'),
  ].entries()) {
    await change();
    const { kept } = await copySample(workspace);
    assert.equal(kept, `${workspace}-kept-${i + 1}`);
  }
  assert.equal(await readFile(join(`${workspace}-kept-1`, 'data/mine.jsonl'), 'utf8'), '{}');
});

test('a copy that was cut off anywhere, also in a run, is made afresh and not kept', async (t) => {
  const out = await temporary(t);
  const workspace = join(out, 'workspace');
  const file = (...parts: string[]): string => join(workspace, ...parts);
  const write = async (name: string): Promise<void> => {
    await mkdir(dirname(file(name)), { recursive: true });
    await writeFile(file(name), 'half');
  };

  await mkdir(file('.security-vectors'), { recursive: true });
  assert.deepEqual(await copySample(workspace), { kept: undefined });
  await rm(workspace, { recursive: true });
  await write('.security-vectors/sample.json.0123abcd.part');
  assert.deepEqual(await copySample(workspace), { kept: undefined });

  await rm(file('data'), { recursive: true });
  await write('data/train.jsonl.0123abcd.part');
  await write('vectors/forbidden-topic/owner.json');
  assert.deepEqual(await copySample(workspace), { kept: undefined });
  assert.ok((await readdir(file('data'))).includes('train.jsonl'));

  const run = (): Promise<DoneEvent> => {
    const stop = new AbortController();
    const onEvent = (event: RunEvent): void => void (event.kind === 'step' && event.step === 2 && stop.abort());
    return runRecipe(file('recipes/vector.json'), { signal: stop.signal, onEvent });
  };
  assert.equal((await run()).outcome, 'stopped');
  for (const name of ['owner.json', 'report.html.0123abcd.part', 'adapter/adapter_config.json.0123abcd.part'])
    await write(`vectors/forbidden-topic/${name}`);
  await rm(file('vectors/forbidden-topic/checkpoint'), { recursive: true });
  assert.deepEqual(await copySample(workspace), { kept: undefined });
  assert.deepEqual(await readdir(out), ['workspace']);

  // of somebody's own
  assert.equal((await run()).outcome, 'stopped');
  await rm(file('vectors/forbidden-topic/checkpoint'), { recursive: true });
  await write('vectors/forbidden-topic/notes.md');
  assert.equal((await copySample(workspace)).kept, `${workspace}-kept-1`);
  await write('vectors/mine/checkpoint/state.safetensors');
  assert.equal((await copySample(workspace)).kept, `${workspace}-kept-2`);
  // a run that can be resumed
  assert.equal((await run()).outcome, 'stopped');
  assert.equal((await copySample(workspace)).kept, `${workspace}-kept-3`);
  assert.ok(hasCheckpoint(join(`${workspace}-kept-3`, 'vectors/forbidden-topic/checkpoint')));
});

test('a workspace that a run is at work in is refused and left as it is', async (t) => {
  const out = await temporary(t);
  const workspace = join(out, 'workspace');
  await copySample(workspace);
  const folder = join(workspace, 'vectors/forbidden-topic');
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'manifest.json'),
    JSON.stringify({ version: 1, kind: 'vector', recipe: join(workspace, 'recipes/vector.json'), outcome: 'running' }),
  );
  const release = await claim(folder);
  const before = await readdir(workspace, { recursive: true });
  await assert.rejects(copySample(workspace), {
    message: /another process is working in this run folder/,
    place: folder,
  });
  assert.deepEqual(await readdir(workspace, { recursive: true }), before);
  assert.deepEqual(await readdir(out), ['workspace']);
  await release();
});

test('a copy that is killed, at its beginning or later, is followed by another', async (t) => {
  const out = await temporary(t);
  const workspace = join(out, 'workspace');
  let at = 1;
  for (let isWhole = false; !isWhole; at += at < 8 ? 1 : 23) {
    const fault = `kill:${at}`;
    isWhole = (await withFault(workspace, fault, () => copySample(workspace))).error === undefined;
    assert.deepEqual(await copySample(workspace), { kept: undefined }, fault);
  }
  assert.ok(at > 50, String(at));
});

test('between two runs of the story nobody else begins it there', async (t) => {
  const out = await temporary(t);
  const workspace = join(out, 'workspace');
  await copySample(workspace);
  const release = await claim(stateFolder(workspace));
  await assert.rejects(copySample(workspace), /another process is working/);
  await release();
  assert.deepEqual(await copySample(workspace), { kept: undefined });
});
