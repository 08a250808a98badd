/**
 * Adapters of a chat: `attach.mjs --model FOLDER|FILE.gguf [--threads N] [--precision float32|int8|int4]`. How much
 * longer the next token takes after an adapter was attached, detached, or given another factor than when nothing has
 * changed; and after one was attached whose file was not read before. Prints one JSON line: medians, in milliseconds.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { initialise, layout as layOut } from '../../runtime/adapters/sites.js';
import { saveAdapter } from '../../runtime/adapters/flat.js';
import { openContext } from '../../runtime/context/context.js';
import { generate, openGenerators } from '../../runtime/calls/chat.js';
import type { Precision } from '../../runtime/contract/recipeWords.js';
import { random } from '../../runtime/support/random.js';
import { silent } from '../support/silent.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    threads: { type: 'string', default: '0' },
    precision: { type: 'string', default: 'float32' },
  },
});
const TURNS = 8;
const RANK = 8;
const model = values.model!;
const precision = values.precision as Precision;
const rng = random(0);
const folder = await mkdtemp(join(tmpdir(), 'attach-'));

/** An adapter that changes what is said: of a new one B is zero. */
async function adapter(name: string): Promise<string> {
  const context = await openContext(model, { device: 'cpu', precision, scratch: folder });
  const layout = layOut(context.sites.map((site) => ({ ...site, rank: RANK, scale: 2 })));
  context.scratch.close();
  const path = join(folder, name);
  await saveAdapter(path, {
    layout,
    flat: initialise(layout, rng).map((x) => x + 0.002 * rng.normal()),
    config: {
      ...{ rank: RANK, alpha: 2 * RANK, useRslora: false, targetModules: 'all-linear', fanInFanOut: false },
      ...{ rankPattern: {}, alphaPattern: {} },
    },
    role: 'security',
    provenance: {},
  });
  return path;
}

/** Milliseconds to one token with these adapters. */
async function ask(...adapters: { path: string; scale: number }[]): Promise<number> {
  const began = performance.now();
  const ids = Array.from({ length: 20 }, (_, i) => 100 + i);
  const options = { maxNewTokens: 1, temperature: 0, topP: 1 };
  await generate({ model, adapters, ids, options, device: 'cpu', precision }, silent);
  return performance.now() - began;
}

try {
  const [vector, other] = [await adapter('vector'), await adapter('other')];
  await ask();
  // what takes adapters is opened while the answer is read
  for (let i = 0; i < 500 && openGenerators().length < 2 && precision === 'float32'; i++) await setTimeout(20);
  const first = await ask({ path: vector, scale: 1 });
  const found: Record<'same' | 'detached' | 'rescaled' | 'attached', number[]> = {
    ...{ same: [], detached: [], rescaled: [], attached: [] },
  };
  await ask({ path: vector, scale: 1 });
  for (let i = 0; i < TURNS; i++) {
    found.same.push(await ask({ path: vector, scale: 1 }));
    found.rescaled.push(await ask({ path: vector, scale: 0.5 }));
    found.detached.push(await ask({ path: vector, scale: 0 }));
    found.attached.push(await ask({ path: vector, scale: 1 }));
  }
  const unread = await ask({ path: vector, scale: 1 }, { path: other, scale: 1 });
  const middle = (ms: readonly number[]): number => [...ms].sort((a, b) => a - b)[Math.floor(ms.length / 2)]!;
  const same = middle(found.same);
  const more = (ms: number): number => Math.round(10 * Math.max(0, ms - same)) / 10;
  const median = (ms: readonly number[]): number => more(middle(ms));
  console.log(
    JSON.stringify({
      tokenMs: Math.round(same),
      attachMs: Math.max(median(found.attached), median(found.detached), median(found.rescaled)),
      ...{ attached: median(found.attached), detached: median(found.detached), rescaled: median(found.rescaled) },
      ...{ firstMs: more(first), unreadMs: more(unread) },
    }),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(0);
