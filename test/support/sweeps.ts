/** Sweeps over a training of a second, in a folder of a test. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calls } from '../../runtime/calls/calls.js';
import { runRecipe } from '../../runtime/calls/run.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import type { SweepFile, SweepPoint } from '../../runtime/contract/sweep.js';
import { RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';
import { silent } from './silent.js';

export interface RanSweep {
  done: DoneEvent;
  events: RunEvent[];
  points: (SweepPoint & { resumed?: true })[];
}

export interface SweepChoice {
  resume?: boolean;
  force?: boolean;
  /** The sweep is stopped at the event of which this is true. */
  stopAt?: (event: RunEvent) => boolean;
}

export interface Sweeps {
  readonly root: string;
  /** Writes a recipe; returns its file. */
  write(name: string, value: object): Promise<string>;
  /** Writes a sweep over base.json into sweeps/NAME. */
  sweep(name: string, over: object): Promise<string>;
  table(name: string): Promise<SweepFile>;
  remove(): Promise<void>;
}

/** A folder with a model, data, a trained vector and base.json. */
export async function sweepsFolder(): Promise<Sweeps> {
  const root = await mkdtemp(join(tmpdir(), 'sweep-'));
  const write = async (name: string, value: object): Promise<string> => {
    const file = join(root, `${name}.json`);
    await writeFile(file, JSON.stringify(value));
    return file;
  };
  await writeWorkspace(root);
  await write('vector', VECTOR);
  await runRecipe(join(root, 'vector.json'), silent);
  await write('base', RECIPES['lora, absorbs flagged rows']!);
  return {
    root,
    write,
    sweep: (name, over) => write(name, { kind: 'sweep', base: 'base.json', over, output: `sweeps/${name}` }),
    table: async (name) => JSON.parse(await readFile(join(root, 'sweeps', name, 'sweep.json'), 'utf8')) as SweepFile,
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

export async function runSweep(recipe: string, { resume, force, stopAt }: SweepChoice = {}): Promise<RanSweep> {
  const stop = new AbortController();
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent): void => {
    events.push(event);
    if (stopAt?.(event)) stop.abort();
  };
  const done = await calls.run({ recipe, resume, force }, { ...silent, signal: stop.signal, onEvent });
  return { done, events, points: events.flatMap((event) => (event.kind === 'point' ? [event] : [])) };
}
