/**
 * Commands that run a recipe: what they say beside --json, what they refuse, and how they end where nobody reads them.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Measurement } from '../../runtime/contract/events.js';
import { CLI, cli, jsonLines, type Ran, ROOT } from '../calls/support.js';
import { PLAIN, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { manifestOf, writeKeptRun } from '../support/keptRun.js';

/** Nothing listens there. */
const DEAD = { endpoint: 'http://127.0.0.1:1/v1', model: 'm', name: 'dead', timeoutSeconds: 1 };

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'recipes-'));
  await writeWorkspace(root);
});
after(() => rm(root, { recursive: true }));

async function write(name: string, recipe: object): Promise<string> {
  const file = join(root, `${name}.json`);
  await writeFile(file, JSON.stringify({ ...recipe, output: name }));
  return file;
}
const refused = ({ code, stdout, stderr }: Ran, message: RegExp): void => {
  assert.equal(code, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, message);
};

describe('evaluate --json', () => {
  const measurements = (stdout: string): void => {
    const lines = jsonLines<Measurement>(stdout);
    assert.ok(lines.length > 0);
    for (const { measure } of lines) assert.equal(typeof measure, 'string');
  };

  it('warns on stderr of a judge that has said nothing, of kept answers', async () => {
    const run = join(root, 'kept');
    await writeKeptRun(run, 60);
    const { stdout, stderr } = await cli(['evaluate', '--answers', run, '--judge', JSON.stringify(DEAD), '--json']);
    measurements(stdout);
    assert.match(stderr, /^! --judge \{.*\}: dead has left 60 of 60 answers of "base" to "topic" open: /m);
    const file = join(root, 'dead.json');
    await writeFile(file, JSON.stringify(DEAD));
    const again = await cli(['evaluate', '--answers', run, '--judge', file]);
    assert.ok(again.stderr.includes(`! ${file}: dead has left 60 of 60`), again.stderr);
  });

  it('and while it evaluates', async () => {
    const { model, generation, threads, device } = PLAIN;
    const evaluate = PLAIN.evaluate.slice(0, 1);
    const judges = ['refusal-phrases', DEAD];
    const recipe = await write('evaluated', { kind: 'evaluate', model, generation, threads, device, evaluate, judges });
    const { stdout, stderr } = await cli(['evaluate', recipe, '--json']);
    measurements(stdout);
    assert.match(stderr, /^! .*dead has left 3 of 3 answers of "base" to "forbidden" open: /m);
  });
});

describe('what would lose a run is refused', () => {
  it('a data file is no recipe', async () => {
    const data = join(ROOT, 'media/sample/data/train.jsonl');
    for (const command of ['train', 'evaluate'])
      refused(
        await cli([command, data]),
        /train\.jsonl:1: this is a data file; a recipe was expected\. Give a recipe, which names it as "data" or "harmful"\.$/m,
      );
  });

  it('evaluate trains nothing, also by --force', async () => {
    const vector = await write('vector', VECTOR);
    refused(await cli(['evaluate', vector, '--json']), /vector\.json: this is a vector recipe\. Run it by train\./);
    assert.ok(!existsSync(join(root, 'vector')));
    assert.equal((await cli(['train', vector])).code, 0);
    const { started } = await manifestOf(join(root, 'vector'));
    refused(await cli(['evaluate', vector, '--force']), /this is a vector recipe/);
    assert.equal((await manifestOf(join(root, 'vector'))).started, started);
    const sweep = await write('swept', { kind: 'sweep', base: 'vector.json', over: { seed: [1] } });
    refused(await cli(['evaluate', sweep]), /this is a sweep recipe/);
  });

  it('train evaluates nothing: what it would say of it is not what evaluate says', async () => {
    const { model, evaluate } = PLAIN;
    const recipe = await write('asked', { kind: 'evaluate', model, evaluate });
    for (const more of [[], ['--resume'], ['--force']])
      refused(await cli(['train', recipe, ...more]), /asked\.json: this is an evaluate recipe\. Run it by evaluate\./);
    assert.ok(!existsSync(join(root, 'asked')));
  });

  it('a run goes on or starts over; of a sweep the points that would be the same go on, and others start over', async () => {
    await write('base', { ...PLAIN, steps: 2, evaluateEvery: 2, evaluate: [] });
    const sweep = await write('seeds', { kind: 'sweep', base: 'base.json', over: { seed: [1] } });
    assert.equal((await cli(['train', sweep])).code, 0);
    const point = await readFile(join(root, 'seeds/points/seed-1/manifest.json'), 'utf8');
    const table = await readFile(join(root, 'seeds/sweep.json'), 'utf8');
    const stays = async (): Promise<void> => {
      assert.equal(await readFile(join(root, 'seeds/points/seed-1/manifest.json'), 'utf8'), point);
      assert.equal(await readFile(join(root, 'seeds/sweep.json'), 'utf8'), table);
    };
    refused(
      await cli(['train', join(root, 'base.json'), '--resume', '--force']),
      /--resume .* --force .*give one of both/,
    );
    assert.equal((await cli(['train', sweep, '--resume', '--force'])).code, 0);
    await stays();
    await write('base', { ...PLAIN, steps: 3, evaluateEvery: 2, evaluate: [] });
    refused(
      await cli(['train', sweep, '--resume']),
      /a finished point would be run again .*"steps" in the recipe changed from 2 to 3/,
    );
    await stays();
    assert.equal((await cli(['train', sweep, '--resume', '--force'])).code, 0);
    assert.notEqual(await readFile(join(root, 'seeds/points/seed-1/manifest.json'), 'utf8'), point);
  });
});

it('who stops what keeps no checkpoint hears that it stops, and what is kept', async (t) => {
  const run = join(root, 'judged');
  await writeKeptRun(run, 1);
  // It never answers.
  const server = createServer(() => child.kill('SIGINT'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const judge = JSON.stringify({ ...DEAD, endpoint: `http://127.0.0.1:${port}/v1`, timeoutSeconds: 60 });
  const args = ['evaluate', '--answers', run, '--judge', judge, '--json'];
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  assert.equal(await new Promise<number | null>((resolve) => child.once('close', resolve)), 3, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^Stopping\. Ctrl\+C again ends at once, and loses what is not saved yet\.$/m);
  assert.match(stderr, /^Stopped; what was judged is kept\. The same command asks about the rest alone\.$/m);
});

describe('where nobody reads any more', () => {
  /** The end of a command whose stdout is closed when this was read; without it, before anything is written. */
  async function closedAt(text: string | undefined, args: readonly string[]): Promise<Pick<Ran, 'code' | 'stderr'>> {
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [read, stderr] = ['', ''];
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    if (text === undefined) child.stdout.destroy();
    child.stdout.on('data', (data: Buffer) => {
      read += data.toString();
      if (read.includes(text!)) child.stdout.destroy();
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, stderr };
  }

  it('a training stops between two steps, with its checkpoint', async () => {
    const recipe = await write('long', { ...PLAIN, steps: 100_000, evaluateEvery: 100_000, evaluate: [] });
    const { code, stderr } = await closedAt('"kind":"step"', ['train', recipe, '--json']);
    assert.equal(code, 3, stderr);
    assert.doesNotMatch(stderr, /EPIPE|internal:|\n {4}at /);
    const { outcome } = await manifestOf(join(root, 'long'));
    assert.equal(outcome, 'stopped');
    assert.ok(existsSync(join(root, 'long/checkpoint')));
  });

  it('a command that is done by then ends as it would have', async () => {
    assert.deepEqual(await closedAt(undefined, ['--help']), { code: 0, stderr: '' });
    assert.deepEqual(await closedAt(undefined, ['runs', root]), { code: 0, stderr: '' });
    const many = join(root, 'many');
    for (let i = 0; i < 20; i++) await writeKeptRun(join(many, String(i)), 1);
    assert.deepEqual(await closedAt('"kind"', ['runs', many, '--json']), { code: 0, stderr: '' });
  });

  it('what a full disk does not take is said, and is a failure', async (t) => {
    if (!existsSync('/dev/full')) return t.skip('there is no disk that is always full');
    const { code, stderr } = await cli(['runs', root, '--json'], { shell: 'exec >/dev/full;' });
    assert.equal(code, 1);
    assert.match(stderr, /^error: stdout: the disk is full\. .*\n$/);
  });
});
