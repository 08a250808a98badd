/**
 * `node --import tsx test/bench/updates.ts [--values 33554432] [--turns 8]`: what AdamW's part of a step takes with
 * moments in float32 and in 8 bits on the CPU. Both in turn, and of each the least processor time, in milliseconds:
 * others that use the machine lengthen the time of the clock.
 */
import { parseArgs } from 'node:util';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32 } from '../../runtime/device/session.js';
import { openOptimizer } from '../../runtime/optim/optimizer.js';
import { random } from '../../runtime/support/random.js';
import { plainAdamW } from '../support/plainAdamW.js';

const { values: given } = parseArgs({
  options: { values: { type: 'string', default: String(2 ** 25) }, turns: { type: 'string', default: '8' } },
});
const [values, turns] = [Number(given.values), Number(given.turns)];
const LEARNING_RATE = 1e-3;
const backend = await openBackend('cpu');
const rng = random(0);
const normal = (): Float32Array => Float32Array.from({ length: values }, () => rng.normal());
const gradient = normal();
const kinds = (['float32', '8bit'] as const).map((moments) => {
  const optimizer = openOptimizer(backend, { ...plainAdamW(LEARNING_RATE), moments });
  return { moments, optimizer, state: optimizer.init(['p'], [float32(normal(), [values])]), leastMs: Infinity };
});
// the first one is compiled while it runs
for (let turn = 0; turn <= turns; turn++)
  for (const kind of kinds) {
    const g = float32(gradient.slice(), [values]);
    const before = process.cpuUsage();
    await kind.optimizer.step(kind.state, [g], LEARNING_RATE);
    const { user, system } = process.cpuUsage(before);
    if (turn > 0) kind.leastMs = Math.min(kind.leastMs, (user + system) / 1000);
  }
const [plain, coded] = kinds.map(({ leastMs }) => leastMs) as [number, number];
console.log(JSON.stringify({ values, float32Ms: plain, '8bitMs': coded, times: coded / plain }));
