import * as vscode from 'vscode';
import { COMMANDS, type CommandName } from '../host/contributions.js';
import { Disposables, type Disposable } from '../host/disposable.js';
import { errorData } from '../host/errors.js';
import type { Services } from '../services/services.js';
import { downloadModel, setHubToken } from './download.js';
import { evaluate } from './evaluate.js';
import { addAdapter, addModel, chat, exportAdapter, removeModel, setAttached } from './models.js';
import { openRecipe, openReport, openRun, resume, runAgain, runRecipe, showAnswers, stop } from './runs.js';
import { openSample } from './sample.js';
import { clearScan, scan } from './scan.js';
import { fineTune, trainVector } from './training.js';

type Handler = (services: Services, argument?: unknown, more?: unknown) => unknown;

const HANDLERS: Record<CommandName, Handler> = {
  openSample,
  openWalkthrough: ({ openWalkthrough }) => openWalkthrough(),
  addModel,
  downloadModel,
  setHubToken,
  removeModel,
  addAdapter,
  trainVector,
  fineTuneProtected: (services, argument) => fineTune(services, argument, true),
  fineTunePlain: (services, argument) => fineTune(services, argument, false),
  evaluate,
  scan,
  clearScan,
  runRecipe,
  attach: (services, argument, more) => setAttached(services, argument, true, more),
  detach: (services, argument) => setAttached(services, argument, false),
  chat,
  exportAdapter,
  stop,
  resume,
  runAgain,
  openRecipe,
  openRun,
  openReport,
  showAnswers,
  showLog: ({ log }) => log.show(),
  refresh: async ({ files, models }) => {
    await files.scan();
    await models.refresh();
  },
};

/** Registers every command; an error is shown once, here, and is also the answer to whoever called the command. */
export function registerCommands(services: Services): Disposable {
  const disposables = new Disposables();
  for (const [name, handler] of Object.entries(HANDLERS)) {
    const id = COMMANDS[name as CommandName];
    disposables.add(
      vscode.commands.registerCommand(id, async (argument?: unknown, more?: unknown) => {
        try {
          return await handler(services, argument, record(more));
        } catch (error) {
          services.notices.error(error);
          return { error: errorData(error) };
        }
      }),
    );
  }
  return disposables;
}

/** Menus pass the list of selected resources as second argument; only an object is meant for the handler. */
const record = (more: unknown): unknown => (Array.isArray(more) ? undefined : more);
