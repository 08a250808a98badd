import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { errorText } from '../../runtime/contract/errors.js';
import { answerOutcome, setOutcome, type TestOutcome } from '../../runtime/contract/answers.js';
import { evaluationPlace, isBusy, shortHash, type EvaluationPlace } from '../commands/evaluationPlace.js';
import { evaluateRecipe, slug, writeRecipe, type EvaluationChoice } from '../commands/recipeFiles.js';
import { rootFor } from '../commands/root.js';
import { machine } from '../commands/training.js';
import { isLines } from '../data/prompts.js';
import { readText } from '../host/checkedFile.js';
import { saveOpen } from '../host/documents.js';
import { debounce, Disposables, type Disposable } from '../host/disposable.js';
import { errorData } from '../host/errors.js';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import type { Services } from '../services/services.js';
import { translated } from '../host/strings.js';
import { t } from '../host/text.js';
import { measureName } from '../views/labels.js';
import { notAdded, type Model } from '../workspace/models.js';
import { precisionWith } from '../workspace/precision.js';
import { replaceFile, STATE_FOLDER } from '../host/state.js';
import { bringLabels } from './rowLabels.js';
import { stateName, TABLE_STRINGS } from '../../runtime/contract/table.js';
import { visibleText } from '../../runtime/contract/visible.js';
import {
  failureText,
  linesOf,
  readingOfSet,
  says,
  shortened,
  terminalText,
  testRows,
  testSets,
  type TestRow,
  type TestSet,
} from './sets.js';

const MAX_ROWS = 2000;
/** Of a larger set the engine alone knows the rows. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Evaluation sets in the Test Explorer, so that a safety regression looks like a failing test: models with what is
 * attached to them › sets › rows. What is there is looked up when the view is first shown; a run is an evaluation like
 * any other.
 */
export class SafetyTests implements Disposable {
  private readonly disposables = new Disposables();
  private readonly controller = this.disposables.add(
    vscode.tests.createTestController('securityVectors', 'Security Vectors'),
  );
  /** Of the items of sets. */
  private readonly sets = new WeakMap<vscode.TestItem, TestSet>();
  /** Folders of runs of rows that are made ready, at work or being read. */
  private readonly taken = new Set<string>();
  private shown = false;

  constructor(
    private readonly services: Pick<Services, 'assertTrusted' | 'files' | 'models' | 'recipes' | 'runner' | 'store'>,
  ) {
    const { controller, disposables } = this;
    controller.resolveHandler = async (item) => {
      if (item) return this.resolveRows(item);
      this.shown = true;
      this.resolveSets();
    };
    controller.refreshHandler = async () => {
      await services.files.scan();
      await services.models.refresh();
      this.resolveSets();
    };
    controller.createRunProfile(
      t('Evaluate'),
      vscode.TestRunProfileKind.Run,
      (request, token) => this.run(request, token),
      true,
    );
    const changed = disposables.add(debounce(() => this.shown && this.resolveSets(), 300));
    disposables.add(services.files.onDidChange(changed));
    disposables.add(services.models.onDidChange(changed));
  }

  dispose(): void {
    this.disposables.dispose();
  }

  /** Makes the items of models and sets; those that stay keep their rows and results. */
  private resolveSets(): void {
    const models = this.services.models.list();
    const sets = testSets(this.services.recipes.list(), models);
    const roots = models.flatMap((model) => {
      const own = sets.filter((set) => set.model === model.path);
      if (own.length === 0) return [];
      const root = this.controller.items.get(model.path) ?? this.controller.createTestItem(model.path, model.name);
      root.label = model.name;
      root.description = stateText(model);
      root.children.replace(own.map((set) => this.setItem(root, set)));
      return [root];
    });
    this.controller.items.replace(roots);
  }

  private setItem(root: vscode.TestItem, set: TestSet): vscode.TestItem {
    const { name, file, measure } = set.set;
    const id = `${root.id}\n${measure}\n${file}`;
    const known = root.children.get(id);
    const item = known ?? this.controller.createTestItem(id, name, vscode.Uri.file(file));
    item.label = name;
    item.description = `${measureName(measure)} · ${vscode.workspace.asRelativePath(file)}`;
    this.sets.set(item, set);
    if (isLines(file)) {
      item.canResolveChildren = true;
      if (known && known.children.size > 0) void this.resolveRows(known);
    }
    return item;
  }

  private async resolveRows(item: vscode.TestItem): Promise<void> {
    const set = this.sets.get(item);
    if (!set || !isLines(set.set.file)) return;
    const rows = await rowsOf(set, MAX_ROWS);
    item.children.replace(rows.map(({ line, prompt }) => this.rowItem(item, line, prompt)));
  }

  /** @param nth of the rows of a table or list, as several may stand in one line */
  private rowItem(item: vscode.TestItem, line: number, prompt: string, nth?: number): vscode.TestItem {
    const id = `${item.id}\n${nth === undefined ? line : `row ${nth}`}`;
    const known = item.children.get(id);
    const row =
      known?.label === prompt ? known : this.controller.createTestItem(id, prompt || t('line {0}', line), item.uri);
    row.range = new vscode.Range(line - 1, 0, line - 1, 0);
    row.sortText = String(nth ?? line).padStart(8, '0');
    return row;
  }

  private async run(request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> {
    const run = this.controller.createTestRun(request);
    try {
      if (!this.shown) this.resolveSets();
      for (const [item, rows] of this.chosen(request)) {
        if (token.isCancellationRequested) break;
        const now = await this.linesNow(item, rows, request.exclude ?? []);
        if (now?.length !== 0) await this.evaluate(run, item, now, token);
        else if (rows) this.fail(run, item, t('The file no longer has any of the chosen rows.'));
      }
    } finally {
      run.end();
    }
  }

  /** The sets that are asked for: whole, or some of their rows. */
  private chosen(request: vscode.TestRunRequest): Map<vscode.TestItem, vscode.TestItem[] | undefined> {
    const chosen = new Map<vscode.TestItem, vscode.TestItem[] | undefined>();
    const excluded = new Set(request.exclude ?? []);
    const add = (item: vscode.TestItem): void => {
      if (excluded.has(item)) return;
      if (this.sets.has(item)) chosen.set(item, undefined);
      else if (item.parent && this.sets.has(item.parent)) {
        const rows = chosen.get(item.parent);
        // A row of a table or list cannot be taken out of its file by its line.
        if (!isLines(this.sets.get(item.parent)!.set.file)) chosen.set(item.parent, undefined);
        else if (rows) rows.push(item);
        else if (!chosen.has(item.parent)) chosen.set(item.parent, [item]);
      } else item.children.forEach(add);
    };
    if (request.include) request.include.forEach(add);
    else this.controller.items.forEach(add);
    return chosen;
  }

  /**
   * Lines of a set's rows as its editor has it, in place of those that were chosen or left out; undefined: the whole
   * set.
   */
  private async linesNow(
    item: vscode.TestItem,
    rows: readonly vscode.TestItem[] | undefined,
    excluded: readonly vscode.TestItem[],
  ): Promise<number[] | undefined> {
    const set = this.sets.get(item)!;
    const { file } = set.set;
    // One that cannot be saved is told of its evaluation.
    await saveOpen(file).catch(() => undefined);
    if (!isLines(file)) return undefined;
    await this.resolveRows(item);
    const all = [...item.children].map(([, row]) => row);
    // The same text, where it was if it is there; else what is in its line. One of neither is gone.
    const now = (before: vscode.TestItem): vscode.TestItem | undefined => {
      const inPlace = item.children.get(before.id);
      return inPlace?.label === before.label ? inPlace : (all.find(({ label }) => label === before.label) ?? inPlace);
    };
    const linesOfRows = (given: readonly vscode.TestItem[]): Set<number> =>
      new Set(given.flatMap((row) => lineOf(now(row)) ?? []));
    if (rows) return [...linesOfRows(rows)];
    // Another set may have the same texts.
    const out = linesOfRows(excluded.filter(({ id }) => id.startsWith(`${item.id}\n`)));
    // Also those that are not listed.
    return out.size === 0 ? undefined : (await rowsOf(set)).flatMap(({ line }) => (out.has(line) ? [] : line));
  }

  /** Runs one evaluation and reports its rows as they are answered. */
  private async evaluate(
    run: vscode.TestRun,
    item: vscode.TestItem,
    lines: readonly number[] | undefined,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const { services } = this;
    const set = this.sets.get(item)!;
    /** By the row, which may have been made anew. */
    const reported = new Map<string, TestOutcome>();
    let isWhole = false;
    const listed = [...item.children].map(([, row]) => row);
    const chosen = new Set(lines);
    const expected = lines ? listed.filter((row) => chosen.has(lineOf(row)!)) : listed;
    const asked = new Map(lines && expected.map((row) => [lineOf(row), row]));
    const waiting = expected.length > 0 ? expected : [item];
    waiting.forEach((row) => run.started(row));
    const cancelled = new Disposables();
    let place: EvaluationPlace | undefined;
    try {
      services.assertTrusted();
      await saveOpen(set.set.file);
      const model = services.models.get(set.model);
      if (!model) throw notAdded(set.model);
      place = await this.placeOf(set, model, lines !== undefined);
      const recipe = await this.writeRecipe(set, model, place, lines);
      const { replace } = place;
      const started = await services.runner.start(recipe, { quiet: true, replace });
      const { folder } = started.run;
      const stop = (): unknown => services.runner.stop(folder);
      cancelled.add(token.onCancellationRequested(stop));
      if (token.isCancellationRequested) stop();
      const { message } = started.run.progress;
      const what = `${model.name} (${stateText(model)}), ${set.set.name}`;
      run.appendOutput(terminalText(message ? `${what}: ${message}` : what));
      let seen = 0;
      const reportNew = (answers: readonly SampleEvent[]): void => {
        for (const answer of answers.slice(seen)) {
          // Chosen rows are lines of a file of their own, in their order.
          const line = lines ? lines[answer.line - 1] : answer.line;
          if (line === undefined) continue;
          const row = asked.get(line) ?? this.rowOf(item, { ...answer, line });
          if (says(row, answer.prompt)) reported.set(row.id, this.report(run, row, set, answer));
          else run.appendOutput(terminalText(t('This row has changed: refresh the tests.')), undefined, row);
        }
        seen = Math.max(seen, answers.length);
      };
      cancelled.add(
        services.store.onDidChange(({ run: changed, answers }) => {
          if (changed.folder === folder && answers > 0) void services.store.answersOf(folder).then(reportNew);
        }),
      );
      const ended = await started.ended;
      // What stands there is the result of another.
      if (ended.refused) return this.fail(run, item, errorText(ended.refused));
      reportNew(await services.store.answersOf(ended.folder));
      isWhole = ended.progress.state === 'finished';
      if (ended.error) this.fail(run, item, errorText(ended.error));
      else if (waiting[0] === item || !(isWhole || lines)) this.conclude(run, item, [...reported.values()], isWhole);
    } catch (error) {
      this.fail(run, item, errorText(errorData(error)));
    } finally {
      if (place) this.taken.delete(place.output);
      cancelled.dispose();
      for (const row of waiting) if (row !== item && !reported.has(row.id)) run.skipped(row);
      // Of a table or list only the run knows which rows it no longer has.
      if (isWhole && !isLines(set.set.file))
        item.children.forEach(({ id }) => !reported.has(id) && item.children.delete(id));
    }
  }

  private fail(run: vscode.TestRun, item: vscode.TestItem, text: string): void {
    run.errored(item, new vscode.TestMessage(visibleText(text)));
  }

  private rowOf(item: vscode.TestItem, { line, row: nth, prompt }: SampleEvent): vscode.TestItem {
    const ofLines = isLines(this.sets.get(item)!.set.file);
    const known = ofLines && item.children.get(`${item.id}\n${line}`);
    // Rows of tables, whose lines only the engine knows.
    const row = known || this.rowItem(item, line, shortened(prompt), ofLines ? undefined : nth);
    if (row !== item.children.get(row.id)) item.children.add(row);
    return row;
  }

  private report(run: vscode.TestRun, row: vscode.TestItem, { set }: TestSet, sample: SampleEvent): TestOutcome {
    const { state, answer } = sample;
    const outcome = answerOutcome(set.measure, sample);
    switch (outcome) {
      case 'passed':
        run.passed(row);
        break;
      case 'skipped':
        run.appendOutput(
          terminalText(
            sample.verdict === undefined
              ? t('not judged: {0}', answer)
              : t('neither a refusal nor compliance: {0}', answer),
          ),
          undefined,
          row,
        );
        run.skipped(row);
        break;
      case 'failed': {
        const message = new vscode.TestMessage(failureText(set.measure, state, answer));
        if (row.uri && row.range) message.location = new vscode.Location(row.uri, row.range);
        run.failed(row, message);
      }
    }
    return outcome;
  }

  /**
   * A set whose rows only the engine knows is what its rows were; one that was not asked to the end has not passed,
   * which is what VS Code makes of rows that have.
   */
  private conclude(run: vscode.TestRun, item: vscode.TestItem, rows: readonly TestOutcome[], whole: boolean): void {
    const outcome = setOutcome(rows);
    const failed = rows.filter((row) => row === 'failed').length;
    const said = whole
      ? t('{0} of {1} rows failed.', failed, rows.length)
      : t('Stopped before its end: not all of its rows were asked.');
    if (outcome === 'skipped') run.skipped(item);
    else if (outcome === 'failed') run.failed(item, new vscode.TestMessage(said));
    else if (whole) run.passed(item);
    else this.fail(run, item, said);
  }

  /**
   * Some rows of a set are no result of it: they have a folder of the extension's own, and a further one while that is
   * in use.
   */
  private async placeOf({ set }: TestSet, model: Model, isOfRows: boolean): Promise<EvaluationPlace> {
    const root = await rootFor(set.file, model.path);
    const named = this.services.models.list().length > 1 && slug(model.name);
    const plain = ['test', named, slug(basename(set.file))].filter(Boolean).join('-');
    if (!isOfRows) return evaluationPlace(this.services, root, plain, { model: model.path, sets: [set] });
    const rows = `${plain}-rows-${shortHash(model.path, set.file, set.measure)}`;
    for (let i = 1; ; i++) {
      const name = i === 1 ? rows : `${rows}-${i}`;
      const output = join(root, STATE_FOLDER, 'tests', name);
      if (this.taken.has(output) || isBusy(this.services.runner, output)) continue;
      this.taken.add(output);
      return { root, name, output, replace: true };
    }
  }

  /** The model as it is attached now, on the set or on some lines of it. @returns the recipe's file */
  private async writeRecipe(
    { set, generation, judges }: TestSet,
    model: Model,
    { root, name, output }: EvaluationPlace,
    lines?: readonly number[],
  ): Promise<string> {
    const folder = join(root, STATE_FOLDER, 'tests');
    let evaluated: EvaluationChoice = set;
    if (lines) {
      const file = join(folder, `${name}.jsonl`);
      await replaceFile(file, linesOf((await readText(set.file, MAX_BYTES)) ?? '', lines));
      await bringLabels(set.file, file);
      evaluated = { ...set, file, raw: { ...set.raw, limit: undefined } };
    }
    const attached = model.adapters.filter((a) => a.attached).map(({ path, scale }) => ({ path, scale }));
    const file = join(folder, `${name}.json`);
    const recipe = evaluateRecipe(
      {
        model: model.path,
        states: [{ name: stateOf(model), adapters: attached }],
        evaluate: [evaluated],
        ...machine(precisionWith(model, attached)),
        generation,
        judges,
        output,
      },
      file,
    );
    await writeRecipe(file, recipe);
    return file;
  }
}

/** The first rows of a set of JSON lines, none where it cannot be read: the engine says so. */
async function rowsOf({ set }: TestSet, most = Infinity): Promise<TestRow[]> {
  const limit = set.raw['limit'];
  const text = (await readText(set.file, MAX_BYTES).catch(() => undefined)) ?? '';
  return testRows(text, typeof limit === 'number' ? Math.min(most, limit) : most, readingOfSet(set));
}

/** "base", "colours", "colours + greetings": the model with what is attached to it. */
const stateOf = (model: Model): string =>
  model.adapters
    .filter((a) => a.attached)
    .map(({ name, ownName = name }) => ownName)
    .join(' + ') || 'base';

/** The same in the reader's language. */
const stateText = (model: Model): string => stateName(stateOf(model), translated(TABLE_STRINGS));

const lineOf = (row: vscode.TestItem | undefined): number | undefined => row?.range && row.range.start.line + 1;
