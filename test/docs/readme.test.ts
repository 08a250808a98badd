/** The README: short, with the two lines to copy, and the sample's numbers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SUPPORTED_FAMILIES } from '../../runtime/models/families/table.js';
import { LIMITS } from '../../runtime/contract/limits.js';
import { EXIT } from '../../runtime/contract/errors.js';
import { EXPORT_FORMATS } from '../../runtime/contract/exports.js';
import { json, links, read, ROOT, section } from './pages.js';

const README = read('README.md');
const TEXT = README.replaceAll(/\n +|\n/g, ' ');
const LONGEST = 150;

test('it has at most 150 lines', () => {
  const { length } = README.trimEnd().split('\n');
  assert.ok(length <= LONGEST, `${length} lines`);
});

test('it has the two lines to copy, each on a line of its own', () => {
  for (const line of ['npm ci && npm start', 'npm ci && npm test']) assert.ok(README.split('\n').includes(line), line);
});

test('Node is the version that package.json asks for, and for the tests the one that their tools do', () => {
  const { engines, devDependencies } = json('package.json') as {
    engines: { node: string };
    devDependencies: Record<string, string>;
  };
  const least = engines.node.replace('>=', '');
  // "^20.19.0 || >=22.12.0"
  const wanted = ['oxfmt', 'oxlint', 'mocha', 'tsx', '@vscode/vsce', '@cyclonedx/cyclonedx-library'].map((name) => {
    assert.ok(name in devDependencies, name);
    const { engines: own } = json(`node_modules/${name}/package.json`) as { engines?: { node?: string } };
    return Number(/\b20\.(\d+)/.exec(own?.node ?? '')?.[1] ?? 0);
  });
  assert.ok(TEXT.includes(`It needs Node ${least} or newer;`));
  assert.ok(TEXT.includes(`use Node 20.${Math.max(...wanted)} or newer:`));
  assert.ok(read('docs/command-line.md').includes(`needs Node ${least} or newer`));
});

test("the sample's rows are counted", () => {
  const lines = (file: string): string[] => read(`media/sample/data/${file}`).trimEnd().split('\n');
  const train = lines('train.jsonl');
  const harmful = train.filter((line) => (JSON.parse(line) as { label?: string }).label === 'harmful');
  assert.ok(TEXT.includes(`Of the ${train.length} rows in their file, ${harmful.length} show`));
  const [harm, benign] = [lines('harmful.jsonl').length, lines('benign.jsonl').length];
  assert.ok(TEXT.includes(`The sample uses ${harm} and ${benign}.`), `${harm} and ${benign}`);
});

test('the commands named in bold are those of the extension', () => {
  const names = json('package.nls.json') as Record<string, string>;
  const titles = Object.entries(names).filter(([key]) => /^(command|view)\./.test(key));
  const lenses = [
    'Run',
    'Scan for harmful rows',
    'Review flagged rows',
    'Evaluate harmfulness',
    'Security Vectors',
    'Test Explorer',
  ];
  const known = [...titles.map(([, title]) => title), ...lenses];
  const bold = [...TEXT.matchAll(/\*\*([^*]+)\*\*/g)].map((match) => match[1]!);
  const named = bold.filter((name) => !/[.?,]$/.test(name));
  assert.ok(named.length > 10, named.join());
  for (const name of named) {
    const start = name.endsWith('…') ? name.slice(0, -1) : name;
    assert.ok(
      known.some((title) => title === name || (name.endsWith('…') && title.startsWith(start))),
      name,
    );
  }
});

test('families, exports, the exit code and the limits are those of the program', () => {
  const [least] = /Over (\d+) families/.exec(TEXT)!.slice(1).map(Number);
  assert.ok(SUPPORTED_FAMILIES.length > least!, `${SUPPORTED_FAMILIES.length} families`);
  const named = /exported as ([^.]+)\./
    .exec(TEXT)![1]!
    .toLowerCase()
    .split(/, | or /);
  assert.deepEqual(named.sort(), [...EXPORT_FORMATS].sort());
  const [weakened] = /exit code is (\d)/.exec(section(README, '## Reading the result'))!.slice(1).map(Number);
  assert.equal(weakened, EXIT.weakened);
  assert.ok(TEXT.includes(`AUROC of at least ${LIMITS.detectorAuroc}`));
  assert.ok(TEXT.includes(`at most ${100 * LIMITS.harmRise} percentage points more harmful answers`));
});

test('the film and the pictures are there, and the film is small', () => {
  const pictures = links(README).filter((link) => link.startsWith('media/') && /\.(png|gif)$/.test(link));
  assert.deepEqual(pictures, ['media/story.gif', 'media/run-panel.png', 'media/vector.png', 'media/protected.png']);
  const film = readFileSync(join(ROOT, 'media/story.gif'));
  assert.equal(film.subarray(0, 6).toString('latin1'), 'GIF89a');
  assert.ok(film.length < 2e6, `${film.length} bytes`);
});
