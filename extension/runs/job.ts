/** A run that was asked for: with what, and what of it is known until it has ended. */
import type { CancellationTokenSource } from 'vscode-jsonrpc/node';
import type { Engine } from '../engine/engine.js';
import { recipeToRun, requireAsked, type AskedRecipe, type RecipeFacts } from './recipe.js';
import type { Run } from './run.js';

export interface Started {
  run: Run;
  /** The run as it ended, well or not. */
  ended: Promise<Run>;
}

/** What a run was asked for with: enough to ask for it again. */
export interface AskedRun {
  recipe: string;
  /** Another run folder than the recipe's. */
  output?: string;
  /**
   * A finished run in that folder, of a sweep each point that would be another one, stays whole until this one is done.
   */
  replace?: boolean;
  /** Goes on from a checkpoint; of a sweep: keeps its points. */
  resume?: boolean;
  said?: AskedRecipe;
  /** Of the run at work: since when, ISO 8601. A manifest that began later is its own. */
  since?: string;
}

/** A run that was asked for, and what is to be told when it has ended. */
export interface Job {
  run: Run;
  asked: AskedRun;
  source: CancellationTokenSource;
  quiet: boolean;
  /** Of the run at work. */
  engine?: Pick<Engine, 'dispose'>;
  /** A person did not wait for it to stop. */
  isEnded?: boolean;
  ended(run: Run | Promise<Run>): void;
}

/** What its recipe says now. @throws HostError where it cannot be read, or is not what was asked for any more */
export async function factsNow({ run, asked }: Pick<Job, 'run' | 'asked'>): Promise<RecipeFacts> {
  const facts = await recipeToRun(asked.recipe);
  if (asked.said) requireAsked(facts, asked.said);
  return { ...facts, output: run.folder };
}
