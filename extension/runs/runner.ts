import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { CancellationTokenSource } from 'vscode-jsonrpc/node';
import { Emitter, type Disposable } from '../disposable.js';
import type { Engine } from '../engine.js';
import { Cancelled, errorData, inputError } from '../errors.js';
import { t } from '../text.js';
import { requireFree } from './owner.js';
import { requireRecipe, type RecipeFacts } from './recipe.js';
import type { Run } from './run.js';
import type { RunStore } from './store.js';

export interface RunnerOptions {
  store: RunStore;
  /** A child of its own for each run: a crash ends that run and nothing else. */
  engine(): Pick<Engine, 'request' | 'dispose'>;
  /** Throws where running is not allowed (a workspace that is not trusted). */
  allowed(): void;
}

export interface Started {
  run: Run;
  /** The run as it ended, well or not. */
  ended: Promise<Run>;
}

/** Runs recipes, one after the other: two trainings at once would share the cores and both be slower. */
export class Runner implements Disposable {
  private stops = new Map<string, CancellationTokenSource>();
  private queue: Promise<unknown> = Promise.resolve();
  private readonly ends = new Emitter<Run>();
  /** Fires once for each run that was not started quietly, with how it ended. */
  readonly onDidEnd = this.ends.event;

  constructor(private readonly options: RunnerOptions) {}

  /**
   * Starts a recipe file. Throws when it cannot start; how a run ended is in the run.
   * @param more `quiet`: who starts it tells of its end itself.
   */
  async start(recipe: string, more: { quiet?: boolean } = {}): Promise<Started> {
    this.options.allowed();
    const facts = requireRecipe(await readFile(recipe, 'utf8'), recipe);
    if (!this.stops.has(facts.output)) await requireFree(facts.output);
    return this.run(facts, { recipe }, more.quiet);
  }

  /** Goes on from the last checkpoint of a run that was stopped, failed or was interrupted. */
  async resume(folder: string): Promise<Started> {
    this.options.allowed();
    const run = await this.options.store.open(folder);
    if (!run?.recipe) {
      throw inputError(t('there is no run to resume.'), { place: folder, remedy: t('Run its recipe again.') });
    }
    if (!this.stops.has(folder)) await requireFree(folder);
    return this.run({ ...run.recipe, output: folder }, { recipe: run.recipe.file, output: folder, resume: true });
  }

  /** Asks the run to stop; it ends after its present step and keeps its last checkpoint. False when it is not running. */
  stop(folder: string): boolean {
    const source = this.stops.get(folder);
    const run = this.options.store.get(folder);
    source?.cancel();
    if (source && run) this.options.store.say(run, t('Stopping after this step…'));
    return source !== undefined;
  }

  dispose(): void {
    for (const source of this.stops.values()) source.cancel();
    this.ends.dispose();
  }

  private run(
    facts: RecipeFacts,
    params: { recipe: string; output?: string; resume?: boolean },
    quiet = false,
  ): Started {
    const { store } = this.options;
    const { output } = facts;
    if (this.stops.has(output)) {
      throw inputError(t('this run is going on already.'), { place: output, remedy: t('Stop it first, or open it.') });
    }
    const source = new CancellationTokenSource();
    this.stops.set(output, source);
    const run = store.begin(facts, basename(output), params.resume === true);
    const waitsFor = store.live().find((other) => other !== run);
    if (waitsFor) store.say(run, t('Waiting for "{0}" to end.', waitsFor.name));
    const ended = this.queue.then(() => this.work(run, params, source, quiet));
    this.queue = ended.catch(() => undefined);
    return { run, ended };
  }

  private async work(
    run: Run,
    params: { recipe: string; output?: string; resume?: boolean },
    source: CancellationTokenSource,
    quiet: boolean,
  ): Promise<Run> {
    const { store } = this.options;
    const engine = this.options.engine();
    let failure: unknown;
    try {
      run.since = Date.now() / 1000;
      await engine.request('run', params, {
        token: source.token,
        onEvents: (events) => store.append(run, events),
        onProgress: (message) => store.say(run, message),
      });
    } catch (error) {
      if (!(error instanceof Cancelled)) failure = error;
    } finally {
      engine.dispose();
      this.stops.delete(run.folder);
      source.dispose();
    }
    const ended = await store.end(run, failure === undefined ? undefined : errorData(failure));
    if (!quiet) this.ends.fire(ended);
    return ended;
  }
}
