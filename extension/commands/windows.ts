/** What a window takes of others that have ended, and what it shows of those that have not. */
import * as vscode from 'vscode';
import type { Disposable } from '../host/disposable.js';
import type { WindowMemory } from '../host/windowMemory.js';
import { WORK } from '../host/workAtHand.js';
import type { Run } from '../runs/run.js';
import type { Services } from '../services/services.js';
import { findJobs, JOBS } from './cluster.js';
import { cutOffRuns, tellCutOff } from './cutOff.js';
import { keepQueue, QUEUE, showOthers } from './queue.js';

/** Resolves when it has looked for the first time. In a workspace that is not trusted it looks when that is. */
export async function followWindows(
  services: Pick<Services, 'notices' | 'runner' | 'store'>,
  memory: WindowMemory,
  tellCutOffRun: (run: Run) => void,
  own: (part: Disposable) => unknown,
): Promise<void> {
  const { notices, store } = services;
  const queue = keepQueue(services, memory);
  const jobs = findJobs(services, memory, notices.error);
  const runs = cutOffRuns(store, tellCutOffRun);
  for (const part of [queue, jobs, runs]) own(part);
  const follow = (): Promise<void> =>
    memory.follow(
      async (kept, atBeginning) => {
        // First: a run of the queue that goes on from a checkpoint is not taken for a job that was cut off.
        const begun = await queue.take(kept[QUEUE], atBeginning);
        await jobs.take(kept[JOBS]);
        runs.take(begun);
        tellCutOff(services, kept[WORK]);
      },
      (others) => showOthers(store, others),
    );
  if (vscode.workspace.isTrusted) await follow();
  else own(vscode.workspace.onDidGrantWorkspaceTrust(follow));
}
