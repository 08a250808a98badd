/** All pages: links lead somewhere, commands exist, scripts are listed. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { anchors, blocks, code, help, json, links, PAGES, read, ROOT, rows } from './pages.js';

const { scripts } = json('package.json') as { scripts: Record<string, string> };

test('every relative link resolves, to its heading too', () => {
  const all = PAGES.flatMap((page) => links(read(page)).map((link) => ({ page, link })));
  assert.ok(all.length > 60, `${all.length} links`);
  for (const { page, link } of all) {
    const [file, anchor] = link.split('#') as [string, string?];
    const target = file === '' ? page : join(dirname(page), file);
    assert.ok(existsSync(join(ROOT, target)), `${page}: there is no ${link}`);
    if (anchor === undefined) continue;
    assert.ok(statSync(join(ROOT, target)).isFile() && target.endsWith('.md'), `${page}: ${link}`);
    assert.ok(anchors(read(target)).includes(anchor), `${page}: ${target} has no heading for ${link}`);
  }
});

test('every path of the repository that is named exists', () => {
  const named = PAGES.flatMap((page) =>
    code(read(page))
      .filter((text) => /^(?:runtime|extension|webview|test|media)\/[\w./-]*$/.test(text))
      .map((file) => ({ page, file })),
  );
  assert.ok(named.length > 3, `${named.length} paths`);
  for (const { page, file } of named) assert.ok(existsSync(join(ROOT, file)), `${page}: there is no ${file}`);
});

test('every page of docs/ is linked from the README', () => {
  const linked = links(read('README.md')).map((link) => link.split('#')[0]);
  for (const page of PAGES.filter((file) => file.startsWith('docs/'))) assert.ok(linked.includes(page), page);
});

test('every command of a sh block exists, with its options', () => {
  const { commands, text } = help();
  let checked = 0;
  for (const page of PAGES)
    for (const line of blocks(read(page), 'sh').flatMap((block) => block.split('\n')))
      for (const command of line.replace(/#.*/, '').split('&&')) {
        const [program, name, ...rest] = command.trim().split(/\s+/);
        if (program === '') continue;
        checked++;
        if (program === 'npm') {
          const script = name === 'run' ? rest[0]! : name!;
          assert.ok(['ci', ...Object.keys(scripts)].includes(script), `${page}: ${command}`);
        } else {
          assert.ok(program === 'security-vectors', `${page}: ${command}`);
          const use = commands.get(name!);
          assert.ok(use !== undefined, `${page}: there is no command ${name}`);
          for (const option of rest.filter((part) => part.startsWith('--')))
            assert.ok([use, '--json', '--device'].join().includes(option), `${page}: ${name} has no ${option}`);
          assert.ok(text.includes(name!));
        }
      }
  assert.ok(checked >= 4, `${checked} commands`);
});

test('every npm script in the text exists, and developing.md lists those that are for people', () => {
  for (const page of PAGES)
    for (const [, script] of read(page).matchAll(/npm run ([\w:]+)/g))
      assert.ok(script! in scripts, `${page}: npm run ${script}`);
  const listed = rows(read('docs/developing.md'))
    .flatMap(([cell]) => [...cell!.matchAll(/npm (?:run )?([\w:]+)/g)])
    .map((match) => match[1]!);
  const own = ['start', 'types', 'lint', 'format', 'sample:make'];
  assert.deepEqual(
    listed.sort(),
    Object.keys(scripts)
      .filter((script) => !own.includes(script))
      .sort(),
  );
});

test('the sections of the tests are listed', () => {
  const listed = /one section of the tests: ([^|]+)/.exec(read('docs/developing.md'))![1]!;
  const shown = /const shown = \[([^\]]+)\]/.exec(read('test/run.mjs'))![1]!;
  assert.deepEqual(listed.match(/[a-z]+/g), shown.match(/[a-z]+/g));
});
