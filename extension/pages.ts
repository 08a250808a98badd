/** The pages, and what they may ask of the rest. */
import type * as vscode from 'vscode';
import { chooseReading } from './commands/dataSource.js';
import { addEvaluationRow } from './commands/evaluationRow.js';
import { exportLabels, judgeAgain, labelAnswers } from './commands/judgeAgain.js';
import { confirmDanger, setAttached } from './commands/models.js';
import { modelStates } from './commands/modelStates.js';
import { pauseQueue } from './commands/queue.js';
import { openFolder, openRecipe, openReport, startAgain, startRecipe, stopRun } from './commands/runs.js';
import { saveCleaned, saveFine } from './commands/saveCleaned.js';
import { scan } from './commands/scan.js';
import { openData } from './data/openData.js';
import { setting } from './host/settings.js';
import { ChatPanels } from './panels/chatPanel.js';
import { ComparePanels } from './panels/comparePanel.js';
import { RunPanels } from './panels/runPanel.js';
import { TriagePanels } from './panels/triagePanel.js';
import { LabelQueue } from './runs/labels.js';
import { canResume } from './runs/run.js';
import { vectorsFor } from './services/choice.js';
import type { Services } from './services/services.js';
import { TrainingView } from './views/training.js';
import { precisionWith } from './workspace/precision.js';
import type { Remembered } from './host/sharedMemory.js';

export type Own = <T extends vscode.Disposable>(part: T) => T;
type OnBug = (error: unknown) => void;
type Pages = 'runPanels' | 'chatPanels' | 'triagePanels' | 'comparePanels';
type Parts = Omit<Services, Pages>;

export function createPages(services: Parts, memento: Remembered, onBug: OnBug, own: Own): Pick<Services, Pages> {
  const { extension, store, notices } = services;
  const runPanels = own(createRunPanels(services, onBug));
  return {
    runPanels,
    comparePanels: own(new ComparePanels(extension, store, { openRun: (run) => runPanels.show(run), notices, onBug })),
    chatPanels: own(createChatPanels(services, memento, onBug)),
    triagePanels: own(createTriagePanels(services, onBug)),
  };
}

function createRunPanels(services: Parts, onBug: OnBug): RunPanels {
  const { extension, store, runner, openWalkthrough } = services;
  const labels = new LabelQueue((run, answers) => labelAnswers(services, run, answers));
  const panels: RunPanels = new RunPanels(extension, store, {
    stop: (folder) => stopRun(services, folder),
    resume: (folder) => runner.resume(folder),
    // Answered when it has begun: the page shows the rest. The recipe may name another folder by now.
    runAgain: async (folder) => {
      const { run } = await startAgain(services, folder);
      if (run.folder !== folder) await panels.show(run.folder);
    },
    openRecipe: (run) => openRecipe(services, { run }),
    openReport: (run) => openReport(services, { run }),
    openFolder,
    openRun: (run) => panels.show(run),
    label: (run, answer) => labels.add(run, answer),
    judgeAgain: (run) => judgeAgain({ ...services, runPanels: panels }, { run }),
    exportLabels: (run) => exportLabels(services, { run }),
    openWalkthrough,
    onBug,
  });
  return panels;
}

function createChatPanels(services: Parts, memento: Remembered, onBug: OnBug): ChatPanels {
  const { extension, models, engine, store, openWalkthrough, assertTrusted } = services;
  return new ChatPanels({
    extension,
    models,
    engine,
    memento,
    actions: {
      attach: (model, adapter, attached) => setAttached(services, { model, adapter }, attached),
      states: (model) => modelStates(model, store.list()),
      vector: (model) => vectorsFor(services, model)[0],
      confirmDanger: (name) => confirmDanger({ name, role: 'security' }),
      addRow: (model, said) => addEvaluationRow(services, model, said),
      openWalkthrough,
      assertTrusted,
      maxNewTokens: () => setting('chatMaxNewTokens'),
      device: () => setting('device'),
      onBug,
    },
  });
}

/** The panel of a fine-tuning recipe. */
export function createTrainingView(
  services: Services,
  memento: vscode.Memento,
  shared: Remembered,
  onBug: OnBug,
): TrainingView {
  const { runner, runPanels, openWalkthrough, assertTrusted } = services;
  return new TrainingView(services, memento, shared, {
    start: (file) => startRecipe(services, file),
    stop: (folder) => stopRun(services, folder),
    move: (folder, to) => runner.move(folder, to),
    pauseQueue: (paused) => pauseQueue(services, paused),
    resume: (folder) => runner.resume(folder),
    runAgain: (folder) => startAgain(services, folder),
    resumeAwaited: async (folder) => {
      const awaited = runner.awaited(folder);
      if (!awaited) return undefined;
      return canResume(awaited) ? runner.resume(awaited.folder) : startAgain(services, awaited.folder);
    },
    openRecipe: (run) => openRecipe(services, { run }),
    openRun: (folder) => runPanels.show(folder),
    readAs: (file, model) => chooseReading(services, file, model),
    attach: (model, adapter, attached) => setAttached(services, { model, adapter }, attached),
    openWalkthrough,
    assertTrusted,
    onBug,
  });
}

function createTriagePanels(services: Parts, onBug: OnBug): TriagePanels {
  const { extension, models, scans, reviews, engine, assertTrusted } = services;
  const panels: TriagePanels = new TriagePanels({
    extension,
    scans,
    reviews,
    engine,
    actions: {
      assertTrusted,
      open: openData,
      saveCleaned: (file) => saveCleaned(services, { file }),
      saveFine: (file) => saveFine(services, { file }),
      scan: (file) => scan({ ...services, triagePanels: panels }, { file }),
      computing: (model, vector) => ({
        device: setting('device'),
        precision: precisionWith(models.get(model), [{ path: vector }]),
      }),
      onBug,
    },
  });
  return panels;
}
