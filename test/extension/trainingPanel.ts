/** The training panel with the sample, for tests: requests in, states and the recipe's file out. */
import './fake/useFakeVscode.js';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { HostMessage, Outcome } from '../../webview/protocol/envelope.js';
import type { TrainingPageEvent, TrainingPageRequest } from '../../webview/protocol/training.js';
import type { Estimate } from '../../runtime/contract/estimate.js';
import { DataInspector } from '../../extension/data/files.js';
import { Problems } from '../../extension/data/problems.js';
import type { ReviewChange, Reviews } from '../../extension/data/reviews.js';
import { Scans } from '../../extension/data/scans.js';
import { Emitter } from '../../extension/host/disposable.js';
import { inputError } from '../../extension/host/errors.js';
import { Estimates } from '../../extension/runs/estimates.js';
import { createRun } from '../../extension/runs/run.js';
import { RunStore } from '../../extension/runs/store.js';
import { WorkspaceModels } from '../../extension/workspace/models.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import type { TrainingActions } from '../../extension/views/training.js';
import { memory } from './fake/memory.js';
import { commands, fake, Uri, workspace } from './fake/vscode.js';
import { temporary } from './support.js';

const { TrainingView } = await import('../../extension/views/training.js');

const expected: Estimate = {
  memory: { weights: 3e8, adapters: 1e6, moments: 1e6, activations: 5e7, logits: 1e7, program: 4e7 },
  peakBytes: [0.36e9, 0.44e9],
  limitBytes: 20e9,
  fits: true,
  steps: 216,
  stepSeconds: [0.15, 0.25],
  seconds: [32, 50],
  usefulTokens: 0.93,
  measured: true,
};

const SAMPLE = join(import.meta.dirname, '../../media/sample');

/** The sample with a vector, and its panel; `kept` is the memory of the workspace. */
export async function opened(
  t: TestContext,
  {
    trusted = true,
    kept = new Map<string, unknown>(),
    written = ['paper', 'plain', 'protected', 'vector'],
    adapters = undefined as { role: string; path: string; reason: string | null }[] | undefined,
    /** Further models than the one with `adapters`. */
    models = [] as { path: string; name: string; adapters: object[] }[],
    readAs = (async () => ({})) as TrainingActions['readAs'],
    /** Names of data files about whose rows somebody has decided. */
    reviewed = [] as string[],
    /** Reviews that are read from files; undefined: those of `reviewed`. */
    reviews = undefined as ((problems: Problems) => Reviews) | undefined,
  } = {},
) {
  const root = await temporary(t);
  for (const folder of ['recipes', 'data']) await cp(join(SAMPLE, folder), join(root, folder), { recursive: true });
  for (const folder of ['tiny-assistant', 'vectors/forbidden-topic'])
    await mkdir(join(root, folder), { recursive: true });
  workspace.isTrusted = trusted;
  workspace.textDocuments = [];
  t.after(() => {
    workspace.isTrusted = true;
    workspace.textDocuments = [];
  });
  const store = new RunStore();
  const recipes = new RecipeIndex();
  const at = (name: string): string => join(root, `recipes/${name}.json`);
  for (const name of written) await recipes.read(at(name));
  const problems = new Problems();
  const done: string[] = [];
  const bugs: unknown[] = [];
  const note = (name: string) => async (argument: string) => void done.push(`${name} ${argument}`);
  const awaited = { ...createRun('/w/adapters/x', 'x'), hasCheckpoint: true, recipe: {} };
  awaited.progress.state = 'interrupted';
  const queue = { paused: false, changes: new Emitter<void>() };
  const actions: TrainingActions = {
    ...{ start: note('start'), stop: note('stop'), resume: note('resume'), runAgain: note('runAgain') },
    resumeAwaited: note('resumeAwaited'),
    move: (folder, to) => done.push(`move ${folder} ${to}`),
    pauseQueue: (paused) => {
      queue.paused = paused;
      queue.changes.fire();
    },
    ...{ openRecipe: note('openRecipe'), openRun: note('openRun'), attach: note('attach') },
    openWalkthrough: () => undefined,
    readAs,
    assertTrusted: () => {
      if (!workspace.isTrusted) throw inputError('not trusted');
    },
    onBug: (error) => bugs.push(error),
  };
  const parts = {
    estimates: new Estimates(
      async () => expected,
      () => workspace.isTrusted,
    ),
    extension: Uri.file('/extension'),
    runner: {
      get paused() {
        return queue.paused;
      },
      awaited: (folder: string) => store.get(folder)?.awaits && awaited,
      onDidChangeQueue: queue.changes.event,
    },
    files: { onDidChange: new Emitter<void>().event, dataFiles: () => [join(root, 'data/train.jsonl')] },
    inspector: new DataInspector(() => Promise.reject(inputError('not asked'))),
    models: adapters
      ? {
          onDidChange: new Emitter<void>().event,
          list: () => [{ path: join(root, 'tiny-assistant'), name: 'tiny', adapters }, ...models],
        }
      : new WorkspaceModels({ root: () => root, inspect: () => Promise.reject(new Error()), runs: () => [] }),
    ...{ problems, recipes, store, scans: new Scans(() => [root]) },
    mappings: { get: () => undefined, onDidChange: new Emitter<string>().event },
    reviews: reviews?.(problems) ?? {
      onDidChange: new Emitter<ReviewChange>().event,
      require: async () => undefined,
      look: async () => undefined,
      get: (data: string) => new Map(reviewed.includes(basename(data)) ? [['h1', 'exclude']] : []),
      counts: (data: string) => ({ exclude: reviewed.includes(basename(data)) ? 1 : 0, fine: 0, unsure: 0 }),
    },
  };
  /** Commands of the extension that were called. */
  const called: [name: string, argument: unknown][] = [];
  const execute = commands.executeCommand;
  commands.executeCommand = async (name: string, argument: unknown) => void called.push([name, argument]);
  t.after(() => (commands.executeCommand = execute));
  const view = new TrainingView(parts as never, memory(kept), memory(kept), actions);
  const events: TrainingPageEvent[] = [];
  const outcomes = new Map<number, Outcome>();
  let receive: (message: unknown) => unknown = () => undefined;
  const nothing = { dispose: () => undefined };
  fake.viewProvider!.resolveWebviewView({
    visible: true,
    title: 'Training',
    onDidChangeVisibility: () => nothing,
    onDidDispose: () => nothing,
    webview: {
      cspSource: '',
      asWebviewUri: (uri: unknown) => uri,
      onDidReceiveMessage: (listener: typeof receive) => {
        receive = listener;
        return nothing;
      },
      postMessage: async (message: HostMessage<TrainingPageEvent>) => {
        if ('event' in message) events.push(message.event);
        else outcomes.set(message.reply, message.outcome);
      },
    },
  });
  t.after(() => view.dispose());
  let id = 0;
  const ask = async (request: TrainingPageRequest): Promise<Outcome> => {
    await receive({ id: ++id, request });
    return outcomes.get(id)!;
  };
  const state = () => events.flatMap((event) => (event.type === 'state' ? [event.training] : [])).at(-1)!;
  const run = () => events.flatMap((event) => (event.type === 'run' ? [event.run] : [])).at(-1);
  await ask({ type: 'ready' });
  return {
    root,
    at,
    ask,
    state,
    run,
    events,
    store,
    recipes,
    problems,
    kept,
    called,
    done,
    bugs,
    read: (name: string) => readFile(at(name), 'utf8'),
  };
}
