/** The ids that package.json contributes, once. A test compares this file with package.json. */
import type { WalkthroughTopic } from '../../webview/protocol/run.js';

export const COMMANDS = {
  openSample: 'securityVectors.openSample',
  openWalkthrough: 'securityVectors.openWalkthrough',
  addModel: 'securityVectors.addModel',
  downloadModel: 'securityVectors.downloadModel',
  setHubToken: 'securityVectors.setHubToken',
  clearCache: 'securityVectors.clearCache',
  removeModel: 'securityVectors.removeModel',
  addAdapter: 'securityVectors.addAdapter',
  trainPublic: 'securityVectors.trainPublic',
  trainVector: 'securityVectors.trainVector',
  fineTuneProtected: 'securityVectors.fineTuneProtected',
  fineTunePlain: 'securityVectors.fineTunePlain',
  evaluate: 'securityVectors.evaluate',
  scan: 'securityVectors.scan',
  previewData: 'securityVectors.previewData',
  countData: 'securityVectors.countData',
  useData: 'securityVectors.useData',
  clearScan: 'securityVectors.clearScan',
  saveCleaned: 'securityVectors.saveCleaned',
  saveFine: 'securityVectors.saveFine',
  review: 'securityVectors.review',
  decide: 'securityVectors.decide',
  runRecipe: 'securityVectors.runRecipe',
  attach: 'securityVectors.attach',
  detach: 'securityVectors.detach',
  chat: 'securityVectors.chat',
  exportAdapter: 'securityVectors.exportAdapter',
  combine: 'securityVectors.combine',
  publish: 'securityVectors.publish',
  stop: 'securityVectors.stop',
  resume: 'securityVectors.resume',
  runAgain: 'securityVectors.runAgain',
  openRecipe: 'securityVectors.openRecipe',
  openRun: 'securityVectors.openRun',
  openReport: 'securityVectors.openReport',
  openInBrowser: 'securityVectors.openInBrowser',
  showAnswers: 'securityVectors.showAnswers',
  judgeAgain: 'securityVectors.judgeAgain',
  exportLabels: 'securityVectors.exportLabels',
  compareRuns: 'securityVectors.compareRuns',
  renameRun: 'securityVectors.renameRun',
  tagRuns: 'securityVectors.tagRuns',
  archiveRuns: 'securityVectors.archiveRuns',
  showArchived: 'securityVectors.showArchived',
  hideArchived: 'securityVectors.hideArchived',
  deleteRuns: 'securityVectors.deleteRuns',
  duplicateRun: 'securityVectors.duplicateRun',
  trainLonger: 'securityVectors.trainLonger',
  moveUp: 'securityVectors.moveUp',
  moveDown: 'securityVectors.moveDown',
  pauseQueue: 'securityVectors.pauseQueue',
  continueQueue: 'securityVectors.continueQueue',
  showLog: 'securityVectors.showLog',
  refresh: 'securityVectors.refresh',
} as const;
export type CommandName = keyof typeof COMMANDS;

export const VIEWS = {
  training: 'securityVectors.training',
  models: 'securityVectors.models',
  data: 'securityVectors.data',
  runs: 'securityVectors.runs',
} as const;

/** Values of `viewItem` in `when` clauses. */
export const ITEMS = {
  model: 'model',
  /** It can only be removed. */
  modelRefused: 'model.refused',
  taskAttached: 'adapter.task.attached',
  taskDetached: 'adapter.task.detached',
  vectorAttached: 'adapter.security.attached',
  vectorDetached: 'adapter.security.detached',
  data: 'data',
  dataScanned: 'data.scanned',
  evaluationSet: 'evaluationSet',
  runLive: 'run.live',
  /** It waits for the run at work to end. */
  runQueued: 'run.queued',
  /** Another process works on it: nothing can be done but look. */
  runElsewhere: 'run.elsewhere',
  pointElsewhere: 'run.elsewhere.point',
  runDone: 'run.done',
  /** With answers that can be judged. */
  answersDone: 'run.done.answers',
  /** With points whose answers can be. */
  sweepDone: 'run.done.sweep',
  /** A point of a sweep: only that runs it again, and it goes to the trash with it. */
  pointDone: 'run.point',
  answersOfPoint: 'run.point.answers',
  /** One whose sweep is gone, or that was to replace one. */
  pointAlone: 'run.point.alone',
  answersOfPointAlone: 'run.point.alone.answers',
  runResumable: 'run.resumable',
  /** Of a kind that has answers: some may be there already. */
  answersResumable: 'run.resumable.answers',
  sweepResumable: 'run.resumable.sweep',
  /** Failed before its first step. */
  runFailed: 'run.failed',
  /** A file that cannot be read; nothing can be done but open it. */
  problem: 'problem',
} as const;

export const PANELS = {
  run: 'securityVectors.run',
  chat: 'securityVectors.chat',
  triage: 'securityVectors.triage',
  compare: 'securityVectors.compare',
  report: 'securityVectors.report',
} as const;

/** Keys of `setContext`. */
export const CONTEXTS = {
  running: 'securityVectors.running',
  hasModel: 'securityVectors.hasModel',
  /** Paths of the data files that are listed. */
  dataFiles: 'securityVectors.dataFiles',
  /** Paths of the recipes, also of those that cannot be read. */
  recipes: 'securityVectors.recipes',
  queuePaused: 'securityVectors.queuePaused',
  archivedShown: 'securityVectors.archivedShown',
} as const;

export const CONFIGURATION = 'securityVectors';
export const WALKTHROUGH = 'securityVectors.start';
/** Keys of `setContext` that tick steps of the walkthrough, by the id of the step. */
export const DONE = {
  sample: 'securityVectors.sampleDone',
  vector: 'securityVectors.vectorDone',
  scan: 'securityVectors.scanDone',
  protect: 'securityVectors.protectDone',
  compare: 'securityVectors.compareDone',
  attach: 'securityVectors.attachDone',
} as const;
/** The step of the walkthrough that explains a part of a page. */
export const STEPS: Record<WalkthroughTopic, string> = {
  'harmful-loss': 'protect',
  'benign-loss': 'protect',
  gradients: 'protect',
  table: 'compare',
  danger: 'attach',
};
