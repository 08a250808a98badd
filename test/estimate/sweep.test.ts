/** What is expected of a sweep before a point is run: that of its points together. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { inspect } from '../../runtime/commandLine/modelCommands.js';
import { estimateDetails, estimateText, type Estimate } from '../../runtime/contract/estimate.js';
import type { Terminal } from '../../runtime/commandLine/terminal.js';
import { silent } from '../support/silent.js';

const RECIPES = join(import.meta.dirname, '../../media/sample/recipes');

describe('the estimate of a sweep', () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'sweep-estimate-'));
    process.env['SECURITY_VECTORS_CACHE'] = join(root, 'cache');
  });
  after(async () => {
    delete process.env['SECURITY_VECTORS_CACHE'];
    await rm(root, { recursive: true });
  });

  const text = (over: object): string =>
    JSON.stringify({ kind: 'sweep', base: join(RECIPES, 'plain.json'), over, output: 'sweep' });
  const sweep = async (over: object): Promise<Estimate> =>
    (await calls.estimate({ recipe: join(root, 'sweep.json'), text: text(over), device: 'cpu' }, silent))!;
  const near = (a: number, b: number): boolean => Math.abs(a / b - 1) < 0.1;

  it('is that of a point times their number, and by their work where that differs', async () => {
    const one = (await calls.estimate({ recipe: join(RECIPES, 'plain.json'), device: 'cpu' }, silent))!;
    assert.equal(one.points, undefined);
    const three = await sweep({ seed: [1, 2, 3] });
    assert.equal(three.points, 3);
    assert.deepEqual([three.steps, three.fits, three.memory], [one.steps, one.fits, one.memory]);
    assert.ok(near(three.seconds[0], 3 * one.seconds[0]) && near(three.seconds[1], 3 * one.seconds[1]));
    const epochs = await sweep({ epochs: [2, 4, 6] });
    assert.equal(epochs.steps, one.steps, 'memory and steps are those of the largest end of the grid');
    // Twice its epochs in all, and three times what a run takes beside its steps.
    assert.ok(epochs.seconds[0] > 1.8 * one.seconds[0] && epochs.seconds[1] < 6.2 * one.seconds[1]);
  });

  it('says of how many points it is', async () => {
    const found = await sweep({ seed: [1, 2, 3] });
    assert.match(estimateText(found), /^3 points · about \d.* · 0\.\d+ GB$/);
    const [whole, each, ...others] = estimateDetails(found);
    assert.match(whole!, / to .* GB at most$/);
    assert.equal(each, 'the largest of the 3 points:');
    assert.match(others.join('\n'), /^weights .*\n216 steps of /);
  });

  it('is that of its run, of a sweep of one point', async () => {
    const found = await sweep({ seed: [1] });
    assert.equal(found.points, undefined);
    assert.match(estimateText(found), /^about \d/);
    assert.doesNotMatch(estimateDetails(found).join('\n'), /\bpoints\b/);
  });

  it('is what `inspect` says of its recipe', async () => {
    const file = join(root, 'sweep.json');
    await writeFile(file, text({ seed: [1, 2] }));
    const printed: string[] = [];
    const out = { line: () => undefined, print: (line: string) => void printed.push(line) } as unknown as Terminal;
    const given = { command: 'inspect', positionals: [file], values: { device: 'cpu' }, out, reporter: silent };
    assert.equal(await inspect(given), 0);
    assert.match(printed.join('\n'), /^2 points · about /);
  });
});
