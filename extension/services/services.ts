import type * as vscode from 'vscode';
import type { WalkthroughTopic } from '../../webview/protocol/run.js';
import type { DataInspector } from '../data/files.js';
import type { Mappings } from '../data/mappings.js';
import type { Reviews } from '../data/reviews.js';
import type { Scans } from '../data/scans.js';
import type { Engine } from '../engine/engine.js';
import type { Notices } from '../host/notices.js';
import type { WorkAtHand } from '../host/workAtHand.js';
import type { ChatPanels } from '../panels/chatPanel.js';
import type { TriagePanels } from '../panels/triagePanel.js';
import type { ComparePanels } from '../panels/comparePanel.js';
import type { ReportPanels } from '../panels/reportPanel.js';
import type { RunPanels } from '../panels/runPanel.js';
import type { Runner } from '../runs/runner.js';
import type { Estimates } from '../runs/estimates.js';
import type { RunStore } from '../runs/store.js';
import type { Archive } from '../workspace/archive.js';
import type { WorkspaceModels } from '../workspace/models.js';
import type { Problems } from '../data/problems.js';
import type { RecipeIndex } from '../workspace/recipes.js';
import type { WorkspaceFiles } from '../workspace/watch.js';

/** The parts of the running extension that commands and views work with. */
export interface Services {
  extension: vscode.Uri;
  log: vscode.LogOutputChannel;
  secrets: vscode.SecretStorage;
  notices: Notices;
  /** One child for short work: inspecting, scanning, chatting, exporting. Runs have children of their own. */
  engine: Engine;
  store: RunStore;
  runner: Runner;
  archive: Archive;
  models: WorkspaceModels;
  recipes: RecipeIndex;
  files: WorkspaceFiles;
  problems: Problems;
  scans: Scans;
  reviews: Reviews;
  mappings: Mappings;
  inspector: DataInspector;
  estimates: Estimates;
  /** The same with a model's tokens; it takes longer, and is asked for what is looked at. */
  tokens: DataInspector;
  runPanels: RunPanels;
  chatPanels: ChatPanels;
  triagePanels: TriagePanels;
  comparePanels: ComparePanels;
  reportPanels: ReportPanels;
  /** Throws in a workspace that is not trusted. */
  assertTrusted(): void;
  workAtHand: WorkAtHand;
  openWalkthrough(topic?: WalkthroughTopic): unknown;
}
