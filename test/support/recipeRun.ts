/** A recipe as a value, run in a folder of a test. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runRecipe } from '../../runtime/calls/run.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';

export interface RunChoice {
  /** The run is stopped after this step. */
  stopAfter?: number;
  /** The run is stopped when it comes to this state. */
  stopAt?: Extract<RunEvent, { kind: 'state' }>['state'];
  resume?: boolean;
  force?: boolean;
}

/** Writes the recipe into `root` and runs it into `out` there. */
export async function runValue(
  root: string,
  value: object,
  out: string,
  { stopAfter, stopAt, resume, force }: RunChoice = {},
): Promise<{ done: DoneEvent; events: RunEvent[] }> {
  const file = join(root, 'recipe.json');
  await writeFile(file, JSON.stringify(value));
  const stop = new AbortController();
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent): void => {
    events.push(event);
    if (event.kind === 'step' && event.step === stopAfter) stop.abort();
    if (event.kind === 'state' && event.state === stopAt) stop.abort();
  };
  const done = await runRecipe(file, { output: join(root, out), resume, force, signal: stop.signal, onEvent });
  return { done, events };
}
