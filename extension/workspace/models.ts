import { basename, dirname, join, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { adapterName } from '../../runtime/contract/adapterName.js';
import { errorText } from '../../runtime/contract/errors.js';
import type { ModelInfo } from '../../runtime/contract/modelInfo.js';
import type { Precision } from '../../runtime/contract/recipeWords.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { errorData, inputError, noFolder } from '../host/errors.js';
import { isWithin } from '../host/paths.js';
import { modelPath, newestFirst } from '../runs/compare.js';
import { toldApart } from '../runs/distinct.js';
import { isRunning, type Run } from '../runs/run.js';
import { t } from '../host/text.js';
import { Turns } from '../../runtime/contract/turns.js';
import { adapterFacts, type AdapterFacts } from '../runs/adapterFiles.js';
import { Problems } from '../data/problems.js';
import {
  changeState,
  fromStatePath,
  listModel,
  readState,
  stateFile,
  toStatePath,
  type AdapterEntry,
  type ModelEntry,
} from '../host/state.js';

export interface Adapter {
  /** PEFT folder, absolute. */
  path: string;
  /** As people see it: with its folder, where another has the same. */
  name: string;
  /** Without its folder, where `name` has it: for names of files and of what is measured. */
  ownName?: string;
  /** null until the engine has answered. */
  role: 'task' | 'security' | null;
  rank: number | null;
  /** Why it does not fit this model; null when it fits or nobody has looked. */
  reason: string | null;
  attached: boolean;
  scale: number;
  /** The run that made it. */
  run?: string;
  /** How the run that made it held the model's weights, where not in float32. */
  precision?: Precision;
}

export interface Model {
  /** HF folder or .gguf file, absolute. */
  path: string;
  /** As of an adapter. */
  name: string;
  ownName?: string;
  adapters: Adapter[];
  info?: ModelInfo;
  /** Why it cannot be used or read. */
  problem?: string;
  /** How the newest run that made an adapter of it held its weights, where not in float32. */
  precision?: Precision;
}

interface ModelsOptions {
  /** The first folder of the workspace; undefined in an empty window. */
  root(): string | undefined;
  inspect(path: string): Promise<ModelInfo>;
  /** Why an adapter does not fit a model, by shape and by the hash of its base; null when it does. */
  fits?(model: string, adapter: string): Promise<string | null>;
  runs(): readonly Run[];
}

/**
 * The models of the workspace with their adapters: from the state file, from the engine's inspection, and from runs.
 */
export class WorkspaceModels implements Disposable {
  /** Two quick clicks must not both start from the same file, nor a slow reader undo a click. */
  private readonly turns = new Turns();
  private entries: ModelEntry[] = [];
  /** `failed`: the engine did not come to look. */
  private readonly infos = new Map<string, ModelInfo | { problem: string; failed: boolean }>();
  /** The last time that somebody asked about a model. */
  private readonly asked = new Map<string, symbol>();
  /** Of adapters that only the state file names. */
  private facts = new Map<string, AdapterFacts | { reason: string }>();
  /**
   * Why adapters do not fit, by `keyOf`; undefined: it could not be looked at, and is asked again when somebody wants
   * to know.
   */
  private reasons = new Map<string, string | null | undefined>();
  private readonly changes = new Emitter<void>();
  readonly onDidChange = this.changes.event;
  private readonly versions = new Map<string, number>();
  private readonly versionChanges = new Emitter<string>();
  /** Fires with a model of which `version` has changed. */
  readonly onDidChangeVersion = this.versionChanges.event;

  /** @param problems where a state file that cannot be read is noted; the models that were known stay. */
  constructor(
    private readonly options: ModelsOptions,
    private readonly problems = new Problems(),
  ) {}

  list(): Model[] {
    const root = this.options.root();
    const shown = this.entries.filter(({ removed }) => !removed);
    return root === undefined ? [] : toldApart(shown.map((entry) => this.model(root, entry)));
  }

  get(path: string): Model | undefined {
    return this.list().find((model) => model.path === path);
  }

  /**
   * Another where the model's files have changed, or the engine says something else of it: what was computed with it
   * may be wrong.
   */
  version(path: string): number {
    return this.versions.get(path) ?? 0;
  }

  /**
   * Reads the state file and asks the engine about all models: any of them may have been repaired, changed or deleted
   * by now.
   */
  async refresh(): Promise<void> {
    const root = this.options.root();
    await this.turns.take(async () => {
      if (root === undefined) this.entries = [];
      else
        await this.problems.guard(stateFile(root), 'models', async () => {
          this.entries = (await readState(root)).models;
          await this.readAdapters();
        });
      this.changes.fire();
    });
    if (root === undefined) return;
    this.reasons.clear();
    for (const { path } of this.list()) await this.inspectAgain(path);
    await this.compare();
  }

  /** Something has written the state file: where it was somebody else, it is read again. */
  async stateChanged(): Promise<void> {
    await this.settled();
    const root = this.options.root();
    if (root === undefined) return;
    const state = await readState(root).catch(() => undefined);
    const isKnown = this.problems.get(stateFile(root)) === undefined && isDeepStrictEqual(state?.models, this.entries);
    if (!isKnown) await this.refresh();
  }

  /** The runs have changed, and with them the adapters. */
  redraw(): void {
    this.changes.fire();
    void this.compare();
  }

  /**
   * Why an adapter does not fit; asks the engine if nobody has. What cannot be looked at is for who uses it to report.
   */
  async whyNot(model: string, adapter: string): Promise<string | null> {
    const key = keyOf(model, adapter);
    const known = this.reasons.get(key);
    if (known !== undefined) return known;
    const fits = this.options.fits?.(model, adapter);
    const reason = await Promise.resolve(fits ?? null).catch(() => undefined);
    this.reasons.set(key, reason);
    return reason ?? null;
  }

  /** Looks at the adapters that nobody has looked at. */
  private async compare(): Promise<void> {
    let isNew = false;
    for (const { path, problem, adapters } of this.list())
      for (const { path: adapter, role } of adapters) {
        if (problem !== undefined || role === null || this.reasons.has(keyOf(path, adapter))) continue;
        isNew = (await this.whyNot(path, adapter)) !== null || isNew;
      }
    if (isNew) this.changes.fire();
  }

  /** Asks the engine; what is known stays until it has answered, or another has asked since. */
  async inspectAgain(path: string): Promise<void> {
    const asked = Symbol(path);
    this.asked.set(path, asked);
    const info = await this.options.inspect(path).catch((thrown: unknown) => {
      const { kind, place = path, ...said } = errorData(thrown);
      // It stands beside the model's own path.
      const inside = place === path ? undefined : place.replace(`${path}${sep}`, '');
      return { problem: errorText({ ...said, place: inside }), failed: kind === 'failed' };
    });
    if (this.asked.get(path) !== asked) return;
    const before = this.infos.get(path);
    this.infos.set(path, info);
    if (before && !isDeepStrictEqual({ ...before, adapters: [] }, { ...info, adapters: [] })) this.isOther(path);
    this.changes.fire();
  }

  /** Looks once more at models that the engine did not come to look at: a person tries again. */
  async inspectFailed(): Promise<void> {
    for (const [path, info] of this.infos) if ('failed' in info && info.failed) await this.inspectAgain(path);
  }

  private isOther(path: string): void {
    this.versions.set(path, this.version(path) + 1);
    this.versionChanges.fire(path);
  }

  /**
   * Files in the folders of models or adapters, or models themselves, or what they lie in, have come, changed or gone.
   */
  async filesChanged(files: readonly string[]): Promise<void> {
    const isIn = (path: string): boolean => files.some((file) => dirname(file) === path || isWithin(path, file));
    const models = this.list();
    const changed = models
      .map(({ path }) => path)
      .filter((path) => isIn(path) || files.some((file) => wholeOf(file) === wholeOf(path)));
    const adapters = models.flatMap((model) =>
      model.adapters
        .filter(({ path }) => isIn(path) || isIn(join(path, 'adapter')))
        .map(({ path }) => ({ model, path })),
    );
    if (changed.length === 0 && adapters.length === 0) return;
    if (changed.length > 0) this.reasons.clear();
    for (const { model, path } of adapters) this.reasons.delete(keyOf(model.path, path));
    for (const path of changed) this.isOther(path);
    if (adapters.length > 0) await this.turns.take(() => this.readAdapters());
    for (const path of new Set([...changed, ...adapters.map(({ model }) => model.path)])) await this.inspectAgain(path);
    await this.compare();
  }

  /** Adds a model; the engine says whether it can be used. One that is there already stays as it is. */
  async add(path: string): Promise<Model> {
    const root = this.requireRoot();
    await this.edit((models) => listModel(models, root, path));
    await this.inspectAgain(path);
    return this.require(path);
  }

  /** Takes the model out of the view; its files stay. */
  async remove(path: string): Promise<void> {
    const root = this.requireRoot();
    await this.edit((models) => {
      const index = models.findIndex((m) => fromStatePath(root, m.path) === path);
      const [removed] = index < 0 ? [] : models.splice(index, 1);
      const adapters = removed?.adapters.map((one) => ({ ...one, attached: false })) ?? [];
      if (removed && adapters.length > 0) models.push({ ...removed, adapters, removed: true });
    });
  }

  /** Attaches or detaches an adapter; one that is not listed yet is added. */
  async attach(model: string, adapter: string, attached: boolean, scale?: number): Promise<void> {
    const root = this.requireRoot();
    const known = this.require(model).adapters.find((a) => sameAdapter(a.path, adapter));
    const path = known?.path ?? adapter;
    await this.edit((models) => {
      const entry = models.find((m) => fromStatePath(root, m.path) === model);
      if (!entry) throw notAdded(model);
      const old = entry.adapters.find((a) => sameAdapter(fromStatePath(root, a.path), path));
      if (old) Object.assign(old, { attached, scale: scale ?? old.scale });
      else entry.adapters.push({ path: toStatePath(root, path), attached, scale: scale ?? 1 });
    });
  }

  dispose(): void {
    this.changes.dispose();
    this.versionChanges.dispose();
  }

  private require(path: string): Model {
    const model = this.get(path);
    if (!model) throw notAdded(path);
    return model;
  }

  private requireRoot(): string {
    const root = this.options.root();
    if (root === undefined) throw noFolder();
    return root;
  }

  /** Resolves when what was asked for until now is done: what comes next works with it. */
  settled(): Promise<void> {
    return this.turns.settled();
  }

  private edit(change: (models: ModelEntry[]) => void): Promise<void> {
    return this.turns.take(() => this.apply(change));
  }

  private async apply(change: (models: ModelEntry[]) => void): Promise<void> {
    this.entries = (await changeState(this.requireRoot(), ({ models }) => change(models))).models;
    await this.readAdapters();
    this.changes.fire();
  }

  private async readAdapters(): Promise<void> {
    const root = this.requireRoot();
    const paths = this.entries.flatMap((entry) => entry.adapters.map((a) => fromStatePath(root, a.path)));
    for (const path of paths) {
      const facts = await adapterFacts(path).catch((error: unknown) => ({ reason: errorText(errorData(error)) }));
      if (facts) this.facts.set(path, facts);
      else this.facts.delete(path);
    }
  }

  private model(root: string, entry: ModelEntry): Model {
    const path = fromStatePath(root, entry.path);
    const known = this.infos.get(path);
    const info = known && !('problem' in known) ? known : undefined;
    const adapters: Adapter[] = [];
    const add = (from: Partial<Adapter> & { path: string }): void => {
      const old = adapters.find((a) => sameAdapter(a.path, from.path));
      // A run knows better than what was read of its folder at some time.
      if (old) Object.assign(old, definedOnly(from), old.run && { precision: old.precision }, { path: old.path });
      else
        adapters.push({
          name: adapterName(from.path),
          role: null,
          rank: null,
          reason: null,
          attached: false,
          scale: 1,
          ...from,
        });
    };
    for (const a of info?.adapters ?? [])
      add({ path: a.path, name: a.name, role: a.role, rank: a.rank, reason: a.reason });
    const runs: Run[] = [];
    for (const run of this.options.runs()) {
      const made = adapterOf(run);
      if (!made || modelPath(run) !== path) continue;
      add({ ...made, run: run.folder });
      runs.push(run);
    }
    for (const a of entry.adapters) {
      const adapter = stateAdapter(root, a);
      add({ ...(this.facts.get(adapter.path) ?? { reason: t('its folder is gone') }), ...adapter });
    }
    for (const a of adapters) a.reason ??= this.reasons.get(keyOf(path, a.path)) ?? null;
    // In the same order whatever was trained last: tasks first, then by name.
    const rank = (a: Adapter): number => (a.role === 'security' ? 1 : 0);
    adapters.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name) || (a.path < b.path ? -1 : 1));
    toldApart(adapters, runOf);
    const problem = known && 'problem' in known ? known.problem : info && !info.supported ? info.reason : null;
    const [newest] = newestFirst(runs);
    const precision = newest?.manifest?.precision;
    return { path, name: entry.name, adapters, info, problem: problem ?? undefined, precision };
  }
}

/**
 * The adapter that a run made and that is whole; undefined for full fine-tuning, evaluations and runs that made none.
 */
export function adapterOf(
  run: Run,
): { path: string; name: string; role: 'task' | 'security'; precision?: Precision } | undefined {
  const { role, precision } = run.manifest ?? {};
  if (!role || isRunning(run) || !run.result || basename(run.result) !== 'adapter') return undefined;
  // A vector without the end of its run has nothing to compare rows with, or to hold.
  if (role === 'security' && run.manifest?.outcome !== 'finished') return undefined;
  return { path: run.result, name: run.name, role, precision };
}

/** Where an adapter of a run lies is called alike in all of them. */
const runOf = (adapter: string): string => (basename(adapter) === 'adapter' ? dirname(adapter) : adapter);

const keyOf = (model: string, adapter: string): string => JSON.stringify([model, adapter]);

/** What a part of a GGUF file is a part of: a model in parts is named by the first. */
const wholeOf = (file: string): string => file.replace(/-\d{5}(?=-of-\d{5}\.gguf$)/i, '');

/** A run folder and the adapter folder in it name the same adapter. */
export function sameAdapter(a: string, b: string): boolean {
  const bare = (path: string): string =>
    path.endsWith(`${sep}adapter`) ? path.slice(0, -`${sep}adapter`.length) : path;
  return bare(a) === bare(b);
}

/** A security vector that is attached outside training makes the model do what it is meant to prevent. */
export const isDanger = (adapter: Pick<Adapter, 'role' | 'attached'>): boolean =>
  adapter.attached && adapter.role === 'security';

const stateAdapter = (root: string, entry: AdapterEntry): Partial<Adapter> & { path: string } => ({
  path: fromStatePath(root, entry.path),
  attached: entry.attached,
  scale: entry.scale,
});

export const notAdded = (path: string): Error =>
  inputError(t('this model is not in the workspace.'), { place: path, remedy: t('Add it first.') });

function definedOnly<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as Partial<T>;
}
