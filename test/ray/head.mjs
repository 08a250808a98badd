/** A Ray head that a script starts and ends, and the Python that it is of. */
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A Python with Ray, PyTorch and PEFT: RAY_PYTHON, or one made in `folder` with the packages that jobs need. */
export async function python(folder, requirements) {
  if (process.env.RAY_PYTHON) return process.env.RAY_PYTHON;
  const own = path.join(folder, 'bin/python');
  const has = await exec(own, ['-c', 'import ray, torch, transformers, peft']).catch(() => undefined);
  if (has) return own;
  console.log('installing Ray and PyTorch (some minutes, several GB) …');
  await exec('python3', ['-m', 'venv', folder]);
  await exec(own, ['-m', 'pip', 'install', '--quiet', '-r', requirements], { maxBuffer: 2 ** 26 });
  return own;
}

export const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Everything below a process: pid and command. */
export async function descendants(pid) {
  const { stdout } = await exec('ps', ['-eo', 'pid=,ppid=,args='], { maxBuffer: 2 ** 26 });
  const all = stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [, id, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
      return { pid: Number(id), parent: Number(parent), command };
    });
  const found = [];
  for (let level = [pid]; level.length > 0;) {
    const next = all.filter(({ parent }) => level.includes(parent));
    found.push(...next);
    level = next.map((one) => one.pid);
  }
  return found;
}

/** Starts a head with four CPUs and waits until it answers. @returns its address and process */
export async function startHead(interpreter, port, temporary) {
  const ray = path.join(path.dirname(interpreter), 'ray');
  const dashboard = ['--include-dashboard=true', '--dashboard-host=127.0.0.1', `--dashboard-port=${port}`];
  const size = ['--num-cpus=4', '--num-gpus=0', '--object-store-memory=200000000'];
  // Another Ray on this machine has the usual ones.
  const names = ['port', 'dashboard-agent-listen-port', 'ray-client-server-port'];
  const ports = await Promise.all(names.map(async (name) => `--${name}=${await freePort()}`));
  const args = [
    'start',
    '--head',
    '--block',
    '--disable-usage-stats',
    `--temp-dir=${temporary}`,
    ...dashboard,
    ...size,
    ...ports,
  ];
  const env = {
    ...process.env,
    PATH: `${path.dirname(interpreter)}${path.delimiter}${process.env.PATH}`,
    // A loaded machine starts Python slowly, and Ray's workers give way to everything else by default.
    RAY_worker_niceness: '0',
    RAY_worker_register_timeout_seconds: '600',
    RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S: '600',
    RAY_memory_monitor_refresh_ms: '0',
    // Threads that wait for each other leave the processor to others.
    OMP_WAIT_POLICY: 'PASSIVE',
  };
  const head = spawn(ray, args, { env, stdio: 'ignore' });
  const address = `http://127.0.0.1:${port}`;
  const answers = () =>
    fetch(`${address}/api/version`).then(
      (answer) => answer.ok,
      () => false,
    );
  for (let i = 0; i < 300; i++) {
    if (await answers()) return { address, head };
    await pause(1000);
  }
  throw new Error('Ray does not start');
}

/** Ends a head and everything below it, at once. */
export async function killAll({ head }) {
  const below = await descendants(head.pid);
  for (const { pid } of [...below, head]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended
    }
  }
  await pause(2000);
}
