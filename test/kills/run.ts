/**
 * `npm run test:kills`: every run of a recipe is ended at every call by which it changes a file, by a kill before it,
 * by a kill in the middle of it, by an I/O error, a full disk, a read-only or deleted folder; and its process is killed
 * at random moments. Each is taken up again, and must end as the undisturbed run does (see snapshot.ts).
 *
 *   npm run test:kills -- [--random 1000] [--recipe NAME]… [--faults kill,torn,eio,enospc,erofs,gone] [--workers 2]
 *   [--keep]
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { random } from '../../runtime/support/random.js';
import { killed, prepare, takeUp, withFault, writeBase, type Outcome } from './trials.js';
import { RECIPES } from './workspace.js';

const { values } = parseArgs({
  options: {
    random: { type: 'string', default: '1000' },
    recipe: { type: 'string', multiple: true, default: Object.keys(RECIPES) },
    faults: { type: 'string', default: 'kill,torn,eio,enospc,erofs,gone' },
    workers: { type: 'string', default: '2' },
    keep: { type: 'boolean', default: false },
  },
});

interface Row {
  what: string;
  calls: number;
  tried: number;
  undisturbed: number;
  resumed: number;
  anew: number;
  failed: number;
}

/** All of one recipe, in a process of its own. */
async function one(name: string): Promise<Row[]> {
  const root = await mkdtemp(join(tmpdir(), 'kills-'));
  await writeBase(root);
  const reference = await prepare(root, name);
  const rows = new Map<string, Row>();
  let failed = 0;
  const count = async (what: string, label: string, outcome: Promise<Outcome>): Promise<void> => {
    const { how, problems } = await outcome;
    const empty = { what, calls: reference.calls, tried: 0, undisturbed: 0, resumed: 0, anew: 0, failed: 0 };
    const row = rows.get(what) ?? empty;
    rows.set(what, row);
    row.tried++;
    if (problems.length === 0) row[how]++;
    else {
      row.failed++;
      failed++;
      console.log(`${name}, ${label}: ${problems.join('; ')}`);
    }
  };
  const faults = values.faults.split(',').filter(Boolean);
  for (const { label, folder } of reference.kills) {
    const what = label.slice(0, 4);
    if (faults.includes(what)) await count(what, label, takeUp(reference, folder));
    if (!values.keep) await rm(join(folder, '..'), { recursive: true, force: true });
  }
  for (const fault of faults.filter((what) => what !== 'kill' && what !== 'torn')) {
    for (let i = 1; i <= reference.calls; i++) {
      const label = `${fault}:${i}`;
      await count(fault, label, withFault(root, reference, label));
      if (!values.keep) await rm(join(root, `${fault}-${i}`), { recursive: true, force: true });
    }
  }
  const rng = random(name);
  const share = Math.ceil(Number(values.random) / values.recipe.length);
  let longest = 0;
  for (let i = 0; i < share; i++) {
    const label = `random-${i}`;
    const began = performance.now();
    // the first ones tell how long it takes
    const after = i < 2 ? 1e6 : rng.uniform() * longest;
    await count('random', label, killed(root, reference, label, after));
    if (i < 2) longest = Math.max(longest, performance.now() - began);
    if (!values.keep) await rm(join(root, label), { recursive: true, force: true });
  }
  if (failed > 0 && values.keep) console.log(root);
  else await rm(root, { recursive: true, force: true });
  return [...rows.values()];
}

if (process.send) {
  process.send(await one(values.recipe[0]!));
  process.disconnect();
} else {
  const began = Date.now();
  const table = new Map<string, Row[]>();
  const waiting = [...values.recipe];
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const share = Math.ceil(Number(values.random) / values.recipe.length);
      const args = ['--recipe', name, '--random', String(share), '--faults', values.faults];
      const child = fork(import.meta.filename, [...args, ...(values.keep ? ['--keep'] : [])]);
      const called = name;
      child.on('message', (rows: Row[]) => table.set(called, rows));
      await new Promise((resolve) => child.on('close', resolve));
      if (!table.has(name)) console.log(`${name}: the process ended without a result`);
      else console.log(`${name}: ${((Date.now() - began) / 60_000).toFixed(1)} minutes`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.workers) }, worker));
  const line = (...cells: (string | number)[]): void =>
    console.log(cells.map((c, i) => (i < 2 ? String(c).padEnd(i ? 8 : 30) : String(c).padStart(14))).join(''));
  line('recipe', 'what', 'calls', 'tried', 'did no harm', 'resumed equal', 'anew, equal', 'failed');
  const rows = [...table].flatMap(([name, list]) => list.map((row) => ({ name, ...row })));
  for (const r of rows) line(r.name, r.what, r.calls, r.tried, r.undisturbed, r.resumed, r.anew, r.failed);
  const sum = (key: 'tried' | 'failed'): number => rows.reduce((n, row) => n + row[key], 0);
  console.log(`${sum('tried')} tried, ${sum('failed')} failed, ${((Date.now() - began) / 60_000).toFixed(1)} minutes`);
  process.exit(sum('failed') === 0 && table.size === values.recipe.length ? 0 : 1);
}
