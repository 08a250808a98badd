/** docs/protection.md, protection-figures.md, protection-tried.md and baselines.md are what their generators write from the kept results, and nothing else. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { BASELINE_NAMES, baselineFacts } from '../../runtime/contract/baselines.js';
import { read, ROOT } from './pages.js';

test('every figure of the pages on protection is one of the kept results', () => {
  const results = join(ROOT, 'test/protection/results');
  const script = join(ROOT, 'test/protection/report.mjs');
  const pages = execFileSync(process.execPath, [script, results, results, '--print'], { encoding: 'utf8' });
  const written = ['protection', 'protection-figures', 'protection-tried'].map((name) => read(`docs/${name}.md`));
  assert.equal(written.join(''), pages);
});

test('so is every figure beside published defences, each of which is described with what it needs', () => {
  const results = join(ROOT, 'test/protection/results');
  const script = join(ROOT, 'test/protection/baselinesReport.mjs');
  const page = execFileSync(process.execPath, [script, results, '--print'], { encoding: 'utf8' });
  assert.equal(read('docs/baselines.md'), page);
  for (const name of BASELINE_NAMES) {
    const { title, arxiv } = baselineFacts(name);
    assert.ok(page.includes(`| ${title} ([${arxiv}]`), title);
  }
});

test('what a protected run costs is what the page on shipping says of it', () => {
  const line = /^Processor time of whole protected runs.*$/m.exec(read('docs/protection.md'))![0];
  const times = [...line.matchAll(/([\d.]+) to ([\d.]+) times/g)].flatMap((match) => match.slice(1).map(Number));
  const [least, most] = [Math.min(...times).toFixed(1), Math.max(...times).toFixed(1)];
  assert.match(read('docs/safe-to-ship.md'), new RegExp(`took ${least} to ${most} times the processor time`));
});
