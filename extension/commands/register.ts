import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import { COMMANDS, type CommandName } from '../host/contributions.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import { errorData } from '../host/errors.js';
import type { Services } from '../services/services.js';
import { commandArgument } from './arguments.js';
import { clearCache } from './cache.js';
import { downloadModel, setHubToken } from './download.js';
import { countData } from './countData.js';
import { combine } from './combine.js';
import { evaluate } from './evaluate.js';
import { previewData } from './previewData.js';
import { useData } from './useData.js';
import { addAdapter, addModel, chat, exportAdapter, removeModel, setAttached } from './models.js';
import { archiveRuns, compareRuns, deleteRuns, duplicateRun, renameRun, tagRuns, trainLonger } from './manageRuns.js';
import {
  openInBrowser,
  openRecipe,
  openReport,
  openRun,
  resume,
  runAgain,
  runRecipe,
  showAnswers,
  stop,
} from './runs.js';
import { exportLabels, judgeAgain } from './judgeAgain.js';
import { openSample } from './sample.js';
import { decide, review } from './review.js';
import { saveCleaned, saveFine } from './saveCleaned.js';
import { clearScan, scan } from './scan.js';
import { publish } from './publish.js';
import { moveDown, moveUp, pauseQueue } from './queue.js';
import { trainPublic } from './publicSets.js';
import { fineTune, trainVector } from './training.js';

type Handlers = { [K in CommandName]: (services: Services, argument: CommandArguments[K]) => unknown };

const HANDLERS = {
  openSample,
  openWalkthrough: ({ openWalkthrough }) => openWalkthrough(),
  addModel,
  downloadModel,
  setHubToken,
  clearCache,
  removeModel,
  addAdapter,
  trainPublic,
  trainVector,
  fineTuneProtected: (services, argument) => fineTune(services, argument, true),
  fineTunePlain: (services, argument) => fineTune(services, argument, false),
  evaluate,
  scan,
  previewData,
  countData,
  useData,
  clearScan,
  saveCleaned,
  saveFine,
  review,
  decide,
  runRecipe,
  attach: (services, argument) => setAttached(services, argument, true),
  detach: (services, argument) => setAttached(services, argument, false),
  chat,
  exportAdapter,
  combine,
  publish,
  stop,
  resume,
  runAgain,
  openRecipe,
  openRun,
  openReport,
  openInBrowser,
  showAnswers,
  judgeAgain,
  exportLabels,
  compareRuns,
  renameRun,
  tagRuns,
  archiveRuns,
  showArchived: ({ archive }) => archive.show(true),
  hideArchived: ({ archive }) => archive.show(false),
  deleteRuns,
  duplicateRun,
  trainLonger,
  moveUp,
  moveDown,
  pauseQueue: (services) => pauseQueue(services, true),
  continueQueue: (services) => pauseQueue(services, false),
  showLog: ({ log }) => log.show(),
  refresh: async ({ files, inspector, models, tokens }) => {
    for (const counts of [inspector, tokens]) counts.countFailed();
    await files.scan();
    await models.refresh();
  },
} satisfies Handlers;
const handlers: Handlers = HANDLERS;

/** What a command answers to whoever called it, unless it fails: then `{ error }`. */
export type CommandResults = { [K in CommandName]: Awaited<ReturnType<(typeof HANDLERS)[K]>> };

/** Registers every command; an error is shown once, here, and is also the answer to whoever called the command. */
export function registerCommands(services: Services): Disposable {
  const disposables = new Disposables();
  const register = <K extends CommandName>(name: K): Disposable =>
    vscode.commands.registerCommand(COMMANDS[name], async (argument?: unknown, more?: unknown) => {
      try {
        return await handlers[name](services, commandArgument(name, argument, more));
      } catch (error) {
        services.notices.error(error);
        return { error: errorData(error) };
      }
    });
  for (const name of Object.keys(COMMANDS) as CommandName[]) disposables.add(register(name));
  return disposables;
}
