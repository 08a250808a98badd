/** Runs of the sample workspace on a cluster that the fake Jobs server plays. */
import { readFile } from 'node:fs/promises';
import { after, beforeEach } from 'node:test';
import { runRecipe, type RunOptions } from '../../runtime/calls/run.js';
import { errorData } from '../../runtime/support/errors.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import { sampleWorkspace, type Workspace } from '../calls/support.js';
import { faultless, rayServer, type RayServer } from '../support/rayServer.js';

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

/** Starts the server for the tests of a file; each test begins without jobs, without faults and with another output. */
export async function useCluster(): Promise<ClusterTests> {
  const workspace = await sampleWorkspace();
  const server = await rayServer(faultless);
  let runs = 0;
  after(async () => {
    await server.close();
    await workspace.remove();
  });
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
      workspace.recipe('plain.json', {
        data: { file: '../data/train.jsonl', limit: 24 },
        evaluate: [],
        epochs: undefined,
        steps: STEPS,
        evaluateEvery: 2,
        output: `../out/${runs}`,
        on: { ray: server.address, model: '/models/tiny', workers: 2, gpu: 0, storage: '/shared', ...on },
        ...change,
      }),
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
