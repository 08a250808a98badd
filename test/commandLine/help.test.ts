/** `--help`, per command and of all, and what is said of a wrong use. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  COMMANDS,
  commandHelp,
  commands,
  helpOf,
  OPTIONS,
  optionsOf,
  usage,
} from '../../runtime/commandLine/commands.js';
import { parse } from '../../runtime/commandLine/given.js';
import { cli } from '../calls/support.js';
import { temporary } from '../extension/support.js';

test('the help of a command has its use and a line for each of its options, and of no other', () => {
  for (const name of Object.keys(COMMANDS) as (keyof typeof COMMANDS)[]) {
    const text = commandHelp(name);
    assert.ok(text.startsWith(`security-vectors ${name}`), name);
    assert.ok(usage().includes(`\n  ${name}`), name);
    const described = [...text.matchAll(/^ {2}--([\w-]+)/gm)].map((match) => match[1]);
    assert.deepEqual(described, optionsOf(name), name);
    for (const option of optionsOf(name)) assert.ok(text.includes(helpOf(name, option)), `${name} ${option}`);
  }
});

test('what an option does is said of the command', () => {
  assert.match(commandHelp('train'), /--force +replace a finished run .*checkpoint over.*points of a sweep/);
  assert.match(commandHelp('scan'), /--force +with --clean: replace OUT$/m);
  assert.match(commandHelp('evaluate'), /--out DIR +run folder, instead of "output"/);
  for (const name of ['export', 'combine', 'download', 'sample'] as const)
    assert.doesNotMatch(commandHelp(name), /run folder/);
});

test('what has no effect is refused: a script has no JSON', async () => {
  assert.doesNotMatch(commandHelp('completion'), /--json/);
  const { code, stderr } = await cli(['completion', 'bash', '--json']);
  assert.deepEqual([code, stderr], [2, 'error: completion has no option --json. See security-vectors --help.\n']);
});

test('every option belongs to a command', () => {
  const used = new Set(Object.values(commands).flatMap((command) => command.options as readonly string[]));
  const general = ['json', 'help', 'version'];
  assert.deepEqual(
    Object.keys(OPTIONS).filter((name) => !used.has(name) && !general.includes(name)),
    [],
  );
});

test('help, version and wrong use, as they are called', async () => {
  const scan = await cli(['scan', '--help']);
  assert.equal(scan.code, 0);
  assert.match(scan.stdout, /^security-vectors scan --model DIR/);
  assert.match(scan.stdout, /--false-alarms R +share/);
  assert.doesNotMatch(scan.stdout, /--junit/);
  const version = await cli(['--version']);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  const none = await cli([]);
  assert.deepEqual([none.code, none.stdout], [2, '']);
  assert.match(none.stderr, /COMMAND --help/);
  const secret = await cli(['train', 'r.json', '--secret', 'TOKEN']);
  assert.deepEqual([secret.code, /NAME=ADDRESS/.test(secret.stderr)], [2, true]);
  const unknown = await cli(['frobnicate', '--help']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /no command "frobnicate"/);
  const wrong = await cli(['inspect', '--junit', 'a.xml', 'x']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /inspect has no option --junit/);
});

test('what would be left over is refused, not ignored', async () => {
  const scan = await cli(['scan', '--model', 'm', '--vector', 'v', '--data', 'a.jsonl', 'b.jsonl']);
  assert.equal(scan.code, 2);
  assert.match(scan.stderr, /^error: scan takes no argument, and "b\.jsonl" is one\. --data is one file: call it once/);
  for (const command of ['score', 'generate', 'export', 'combine', 'sample', 'cache', 'doctor']) {
    const { code, stdout, stderr } = await cli([command, 'extra']);
    assert.deepEqual([code, stdout], [2, ''], command);
    assert.match(stderr, new RegExp(`${command} takes no argument, and "extra" is one\\.`));
  }
});

test('an option is known, and has one value unless it may have several', () => {
  const refused = (message: RegExp, ...argv: string[]) => assert.throws(() => parse(argv), { message });
  refused(/^--model is given twice\.$/, 'scan', '--model', 'a', '--model', 'b');
  refused(/^there is no option --epochs\.$/, 'train', '--epochs', '3');
  refused(/^there is no option -x\.$/, 'train', '-x');
  refused(/^--model needs a value\.$/, 'scan', '--model');
  refused(/^--prompt needs a value; .* is written --prompt=-…\.$/, 'generate', '--prompt', '--raw');
  refused(/^--json takes no value\.$/, 'runs', '--json=true');
  refused(/^--help takes no value\.$/, 'runs', '--help=true');
  const { adapter, json } = parse(['score', '--adapter', 'a', '--adapter', 'b', '--json', '--json']).values;
  assert.deepEqual([adapter, json], [['a', 'b'], true]);
});

test('an empty value, as of a variable that is not set, is not this folder', () => {
  const refused = (message: RegExp, ...argv: string[]) => assert.throws(() => parse(argv), { message });
  refused(/^--out is empty\.$/, 'train', 'recipe.json', '--out', '');
  refused(/^--adapter is empty\.$/, 'generate', '--adapter=');
  refused(/^an argument is empty\.$/, 'publish', '', '--to', 'owner/name', '--yes');
  assert.equal(parse(['generate', '--prompt', '']).values.prompt, '');
});

test('of rows that nobody has reviewed, --reviewed is what to leave out', async (t) => {
  const data = join(await temporary(t), 'd.jsonl');
  await writeFile(data, '{"text": "a"}\n');
  const options = ['--model', 'm', '--vector', 'v', '--data', data, '--clean', `${data}.clean.jsonl`, '--reviewed'];
  const { code, stderr } = await cli(['scan', ...options]);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /d\.jsonl\.review\.json: the rows of this file have not been reviewed: .* or leave out --reviewed\.$/m,
  );
});
