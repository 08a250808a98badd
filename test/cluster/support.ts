/** Runs of the sample workspace on a cluster that the fake Jobs server plays. */
import { readFile } from 'node:fs/promises';
import { after, beforeEach } from 'node:test';
import { runRecipe, type RunOptions } from '../../runtime/calls/run.js';
import { errorData } from '../../runtime/support/errors.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import { sampleWorkspace, type Workspace } from '../calls/support.js';
import { faultless, rayServer, type RayServer, type Script } from '../support/rayServer.js';

export const PATIENCE = { pollMs: 2, awayMs: 2000, stopMs: 2000 };
export const STEPS = 4;

export interface Ran {
  done?: DoneEvent;
  error?: ErrorData;
  events: RunEvent[];
}

export interface ClusterTests {
  workspace: Workspace;
  server: RayServer;
  /** A plain fine-tuning of a few steps on the cluster, with some keys changed. */
  recipe(change?: Record<string, unknown>, on?: Record<string, unknown>): Promise<string>;
  run(file: string, options?: Partial<RunOptions>, hear?: (event: RunEvent) => void): Promise<Ran>;
  /** The output of a test, as its recipes name it. */
  output(): string;
  outputFolder(): string;
  /** For a second run in one test. */
  nextOutput(): void;
}

/** Starts the server for the tests of a file, whose jobs do as the script says. */
export async function useServer(script: Script): Promise<Pick<ClusterTests, 'workspace' | 'server' | 'recipe'>> {
  const workspace = await sampleWorkspace();
  const server = await rayServer(script);
  after(async () => {
    await server.close();
    await workspace.remove();
  });
  return {
    workspace,
    server,
    recipe: (change = {}, on = {}) =>
      workspace.recipe('plain.json', {
        data: { file: '../data/train.jsonl', limit: 24 },
        evaluate: [],
        epochs: undefined,
        on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared', ...on },
        ...change,
      }),
  };
}

/** Each test begins without jobs, without faults and with another output. */
export async function useCluster(): Promise<ClusterTests> {
  const { workspace, server, recipe } = await useServer(faultless);
  let runs = 0;
  beforeEach(() => {
    server.script = faultless;
    server.instead = () => undefined;
    server.version = '2.60.0';
    server.jobs.clear();
    server.calls.length = 0;
    runs += 1;
  });
  return {
    workspace,
    server,
    recipe: (change = {}, on = {}) =>
      recipe({ steps: STEPS, evaluateEvery: 2, output: `../out/${runs}`, ...change }, { workers: 2, ...on }),
    async run(file, options = {}, hear = () => undefined) {
      const events: RunEvent[] = [];
      const onEvent = (event: RunEvent): void => {
        events.push(event);
        hear(event);
      };
      const given = { signal: new AbortController().signal, patience: PATIENCE, ...options, onEvent };
      try {
        return { done: await runRecipe(file, given), events };
      } catch (error) {
        return { error: errorData(error), events };
      }
    },
    output: () => `../out/${runs}`,
    outputFolder: () => workspace.file('out', String(runs)),
    nextOutput: () => void (runs += 1),
  };
}

export const stepsOf = (events: readonly RunEvent[]): number[] =>
  events.flatMap((e) => (e.kind === 'step' ? [e.step] : []));
export const said = (events: readonly RunEvent[]): string =>
  events.map((e) => (e.kind === 'state' || e.kind === 'warning' ? e.message : '')).join('\n');
export const recorded = async (output: string): Promise<RunEvent[]> =>
  (await readFile(`${output}/events.jsonl`, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent);
