/**
 * Measures the extension host from inside it: `--require` names this file (VS Code's server hands its own options of Node on to
 * the host, but no NODE_OPTIONS), HOST_PROBE the file that it writes a line to, twice a second:
 *
 *   { at, rssMB, busyMs, longestMs, longestOwnMs, own }
 *
 * and one with `heldMB`, resident after a garbage collection, each time it finds a file HOST_PROBE.collect, which it then removes: how
 * much garbage V8 lets lie depends on the machine's memory.
 *
 * A turn of the event loop counts with the processor time that its thread took: on a machine with other work a thread may wait
 * long without blocking anybody. `longestMs` is of anybody's code: VS Code's own, and that of its other extensions; `longestOwnMs`
 * of turns in which ours ran, with what it called and waited for, and `own` the functions of ours that took most of it.
 */
const { appendFileSync, existsSync, rmSync } = require('node:fs');
const inspector = require('node:inspector');

const EVERY_MS = 5;
const WRITE_MS = 500;
const SAMPLE_US = 2000;
const OWN = /security-vectors[^/]*\/dist\//;
const file = process.env.HOST_PROBE;
const COLLECT = `${file}.collect`;
const write = (line) => appendFileSync(file, `${JSON.stringify({ at: Date.now(), ...line })}\n`);
const residentMB = () => Math.round(process.memoryUsage.rss() / 1e6);

if (file && process.argv.some((argument) => argument === '--type=extensionHost')) measure();

function measure() {
  const session = new inspector.Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  session.post('Profiler.start');
  const busy = () => {
    const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage();
    return (user + system) / 1000;
  };
  const clockUs = () => Number(process.hrtime.bigint() / 1000n);
  let [at, used, written] = [clockUs(), busy(), clockUs()];
  let usedWritten = used;
  /** Since the last line: from, to, and what the thread took of that. */
  let turns = [];
  setInterval(() => {
    const [now, usedNow] = [clockUs(), busy()];
    turns.push({ from: at, to: now, ms: Math.min((now - at) / 1000 - EVERY_MS, usedNow - used) });
    if (now - written > WRITE_MS * 1000) {
      const busyMs = Math.round(usedNow - usedWritten);
      const seen = turns;
      turns = [];
      session.post('Profiler.stop', (error, result) => {
        const own = ownTurn(result?.profile, seen);
        const longestMs = Math.round(Math.max(...seen.map(({ ms }) => ms)));
        write({ rssMB: residentMB(), busyMs, longestMs, ...own });
      });
      if (existsSync(COLLECT)) {
        rmSync(COLLECT);
        session.post('HeapProfiler.collectGarbage', () => write({ heldMB: residentMB() }));
      }
      session.post('Profiler.start');
      [written, usedWritten] = [clockUs(), busy()];
    }
    // What this has taken is nobody's.
    [at, used] = [clockUs(), busy()];
  }, EVERY_MS).unref();
}

/** The longest turn by the share of its samples that has our code on the stack. */
function ownTurn(profile, turns) {
  if (!profile) return {};
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const owner = new Map();
  const visit = (node, own) => {
    const { url, functionName, lineNumber, columnNumber } = node.callFrame;
    const here = OWN.test(url) ? `${functionName || '(anonymous)'}:${lineNumber + 1}:${columnNumber + 1}` : own;
    owner.set(node.id, here);
    for (const child of node.children ?? []) visit(nodes.get(child), here);
  };
  visit(profile.nodes[0], undefined);
  let longest = { ms: 0, own: {} };
  let [time, i] = [profile.startTime, 0];
  for (const { from, to, ms } of turns) {
    let [samples, ours, last] = [0, 0, undefined];
    const own = {};
    for (; i < profile.samples.length && time + profile.timeDeltas[i] <= to; time += profile.timeDeltas[i++]) {
      if (time < from) continue;
      const { functionName } = nodes.get(profile.samples[i]).callFrame;
      if (functionName === '(idle)') continue;
      samples++;
      // Garbage is collected for whoever has just worked.
      const by = functionName === '(garbage collector)' ? last : owner.get(profile.samples[i]);
      last = by;
      if (by === undefined) continue;
      ours++;
      own[by] = (own[by] ?? 0) + 1;
    }
    const ownMs = samples ? (ms * ours) / samples : 0;
    if (ownMs > longest.ms) longest = { ms: ownMs, own, scale: ms / samples };
  }
  const most = Object.entries(longest.own).sort((a, b) => b[1] - a[1]).slice(0, 5); // prettier-ignore
  return {
    longestOwnMs: Math.round(longest.ms),
    own: most.map(([name, count]) => `${name} ${Math.round(count * longest.scale)} ms`),
  };
}
