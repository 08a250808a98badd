/**
 * Measures the extension host from inside it: `--require` names this file (VS Code's server hands its own options of Node on to
 * the host, but no NODE_OPTIONS), HOST_PROBE the file that it writes a line to, twice a second: `{ at, rssMB, longestMs, busyMs }`. A turn of the event loop counts with the processor time that its
 * thread took, where Node can tell: on a machine with other work a thread may wait long without blocking anybody.
 */
const { appendFileSync } = require('node:fs');

const EVERY_MS = 5;
const WRITE_MS = 500;
const file = process.env.HOST_PROBE;

if (file && process.argv.some((argument) => argument === '--type=extensionHost')) {
  const busy = () => {
    const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage();
    return (user + system) / 1000;
  };
  let [at, used, written, longestMs] = [performance.now(), busy(), performance.now(), 0];
  let usedWritten = used;
  setInterval(() => {
    const [now, usedNow] = [performance.now(), busy()];
    longestMs = Math.max(longestMs, Math.min(now - at - EVERY_MS, usedNow - used));
    if (now - written > WRITE_MS) {
      const rssMB = Math.round(process.memoryUsage.rss() / 1e6);
      const [longest, busyMs] = [Math.round(longestMs), Math.round(usedNow - usedWritten)];
      appendFileSync(file, `${JSON.stringify({ at: Date.now(), rssMB, longestMs: longest, busyMs })}\n`);
      [written, longestMs, usedWritten] = [now, 0, usedNow];
    }
    [at, used] = [now, busy()];
  }, EVERY_MS).unref();
}
