import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { measureOf } from '../../extension/runs/compare.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { answerRows } from '../../runtime/contract/answers.js';
import { runView } from '../../runtime/contract/runView.js';
import { RunStore } from '../../extension/runs/store.js';
import { viewOf } from '../../extension/runs/reading.js';
import { runDescription, runIcon, runTooltip } from '../../extension/views/labels.js';
import { lines, manifest, recipe } from '../extension/support.js';
import { damageJsonText, damageText, JSON_WORDS } from './damage.js';
import { fuzz } from './harness.js';
import { DONE, EVENTS, SAMPLE, VALUES } from './runEvents.js';

interface Files {
  manifest: string;
  recipe: string;
  events: string;
  answers: string;
  owner: string;
}

const ERROR = { kind: 'failed', message: 'm', place: 'p' };

const good = (more: object): Files => ({
  manifest: JSON.stringify(manifest('/w', more)),
  recipe: JSON.stringify(recipe()),
  events: lines(EVENTS),
  answers: lines([SAMPLE]),
  owner: JSON.stringify({ pid: 1, host: 'x', started: 'x', since: '2026-01-01T10:00:00.000Z' }),
});

/** A run folder as the extension reads and shows it. */
fuzz<Files>({
  name: 'run folder',
  rounds: 150,
  sources: () => [
    good({ done: DONE, vectors: [{ path: '/w/v/adapter', sha256: 'aa', scale: 1 }] }),
    good({ outcome: 'running', ended: undefined, result: undefined }),
    good({ outcome: 'failed', error: ERROR, kind: 'vector', role: 'security' }),
  ],
  damage: (files, rng) => {
    const name = rng.pick(['manifest', 'manifest', 'recipe', 'events', 'events', 'answers', 'owner'] as const);
    if (name !== 'events' && name !== 'answers') return { ...files, [name]: damageJsonText(files[name], rng, VALUES) };
    const all = files[name].split('\n');
    const at = rng.int(all.length);
    all[at] = rng.int(8) ? damageJsonText(all[at]!, rng, VALUES) : damageText(all[at]!, rng, [...JSON_WORDS, '\n']);
    return { ...files, [name]: all.join('\n') };
  },
  load: async (files, folder) => {
    const path = join(folder, 'adapters', 'a');
    mkdirSync(path, { recursive: true });
    for (const name of ['manifest', 'recipe', 'events', 'answers'] as const) writeFileSync(join(path, RUN_FILES[name]), files[name]);
    writeFileSync(join(path, 'owner.json'), files.owner);
    const store = new RunStore(() => 0);
    const run = await store.read(path);
    if (!run) return false;
    await store.readOn(run, true);
    const answers = await store.answersOf(path);
    const shown = snapshot(run, store.list(), { answers: true, report: false }, 0);
    const rows = answerRows(answers, (set) => measureOf(run, set));
    assert.equal(typeof viewOf(run).brief, 'string');
    for (const text of [shown.title, runDescription(run), runTooltip(run), runIcon(run).id]) assert.equal(typeof text, 'string');
    assert.equal(typeof runView(shown).tone, 'string');
    // What a page is sent is data.
    assert.deepEqual(structuredClone({ shown, rows }), { shown, rows });
    const { rows: _, ...probes } = shown.probes;
    for (const { step: steps, ...columns } of [shown.train, probes])
      for (const column of Object.values(columns)) assert.equal(column.length, steps.length);
    return true;
  },
}); // oxfmt-ignore
