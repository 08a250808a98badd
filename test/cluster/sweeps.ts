/** Sweeps of the sample workspace on a cluster that the fake Jobs server plays. */
import { writeFile } from 'node:fs/promises';
import type { Patience } from '../../runtime/cluster/follow.js';
import { runSweep } from '../../runtime/calls/sweep.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import type { SweepRecipe } from '../../runtime/contract/recipeSweep.js';
import { readRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import type { Workspace } from '../calls/support.js';
import { writeModel } from '../kills/workspace.js';
import type { RayServer, Script } from '../support/rayServer.js';
import { PATIENCE, useServer } from './support.js';

/** Points that compute at the same time. */
export const AT_ONCE = 4;
export const SEEDS = [1, 2, 3, 4, 5, 6];

interface SweepOptions {
  base?: string;
  over?: object;
  resume?: boolean;
  secrets?: Record<string, string>;
  patience?: Partial<Patience>;
  hear?: (event: RunEvent, stop: () => void) => void;
}

export interface ClusterSweeps {
  workspace: Workspace;
  server: RayServer;
  /** By default of six seeds of a plain fine-tuning. */
  sweep(name: string, options?: SweepOptions): Promise<DoneEvent>;
}

/** Starts the server for the tests of a file, whose jobs do as the script says. */
export async function useSweeps(script: Script): Promise<ClusterSweeps> {
  const { workspace, server, recipe } = await useServer(script);
  // nothing is trained here: a model of one layer is loaded and read back as one of four is
  await writeModel(workspace.file('small'));
  await recipe({ model: '../small', steps: 2 });
  return {
    workspace,
    server,
    async sweep(name, options = {}) {
      const { base = 'plain.json', over = { seed: SEEDS } } = options;
      const written = { kind: 'sweep', base, over, output: `../sweeps/${name}` };
      const file = workspace.file('recipes', 'sweep.json');
      await writeFile(file, JSON.stringify(written));
      const { recipe: read, ...given } = await readRecipe(file);
      const stop = new AbortController();
      return runSweep(
        { ...given, recipe: read as SweepRecipe },
        {
          signal: stop.signal,
          patience: { ...PATIENCE, ...options.patience },
          resume: options.resume,
          secrets: options.secrets,
          onEvent: (event) => options.hear?.(event, () => stop.abort()),
        },
      );
    },
  };
}
