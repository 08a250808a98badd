import { baselineOf } from '../../runtime/contract/baselines.js';
import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { KINDS } from '../../runtime/contract/kinds.js';
import { KIND_IN_TEXT } from '../../runtime/contract/recipeFacts.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { commandLink } from '../host/commandLink.js';
import { TEXT_DATA_GLOB } from '../data/files.js';
import { hasToReview } from '../data/scans.js';
import { reviewedRows } from '../data/reviewedRows.js';
import { Disposables, Emitter, throttle, type Disposable } from '../host/disposable.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import { isPlain, recipeFacts, setFor, type RecipeFacts } from '../runs/recipe.js';
import { resultsFor } from '../runs/results.js';
import type { Services } from '../services/services.js';
import { onDidChangeSetting, setting } from '../host/settings.js';
import { t } from '../host/text.js';
import type { VerdictMarks } from './verdictMarks.js';
import { modelFor, scanModelFor, vectorsFor } from '../services/choice.js';
import { evaluationTitle, lastRunTitle, recipeTitle, reviewTitle, scanTitle } from './titles.js';

/** Files that may carry lenses; which ones do is decided by what is in the workspace. */
const FILES: vscode.DocumentSelector = [
  { scheme: 'file', pattern: TEXT_DATA_GLOB },
  { scheme: 'file', language: 'json' },
  { scheme: 'file', language: 'jsonc' },
];

type Kind =
  | { of: 'recipe' | 'lastRun'; file: string; recipe: RecipeFacts; text: string }
  | { of: 'evaluate' | 'scan' | 'review' | 'save' | 'clear'; file: string };

class Lens extends vscode.CodeLens {
  constructor(
    line: number,
    readonly kind: Kind,
  ) {
    super(new vscode.Range(line, 0, line, 0));
  }
}

/** Lenses on recipes, evaluation sets and data files: cheap where they are placed, exact where they are resolved. */
export class Lenses implements vscode.CodeLensProvider<Lens>, Disposable {
  private readonly disposables = new Disposables();
  private readonly changes = this.disposables.add(new Emitter<void>());
  readonly onDidChangeCodeLenses = this.changes.event as vscode.Event<void>;

  constructor(
    private readonly services: Pick<
      Services,
      'estimates' | 'files' | 'models' | 'recipes' | 'reviews' | 'scans' | 'store'
    >,
    private readonly verdicts: Pick<VerdictMarks, 'edited' | 'onDidChangeEdited'>,
  ) {
    const { estimates, store, models, files, scans, reviews } = services;
    const changed = this.disposables.add(throttle(() => this.changes.fire(), 300));
    // A step of a run changes no lens but the one that counts steps.
    const stepped = this.disposables.add(throttle(() => this.changes.fire(), 1000));
    const add = this.disposables.add.bind(this.disposables);
    add(store.onDidChange(({ kind, answers }) => (kind === 'append' && answers === 0 ? stepped() : changed())));
    add(verdicts.onDidChangeEdited(changed));
    add(models.onDidChange(changed));
    add(estimates.onDidChange(changed));
    add(files.onDidChange(changed));
    add(scans.onDidChange(changed));
    add(scans.onDidChangeState(changed));
    add(reviews.onDidChange(changed));
    add(onDidChangeSetting('codeLens', changed));
    add(vscode.languages.registerCodeLensProvider(FILES, this));
  }

  provideCodeLenses(document: vscode.TextDocument): Lens[] {
    if (!setting('codeLens')) return [];
    const file = document.uri.fsPath;
    const { files, recipes, scans, store } = this.services;
    if (document.languageId === 'json' || document.languageId === 'jsonc') {
      // What a run keeps of its recipe cannot be run from there.
      const run = basename(file) === RUN_FILES.recipe ? store.get(dirname(file)) : undefined;
      if (run?.manifest ?? run?.live) return [];
      const found = recipeLenses(document);
      // A lens without words would leave its line to the bar between lenses.
      const shown = ({ kind }: Lens): boolean => kind.of !== 'lastRun' || !!store.get(kind.recipe.output);
      if (found.length > 0) return found.filter(shown);
    }
    // Folders of evaluations have other JSON as well.
    if (recipes.measuring(file).length === 0 && !files.dataFiles().includes(file)) return [];
    if (!recipes.isEvaluationSet(file)) {
      const lens = new Lens(0, { of: 'scan', file });
      const scan = scans.get(file);
      if (!scan) return [lens];
      const offered = [
        ...(hasToReview(scan) ? (['review'] as const) : []),
        ...(scan.flagged > 0 ? (['save'] as const) : []),
      ];
      const found = offered.map((of) => new Lens(0, { of, file }));
      return [lens, ...found, new Lens(0, { of: 'clear', file })];
    }
    return [new Lens(0, { of: 'evaluate', file })];
  }

  resolveCodeLens(lens: Lens, token: vscode.CancellationToken): Lens | undefined {
    if (token.isCancellationRequested) return undefined;
    lens.command = this.command(lens.kind);
    return lens;
  }

  dispose(): void {
    this.disposables.dispose();
  }

  private measureOf(file: string): MeasureKind | undefined {
    return setFor(file, this.services.recipes.measuring(file))?.measure;
  }

  private command(kind: Kind): vscode.Command {
    const { estimates, store, scans } = this.services;
    const { file } = kind;
    switch (kind.of) {
      case 'recipe': {
        const { recipe, text } = kind;
        const isEstimated = KINDS[recipe.kind].trains || recipe.kind === 'sweep';
        const expected = isEstimated ? estimates.get(file, text) : undefined;
        const link = commandLink(
          'runRecipe',
          recipeTitle(recipe.kind, !isPlain(recipe), expected?.text, baselineOf(recipe.raw)),
          { file },
        );
        return expected ? { ...link, tooltip: expected.details } : link;
      }
      case 'lastRun': {
        const run = store.get(kind.recipe.output);
        if (!run) return { title: '', command: '' };
        return commandLink('openRun', lastRunTitle(run), { run: run.folder });
      }
      case 'evaluate': {
        const measure = this.measureOf(file);
        const model = modelFor(this.services, file);
        const attached = model?.adapters.filter((a) => a.attached).map((a) => a.name) ?? [];
        const name = model && [model.name, ...attached].join(' + ');
        const results = resultsFor(file, store.list(), { measure, model: model?.path });
        const title = evaluationTitle(measure, name, results, this.verdicts.edited(file));
        return commandLink('evaluate', title, { file });
      }
      case 'scan': {
        const scan = scans.get(file);
        const [vector] = vectorsFor(this.services, scanModelFor(this.services, file));
        return commandLink('scan', scanTitle(scan?.vectorName ?? vector?.name, scan, scans.since(file)), { file });
      }
      case 'review':
        return commandLink('review', reviewTitle(scans.get(file), reviewedRows(file, this.services)), { file });
      case 'save':
        return commandLink('saveCleaned', t('Save a cleaned copy'), { file });
      case 'clear':
        return commandLink('clearScan', t('Clear marks'), { file });
    }
  }
}

/** Placed on the line of "kind", so that it stands beside what it runs. */
function recipeLenses(document: vscode.TextDocument): Lens[] {
  const text = document.getText(new vscode.Range(0, 0, 200, 0));
  const kind = KIND_IN_TEXT.exec(text);
  const file = document.uri.fsPath;
  const whole = document.getText();
  const recipe = kind ? recipeFacts(whole, file) : undefined;
  if (!kind || !recipe) return [];
  const { line } = document.positionAt(kind.index);
  return (['recipe', 'lastRun'] as const).map((of) => new Lens(line, { of, file, recipe, text: whole }));
}
