import { basename, join } from 'node:path';
import { CancellationTokenSource } from 'vscode-jsonrpc/node';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { now } from '../host/clock.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import type { Token } from '../engine/engine.js';
import { Cancelled, errorData, inputError } from '../host/errors.js';
import { editorPath } from '../host/paths.js';
import { t } from '../host/text.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { refusedByCluster, refusedSecrets } from '../../runtime/contract/recipeFacts.js';
import { hasCheckpoint } from './folder.js';
import { awaitedByIts, unmade, waitsFor } from './awaited.js';
import { nameJobs } from './clusterJobs.js';
import { requireFree } from './owner.js';
import { factsNow, type AskedRun, type Job, type Started } from './job.js';
import { recipeFileOf, recipeToRun, requireAsked, type RecipeFacts } from './recipe.js';
import { isFinished, isRunning, nameOf, type Run } from './run.js';
import type { RunnerOptions } from './runnerOptions.js';

/**
 * Runs recipes, one after the other: two trainings at once would share the cores and both be slower. One that uses what
 * another run is to make, or to replace, waits until that is made, whatever stands behind it.
 */
export class Runner implements Disposable {
  private working: Job | undefined;
  private waiting: Job[] = [];
  private held = false;
  private readonly changes = new Emitter<void>();
  /**
   * Fires when a run joins the queue, moves in it or leaves it, when the one at work is to stop, and when the queue is
   * paused or goes on.
   */
  readonly onDidChangeQueue = this.changes.event;
  private readonly ends = new Emitter<Run>();
  /** Fires once for each run that was not started quietly, with how it ended. */
  readonly onDidEnd = this.ends.event;
  private readonly withdrawals = new Emitter<Run>();
  /** Fires for each run that a person took out of the queue before it began. */
  readonly onDidWithdraw = this.withdrawals.event;

  private readonly holds = new Emitter<{ run: Run; by: Run }>();
  /** Fires when a run does not begin, as another has ended without making what it uses; once for each of these. */
  readonly onDidHold = this.holds.event;
  private holding = new Set<Run>();
  private readonly following: Disposable;
  private readonly report = (error: unknown): void => this.options.onError?.(error);

  constructor(private readonly options: RunnerOptions) {
    // What is awaited may be made, or end otherwise, in another window.
    this.following = options.store.onDidChange(({ run, kind }) => {
      if (kind !== 'append' && !run.live && this.waiting.length > 0) this.next();
    });
  }

  /**
   * Starts a recipe file. Throws when it cannot start; how a run ended is in the run.
   * @param more `quiet`: who starts it reports its end itself. `byItself`: no person starts it, and none is asked.
   */
  async start(
    recipe: string,
    more: Omit<AskedRun, 'recipe'> & { quiet?: boolean; byItself?: boolean } = {},
  ): Promise<Started> {
    const { quiet, byItself, output, replace = false, resume = false } = more;
    this.options.assertTrusted();
    const written = await recipeToRun(recipe);
    const { said = { kind: written.kind, output: written.output } } = more;
    requireAsked(written, said);
    const target = output ?? written.output;
    // The points of a sweep are replaced one by one.
    const standing = replace && written.kind !== 'sweep' ? await this.standing(target) : undefined;
    const folder = standing && isFinished(standing) ? join(target, RUN_FILES.next) : target;
    if (!this.jobOf(folder)) await (this.options.requireFree ?? requireFree)(folder);
    // What the folder has of an earlier run is kept apart from what this one writes.
    await this.options.store.open(folder).catch(() => undefined);
    if (!byItself) await this.options.judgeSecrets?.get(written.judgeSecrets ?? []);
    return this.run({ ...written, output: folder }, basename(target), { recipe, output, replace, resume, said }, quiet);
  }

  /** The run in a folder that would be lost if another one began there: it is finished, or can be resumed. */
  async standing(folder: string): Promise<Run | undefined> {
    const run = await this.options.store.open(folder).catch(() => undefined);
    if (!run || isRunning(run)) return undefined;
    // Of a run that failed before it wrote anything the store does not know what is in its folder.
    return isFinished(run) || (await hasCheckpoint(folder)) ? run : undefined;
  }

  /**
   * Goes on from the last checkpoint of a run that was stopped, failed or was interrupted.
   * @param file its recipe, where somebody has said which that is
   * @param byItself no person resumes it, and none is asked for anything
   */
  async resume(folder: string, file?: string, byItself = false): Promise<Started> {
    this.options.assertTrusted();
    const run = await this.options.store.open(folder);
    if (!run?.recipe) {
      throw inputError(t('there is no run to resume.'), { place: folder, remedy: t('Run its recipe again.') });
    }
    if (!this.jobOf(folder)) await (this.options.requireFree ?? requireFree)(folder);
    const recipe = file ?? (await recipeFileOf(run, () => this.options.recipes?.() ?? []));
    const asked = { recipe, output: folder, resume: true };
    const facts = await factsNow({ run, asked });
    if (!byItself) await this.options.judgeSecrets?.get(facts.judgeSecrets ?? []);
    return this.run(facts, run.name, asked);
  }

  /**
   * Asks the run to stop; it ends after its present step and keeps its last checkpoint. One that waits leaves the
   * queue. False when it does neither.
   */
  stop(folder: string): boolean {
    const job = this.jobOf(folder);
    if (!job) return false;
    if (job === this.working) {
      job.source.cancel();
      job.run.progress.isStopping = true;
      this.options.store.say(job.run, t('Stopping after this step… Stop again to end it now.'));
      this.changes.fire();
    } else {
      this.waiting = this.waiting.filter((other) => other !== job);
      job.source.dispose();
      job.ended(this.withdraw(job));
      this.tell();
    }
    return true;
  }

  /** It was asked to stop, and has not. */
  isStopping(folder: string): boolean {
    return this.working?.run.folder === folder && this.working.source.token.isCancellationRequested;
  }

  /** Ends the run at work without waiting for its step: a hung engine never stops. False when it is not stopping. */
  end(folder: string): boolean {
    if (!this.working || !this.isStopping(folder)) return false;
    this.working.isEnded = true;
    this.options.store.say(this.working.run, t('Ended before its step was done; what was saved before is kept.'));
    this.working.engine?.dispose();
    return true;
  }

  /** Of a run that waits: the one that is to make what it uses, or to replace it, and has not. */
  awaited(folder: string): Run | undefined {
    const job = this.waiting.find(({ run }) => run.folder === folder);
    return job && this.unmade(job);
  }

  private unmade({ run: { recipe } }: Job): Run | undefined {
    return recipe && unmade(recipe, (folder) => this.options.store.get(folder));
  }

  /** Whether a run writes to the folder, or waits to. */
  has(folder: string): boolean {
    return this.jobOf(folder) !== undefined;
  }

  /** Folders of the runs that wait, in the order in which they will begin. */
  queue(): string[] {
    return this.waiting.map(({ run }) => run.folder);
  }

  /**
   * The same, as they were asked for, behind the one at work; without those whose starter reports their end, and is
   * gone with the window, and one that is to stop.
   */
  asked(): (AskedRun & { folder: string })[] {
    return this.jobs().flatMap(({ run: { folder }, asked, quiet, source }) =>
      quiet || source.token.isCancellationRequested ? [] : [{ ...asked, folder }],
    );
  }

  get paused(): boolean {
    return this.held;
  }

  /** While the queue is paused the run at work goes on, and none begins. */
  pause(paused: boolean): void {
    this.held = paused;
    this.next();
  }

  /** One place towards the beginning of the queue, or its end. False when there is none, or it does not wait. */
  move(folder: string, to: 'up' | 'down'): boolean {
    const at = this.waiting.findIndex(({ run }) => run.folder === folder);
    const first = to === 'up' ? at - 1 : at;
    if (at < 0 || first < 0 || first + 2 > this.waiting.length) return false;
    this.waiting.splice(first, 2, this.waiting[first + 1]!, this.waiting[first]!);
    this.tell();
    return true;
  }

  dispose(): void {
    // What is kept of the queue for the next window stays as it is.
    this.changes.dispose();
    this.held = true;
    this.following.dispose();
    // A run on a cluster outlives the window, which finds it again.
    for (const { run, source } of this.jobs()) if (!run.recipe?.cluster) source.cancel();
    this.ends.dispose();
    this.withdrawals.dispose();
    this.holds.dispose();
  }

  private jobs(): Job[] {
    return [...(this.working ? [this.working] : []), ...this.waiting];
  }

  private jobOf(folder: string): Job | undefined {
    return this.jobs().find(({ run }) => run.folder === folder);
  }

  private run(facts: RecipeFacts, name: string, asked: AskedRun, quiet = false): Started {
    const { output } = facts;
    if (this.jobOf(output)) {
      throw inputError(t('this run is going on already.'), { place: output, remedy: t('Stop it first, or open it.') });
    }
    this.requireNoCircle(facts);
    const run = this.options.store.begin(facts, name, asked.resume === true);
    const ended = new Promise<Run>((resolve) =>
      this.waiting.push({ run, asked, quiet, source: new CancellationTokenSource(), ended: resolve }),
    );
    this.next();
    return { run, ended };
  }

  private requireNoCircle(facts: RecipeFacts): void {
    const elsewhere = this.options.store.all().filter(({ waitsIn }) => waitsIn);
    const all = [...this.waiting.map(({ run }) => run), ...elsewhere].filter(({ folder }) => folder !== facts.output);
    const other = awaitedByIts(facts, all);
    if (!other) return;
    throw inputError(t('this run would wait for "{0}", and that one for this run.', nameOf(other)), {
      place: facts.output,
      remedy: t('Remove "{0}" from the queue, or start this run when that one has ended.', nameOf(other)),
    });
  }

  /** Recipes may have been changed: what waits is shown, and waits, by what its recipe says now. */
  async recipesChanged(): Promise<void> {
    const read = this.waiting.map(async (job) => {
      const facts = await factsNow(job);
      return this.waiting.includes(job) && this.isOther(job, facts);
    });
    const found = await Promise.allSettled(read);
    if (found.some((one) => one.status === 'fulfilled' && one.value)) this.next();
  }

  /** Takes what a recipe says now. @throws HostError where its run would wait for one that waits for it */
  private isOther({ run }: Job, facts: RecipeFacts): boolean {
    this.requireNoCircle(facts);
    return this.options.store.rewritten(run, facts);
  }

  /** Begins the first of those that can, if nothing is at work. */
  private next(): void {
    if (!this.working && !this.held) {
      const place = this.waiting.findIndex((one) => !this.unmade(one));
      const [job] = place < 0 ? [] : this.waiting.splice(place, 1);
      this.working = job;
      if (job) {
        job.asked = { ...job.asked, since: new Date().toISOString() };
        this.options.store.queued(job.run, undefined, '');
        const over = (): void => {
          this.working = undefined;
          this.next();
        };
        this.begin(job, place).then(over, over);
      }
    }
    this.tell();
    this.hold();
  }

  /** A recipe that was changed meanwhile may use what another run is to make: then its run waits, in its place. */
  private async begin(job: Job, place: number): Promise<void> {
    const read = factsNow(job).then((facts) => this.isOther(job, facts));
    await read.catch(() => undefined);
    if (!job.source.token.isCancellationRequested && this.unmade(job)) {
      this.waiting.splice(place, 0, job);
      return;
    }
    const ended = this.work(job, read);
    job.ended(ended);
    await ended;
  }

  private hold(): void {
    const before = this.holding;
    this.holding = new Set();
    for (const job of this.working || this.held ? [] : this.waiting) {
      const by = this.unmade(job);
      if (!by || isRunning(by) || this.holding.has(by)) continue;
      this.holding.add(by);
      if (!before.has(by)) this.holds.fire({ run: job.run, by });
    }
  }

  /** Says to each run that waits where it stands. */
  private tell(): void {
    const count = this.waiting.length;
    this.waiting.forEach((job, i) => {
      const { run } = job;
      const place = i + 1;
      const awaited = this.unmade(job);
      if (awaited) return this.options.store.queued(run, place, waitsFor(awaited), nameOf(awaited));
      const message = this.held
        ? t('Place {0} of {1} in the queue, which is paused.', place, count)
        : place === 1 && this.working
          ? t('Waiting for "{0}" to end.', nameOf(this.working.run))
          : t('Place {0} of {1} in the queue.', place, count);
      this.options.store.queued(run, place, message);
    });
    this.changes.fire();
  }

  private async withdraw({ run, quiet }: Job): Promise<Run> {
    const message = t('Removed from the queue before it began: nothing was run or changed.');
    const left = await this.options.store.withdraw(run, message);
    if (!quiet) this.withdrawals.fire(left);
    return left;
  }

  /** @param ready its recipe was read, or cannot be */
  private async work(job: Job, ready: Promise<unknown>): Promise<Run> {
    const { run, asked, source, quiet } = job;
    const { store } = this.options;
    const engine = this.options.engine();
    job.engine = engine;
    let failure: unknown;
    let folder: string | undefined;
    try {
      run.since = now();
      await ready;
      const token = await this.options.token?.();
      const { recipe, output, replace: force = false, resume } = asked;
      const done = await engine.request(
        'run',
        {
          recipe,
          output,
          force,
          resume,
          ...(token !== undefined && { token }),
          // Always: the engine looks for no secret in the environment of the window.
          secrets: await this.secretsOf(run, source.token),
        },
        {
          token: source.token,
          onEvents: (events) => {
            store.append(run, events);
            this.forgetRefused(run, events);
          },
          onAsk: this.options.askModel?.(),
          onProgress: (message) => store.say(run, message),
        },
      );
      folder = editorPath(done.output);
    } catch (error) {
      if (!(error instanceof Cancelled || job.isEnded)) failure = error;
      await this.forgetSuspect(run, errorData(error)).catch(this.report);
    } finally {
      engine.dispose();
      source.dispose();
    }
    if (job.isEnded) await nameJobs(run, store);
    const ended = await store.end(run, failure === undefined ? undefined : errorData(failure), folder);
    if (!quiet) this.ends.fire(ended);
    return ended;
  }

  /** Secrets that warnings of a run say were refused. */
  private forgetRefused(run: Run, events: readonly RunEvent[]): void {
    const { judgeSecrets, forgetSecrets } = this.options;
    const { raw, judgeSecrets: wanted = [], cluster: { secrets = [] } = {} } = run.recipe ?? {};
    const refused = refusedSecrets(events, (raw?.judges ?? []) as unknown[], wanted);
    if (refused.length > 0) judgeSecrets?.forget(refused).catch(this.report);
    const ofClusters = events.flatMap((one) => (one.kind === 'warning' ? refusedByCluster(one, secrets) : []));
    if (ofClusters.length > 0) forgetSecrets?.(ofClusters).catch(this.report);
  }

  /** Secrets of the cluster that the error of a run may be about: where it names no address, all of them. */
  private async forgetSuspect({ recipe }: Run, error: ErrorData): Promise<void> {
    if (error.code !== 'secret') return;
    const { secrets = [] } = recipe?.cluster ?? {};
    const refused = refusedByCluster(error, secrets);
    await this.options.forgetSecrets?.(refused.length > 0 ? refused : secrets);
  }

  private async secretsOf(run: Run, token: Token): Promise<Record<string, string>> {
    const { judgeSecrets, secrets } = this.options;
    const { judgeSecrets: wanted = [], cluster } = run.recipe ?? {};
    const ofJudges = await judgeSecrets?.kept(wanted);
    if (!cluster || cluster.secrets.length === 0) return { ...ofJudges };
    const names = new Set(cluster.secrets.map(({ name }) => name));
    this.options.store.say(run, t('Waiting for secrets of the cluster: {0}.', [...names].join(', ')));
    return { ...ofJudges, ...(await secrets?.(cluster.secrets, token)) };
  }
}
