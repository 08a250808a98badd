/** Commands that run a recipe, or judge what one has answered. */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { calls } from '../calls/calls.js';
import type { SampleEvent } from '../contract/answers.js';
import { reportEnd, reportRun } from './ending.js';
import { EXIT } from '../contract/errors.js';
import { plural } from '../contract/format.js';
import { usageText } from '../contract/judgeText.js';
import type { EvaluateRecipe } from '../contract/recipe.js';
import { readRecipe } from '../recipes/reading/readRecipe.js';
import { Cancelled, HumanError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { agreementTable } from './terminal.js';
import { chosen, type Given, only, wrong } from './given.js';
import { judgePlace, readJudge } from './judge.js';
import { junit, requireGate, requireJunit, testsOf } from './junit.js';

export async function train(given: Given): Promise<number> {
  const { values, out, reporter } = given;
  const recipe = only('a recipe', given);
  const { kind } = (await readRecipe(recipe)).recipe;
  // Of a sweep the points that would be the same go on, and the others start over.
  if (values.resume && values.force && kind !== 'sweep')
    throw wrong('--resume goes on with what --force starts over: give one of both.');
  if (kind === 'evaluate')
    throw new HumanError('this is an evaluate recipe.', { place: recipe, remedy: 'Run it by evaluate.' });
  const done = await calls.run(
    {
      recipe,
      output: values.out && resolve(values.out),
      resume: values.resume,
      force: values.force,
      device: chosen(values),
    },
    reporter,
  );
  return await reportEnd(done, out);
}

export async function evaluate(given: Given): Promise<number> {
  const { values, out, reporter } = given;
  if (values.answers !== undefined) return judgeAgain(values.answers, given);
  const alone = (['judge', 'export-labels'] as const).find((name) => values[name] !== undefined);
  if (alone !== undefined) throw wrong(`--${alone} is of use only with --answers.`);
  const recipeFile = only('a recipe', given);
  const { recipe, path } = await readRecipe(recipeFile);
  if (recipe.kind !== 'evaluate')
    throw new HumanError(`this is a ${recipe.kind} recipe.`, { place: recipeFile, remedy: 'Run it by train.' });
  const file = values.junit === undefined ? undefined : resolve(values.junit);
  const output = resolve(values.out ?? path(recipe.output));
  const asked = file === undefined ? [] : await openGate(recipe, file, output);
  const samples: SampleEvent[] = [];
  const done = await calls.run(
    { recipe: recipeFile, output, force: values.force, device: chosen(values) },
    {
      ...reporter,
      onEvent(event) {
        if (file !== undefined && event.kind === 'sample') samples.push(event);
        out.told(event);
      },
      // What an earlier run left there would be taken for this one's if this one fails.
      onTaken: async () => (file === undefined ? undefined : rm(file, { force: true })),
    },
  );
  for (const m of done.measurements) out.line(m);
  const code = await reportEnd(done, out);
  if (file === undefined || done.outcome === 'stopped') return code;
  const { measurements, seconds, trainedPrompts } = done;
  const { xml, tests, failed, skipped, unjudged, reasons } = junit(
    measurements,
    samples,
    seconds,
    asked,
    trainedPrompts,
  );
  await writeFileAtomic(file, xml);
  const passed = tests - failed - skipped;
  for (const reason of reasons) out.log(reason, 'warning');
  const summary = `${passed} passed, ${failed} failed, ${skipped} not judged: ${file}`;
  out.log(summary, failed > 0 ? 'bad' : passed > 0 ? 'good' : 'warning');
  if (failed > 0) return EXIT.weakened;
  // What nobody could judge is let through by no gate, nor is a model of which nothing could be said.
  return unjudged > 0 || passed === 0 ? EXIT.failed : code;
}

async function judgeAgain(run: string, { positionals, values, out, reporter }: Given): Promise<number> {
  const other = (['out', 'force', 'junit', 'device'] as const).find((name) => values[name] !== undefined);
  if (other !== undefined) throw wrong(`--${other} is of no use with --answers: nothing is generated.`);
  if (positionals.length > 0) throw wrong('evaluate takes a recipe or --answers, not both.');
  const began = performance.now();
  const given = values.judge ?? [];
  const judges = await Promise.all(given.map(readJudge));
  const file = values['export-labels'];
  const done = await calls
    .judge(
      { run: resolve(run), judges, ...(file !== undefined && { export: resolve(file) }) },
      {
        ...reporter,
        onEvent: (event) =>
          out.told(event.kind === 'warning' ? { ...event, place: judgePlace(event.place, given) } : event),
      },
    )
    .catch((error: unknown) => {
      if (error instanceof Cancelled)
        throw new Cancelled('Stopped; what was judged is kept. The same command asks about the rest alone.');
      if (!(error instanceof HumanError)) throw error;
      throw new HumanError(error.message, { ...error, place: judgePlace(error.place, given), cause: error });
    });
  for (const m of done.measurements) out.line(m);
  for (const one of done.agreements) out.line(one);
  for (const point of done.points ?? []) out.line({ kind: 'point', ...point });
  for (const { name, usage } of done.judges) if (usage) out.log(`${name}: ${usageText(usage)}`);
  if (done.labelled > 0)
    out.log(`${done.labelled} ${plural(done.labelled, 'answer has', 'answers have')} a human label, which counts.`);
  if (done.agreements.length > 0) out.log(agreementTable(done.agreements, out.width));
  if (done.points) {
    const seconds = (performance.now() - began) / 1000;
    return reportEnd(
      { kind: 'done', outcome: 'finished', output: resolve(run), step: 0, seconds, measurements: [] },
      out,
      true,
    );
  }
  return reportRun(resolve(run), done.measurements, out);
}

/** @returns its tests */
async function openGate(recipe: EvaluateRecipe, file: string, output: string): Promise<ReturnType<typeof testsOf>> {
  requireGate(recipe);
  await requireJunit(file, output);
  return testsOf(recipe);
}
