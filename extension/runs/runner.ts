import { basename, join } from 'node:path';
import { CancellationTokenSource } from 'vscode-jsonrpc/node';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { now } from '../host/clock.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import type { Engine } from '../engine/engine.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import { Cancelled, errorData, inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import { requireFree } from './owner.js';
import { openRecipe, type RecipeFacts } from './recipe.js';
import type { Run } from './run.js';
import type { RunStore } from './store.js';

export interface RunnerOptions {
  store: RunStore;
  /** A child of its own for each run: a crash ends that run and nothing else. */
  engine(): Pick<Engine, 'request' | 'dispose'>;
  /** Throws where running is not allowed (a workspace that is not trusted). */
  assertTrusted(): void;
  /** Of the Hub, for adapters that recipes name by it. */
  token?(): Promise<string | undefined>;
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
   * @param more `quiet`: who starts it reports its end itself. `output`: another run folder than the recipe's. `replace`: a
   * finished run in that folder, which stays whole until this one is done.
   */
  async start(
    recipe: string,
    { quiet, output, replace = false }: { quiet?: boolean; output?: string; replace?: boolean } = {},
  ): Promise<Started> {
    this.options.assertTrusted();
    const written = await openRecipe(recipe);
    const target = output ?? written.output;
    const folder = replace && (await this.finished(target)) ? join(target, RUN_FILES.next) : target;
    if (!this.stops.has(folder)) await requireFree(folder);
    // What the folder has of an earlier run is kept apart from what this one writes.
    await this.options.store.open(folder).catch(() => undefined);
    return this.run({ ...written, output: folder }, basename(target), { recipe, output, force: replace }, quiet);
  }

  /** The finished run that stands in a folder. */
  async finished(folder: string): Promise<Run | undefined> {
    const run = await this.options.store.open(folder).catch(() => undefined);
    return run?.manifest?.outcome === 'finished' && !run.live ? run : undefined;
  }

  /** Goes on from the last checkpoint of a run that was stopped, failed or was interrupted. */
  async resume(folder: string): Promise<Started> {
    this.options.assertTrusted();
    const run = await this.options.store.open(folder);
    if (!run?.recipe) {
      throw inputError(t('there is no run to resume.'), { place: folder, remedy: t('Run its recipe again.') });
    }
    if (!this.stops.has(folder)) await requireFree(folder);
    const params = { recipe: run.recipe.file, output: folder, resume: true };
    return this.run({ ...run.recipe, output: folder }, run.name, params);
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

  private run(facts: RecipeFacts, name: string, params: Requests['run']['params'], quiet = false): Started {
    const { store } = this.options;
    const { output } = facts;
    if (this.stops.has(output)) {
      throw inputError(t('this run is going on already.'), { place: output, remedy: t('Stop it first, or open it.') });
    }
    const source = new CancellationTokenSource();
    this.stops.set(output, source);
    const run = store.begin(facts, name, params.resume === true);
    const waitsFor = store.live().find((other) => other !== run);
    if (waitsFor) store.say(run, t('Waiting for "{0}" to end.', waitsFor.name));
    const ended = this.queue.then(() => this.work(run, params, source, quiet));
    this.queue = ended.catch(() => undefined);
    return { run, ended };
  }

  private async work(
    run: Run,
    params: Requests['run']['params'],
    source: CancellationTokenSource,
    quiet: boolean,
  ): Promise<Run> {
    const { store } = this.options;
    const engine = this.options.engine();
    let failure: unknown;
    let folder: string | undefined;
    try {
      run.since = now();
      const token = await this.options.token?.();
      const done = await engine.request(
        'run',
        { ...params, ...(token !== undefined && { token }) },
        {
          token: source.token,
          onEvents: (events) => store.append(run, events),
          onProgress: (message) => store.say(run, message),
        },
      );
      folder = done.output;
    } catch (error) {
      if (!(error instanceof Cancelled)) failure = error;
    } finally {
      engine.dispose();
      this.stops.delete(run.folder);
      source.dispose();
    }
    const ended = await store.end(run, failure === undefined ? undefined : errorData(failure), folder);
    if (!quiet) this.ends.fire(ended);
    return ended;
  }
}
