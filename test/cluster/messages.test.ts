/** The messages of a job in its log, where other things are written, too. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { messageReader } from '../../runtime/cluster/messages.js';
import { noteLine, numbered } from '../support/rayServer.js';

const JOB = join(import.meta.dirname, '../../runtime/cluster/job');
const PYTHON = 'python3';
const skip = spawnSync(PYTHON, ['--version']).status === 0 ? false : `there is no ${PYTHON}`;

async function heard(log: string): Promise<string[]> {
  const found: string[] = [];
  const reader = messageReader(0, {
    onMessage: async ({ kind, ...rest }) => void found.push(`${kind} ${'step' in rest ? rest.step : ''}`.trim()),
    onNote: async ({ note }) => void found.push(note),
  });
  for (const line of log.split('\n')) await reader.line(line);
  return found;
}

/** Too large for one line. */
const large = { kind: 'measured', step: 7, sets: { a: { rows: Array.from({ length: 9000 }, (_, i) => [i * 0.37]) } } };

test('a message is read wherever it stands in a line', async () => {
  const say = numbered();
  const [first] = say({ kind: 'checkpoint', step: 1, stage: 0 });
  const parts = say(large);
  const [last] = say({ kind: 'checkpoint', step: 8, stage: 0 });
  assert.ok(parts.length > 2);
  const log = [
    `(worker pid=7) loading${first}(worker pid=7) 100%|####| {"a": 1}`,
    ...parts.slice(0, -2),
    `${parts.at(-2)}${parts.at(-1)}`,
    `a line with the mark, @security-vectors {"seq": 99, "kind${noteLine('waiting', { wanted: { '"}{': 1 } })}} and more`,
    last,
  ];
  assert.deepEqual(await heard(log.join('\n')), ['checkpoint 1', 'measured 7', 'waiting', 'checkpoint 8']);
});

test('a job writes each message as a line of its own, whole, while others print', { skip }, async () => {
  const script = `
import random, sys, threading
from messages import Messages, say

def others():
    while not ended.is_set():
        sys.stdout.write("(worker) " + "x" * 50)
        sys.stdout.flush()
        sys.stdout.write("y" * 20 + "\\n")
        sys.stdout.flush()

ended = threading.Event()
threads = [threading.Thread(target=others) for _ in range(3)]
for thread in threads:
    thread.start()
messages = Messages(say)
noise = random.Random(0)
for step in range(20):
    messages.send("measured", step=step, sets={"a": {"rows": [[noise.random()] for _ in range(3000)]}})
ended.set()
for thread in threads:
    thread.join()
`;
  const { stdout, stderr, status } = spawnSync(PYTHON, ['-c', script], { cwd: JOB, maxBuffer: 2 ** 30, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } }); // oxfmt-ignore
  assert.equal(status, 0, String(stderr));
  const lines = String(stdout).split('\n');
  const said = lines.filter((line) => line.includes('@security-vectors'));
  assert.ok(said.length > 100);
  for (const line of said)
    assert.ok(line.startsWith('@security-vectors {') && line.endsWith('}') && line.length < 4000);
  assert.deepEqual(
    await heard(lines.join('\n')),
    Array.from({ length: 20 }, (_, step) => `measured ${step}`),
  );
});

test('a job that ends with an error says before it which packages are others than it is made for', { skip }, () => {
  const script = `
import importlib.metadata, sys
importlib.metadata.version = lambda name: {"torch": "2.15.0+cu132", "transformers": "4.53.3"}[name]
import messages
messages.here = lambda name: "played.txt"
messages.open = lambda name: __import__("io").StringIO("ray[default]==2.60.0\\ntorch==2.15.0\\ntransformers==5.23.0\\n")
sys.excepthook = messages.explain
raise TypeError("strange")
`;
  const { stderr } = spawnSync(PYTHON, ['-c', script], { cwd: JOB, encoding: 'utf8', env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } }); // oxfmt-ignore
  const lines = stderr.trim().split('\n');
  assert.equal(lines[0], 'other packages: transformers 4.53.3 instead of 5.23.0');
  assert.equal(lines.at(-1), 'TypeError: strange');
});
