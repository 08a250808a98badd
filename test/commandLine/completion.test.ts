/** Completion scripts: the shells take them, and bash completes with them. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { completion } from '../../runtime/commandLine/completion.js';
import { commands, SHELLS } from '../../runtime/commandLine/commands.js';
import { cli } from '../calls/support.js';

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

/** What a shell says of the syntax of a script. */
async function checked(shell: string, script: string): Promise<{ status: number | null; stderr: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'completion-'));
  try {
    await writeFile(join(folder, 'script'), script);
    const { status, stderr } = spawnSync(shell, ['-n', join(folder, 'script')], { encoding: 'utf8' });
    return { status, stderr };
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const shell of SHELLS)
  test(`${shell} takes its script`, { skip: !has(shell) && `${shell} is not installed` }, async () => {
    assert.deepEqual(await checked(shell, completion(shell)), { status: 0, stderr: '' });
    assert.notEqual((await checked(shell, `${completion(shell)}\nif (`)).status, 0, 'a broken script is refused');
  });

/** What bash offers behind these words. */
function offered(...words: string[]): string[] {
  const line = ['security-vectors', ...words].map((word) => `'${word}'`).join(' ');
  const script = `${completion('bash')}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length}\n_security_vectors\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).split('\n').filter(Boolean);
}

test('bash offers commands, options and values, and leaves paths to the shell', { skip: !has('bash') }, () => {
  assert.deepEqual(offered(''), [...Object.keys(commands), '--help', '--version']);
  assert.deepEqual(offered('ex'), ['export']);
  assert.deepEqual(offered('train', '--re'), ['--resume']);
  assert.deepEqual(offered('cache', '--'), ['--clear', '--json', '--help']);
  assert.deepEqual(offered('train', 'r.json', '--device', 'w'), ['webgpu']);
  assert.deepEqual(offered('export', '--format', ''), ['safetensors', 'peft', 'onnx', 'gguf']);
  assert.deepEqual(offered('completion', ''), [...SHELLS, '--help']);
  assert.deepEqual(offered('train', 'reci'), []);
  assert.deepEqual(offered('scan', '--model', ''), []);
});

test('fish and zsh know every command and option', () => {
  for (const [name, command] of Object.entries(commands)) {
    assert.ok(completion('fish').includes(`-a ${name} -d`), name);
    const line = completion('zsh')
      .split('\n')
      .find((one) => one.startsWith(`    ${name}) _arguments`))!;
    for (const option of command.options) {
      assert.ok(line.includes(`--${option}[`), `${name} ${option}`);
      assert.ok(completion('fish').includes(`from ${name}' -l ${option} `), `${name} ${option}`);
    }
  }
});

test('the command prints one script, and refuses another shell', async () => {
  const { code, stdout } = await cli(['completion', 'zsh']);
  assert.deepEqual([code, stdout], [0, completion('zsh')]);
  assert.equal((await cli(['completion', 'tcsh'])).code, 2);
});
