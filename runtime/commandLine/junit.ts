/** An evaluation as a JUnit file: a suite for each state, a test for each harm set and judge. */
import { existsSync, readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { labelCounts, type SampleEvent } from '../contract/answers.js';
import { numbersIn } from '../contract/format.js';
import { countedText } from '../contract/labels.js';
import { LIMITS } from '../contract/limits.js';
import {
  comparedWithBase,
  fewest,
  isAbove,
  isLeftOpen,
  promptsOf,
  REFUSAL_JUDGE,
  type Compared,
} from '../contract/measures.js';
import { unmeasured } from '../contract/openAnswers.js';
import { hasRisen } from '../contract/rises.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { stateNames } from '../contract/states.js';
import { cannotTell, type Untold } from '../contract/untold.js';
import type { Measurement, TrainedPrompts } from '../contract/events.js';
import type { EvaluateRecipe } from '../contract/recipe.js';
import { nameOn } from '../evaluation/judges/choices.js';
import { HumanError } from '../support/errors.js';
import { requireWritable } from '../support/writable.js';
import { visible } from '../contract/visible.js';
import { sum } from '../contract/sum.js';

const MARK = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="security-vectors"';
/** Of a failed test, this many answers are shown. */
const SHOWN = 20;

/** @throws HumanError for a recipe of which no test can be made */
export function requireGate({ evaluate, states, adapters }: EvaluateRecipe): void {
  const names = states?.map(({ name }) => name) ?? ['base', ...(adapters.length > 0 ? ['adapters'] : [])];
  if (!names.includes('base') || names.length < 2)
    throw new HumanError('--junit compares states with the base, and this recipe does not measure both.', {
      place: 'states',
      remedy: 'Name a state "base" without adapters, and at least one other.',
    });
  const changed = (states ?? []).findIndex(
    ({ name, model, adapters: own }) => name === 'base' && (model !== undefined || own.length > 0),
  );
  if (changed >= 0)
    throw new HumanError(
      '--junit compares states with "base", and this recipe gives it a model or adapters of its own.',
      {
        place: `states.${changed}`,
        remedy: 'Give this state another name, and add "base" with its name alone.',
      },
    );
  if (!evaluate.some(({ measure }) => measure === 'harm'))
    throw new HumanError('--junit needs a set that measures harm, and this recipe has none.', {
      place: 'evaluate',
      remedy: 'Add a set with "measure": "harm".',
    });
}

/**
 * @param output the run folder
 * @throws HumanError for a file of the run or of somebody else, and where none can be written
 */
export async function requireJunit(file: string, output: string): Promise<void> {
  await requireWritable(file);
  const [name] = relative(output, file).split(sep);
  if (`${output}${sep}`.startsWith(`${file}${sep}`) || OF_RUN.has(name.toLowerCase()))
    throw new HumanError('the run itself writes this.', {
      place: file,
      remedy: 'Name another file with --junit.',
    });
  if (!existsSync(file)) return;
  if (!readFileSync(file, 'utf8').startsWith(MARK))
    throw new HumanError('this file exists and is not a JUnit file of security-vectors.', {
      place: file,
      remedy: 'Name another file with --junit.',
    });
}

const OF_RUN: ReadonlySet<string> = new Set(Object.values(RUN_FILES));

/** Causes for which a set has not been judged at all, though its answers are there. */
const UNSEEN: ReadonlySet<Untold['cause'] | undefined> = new Set(['cutOff', 'unmatched']);

/** A test: a harm set, and who judges it. */
type Asked = Pick<Compared, 'name' | 'judge'> & { readonly file?: string };

interface Junit {
  xml: string;
  tests: number;
  failed: number;
  skipped: number;
  /**
   * Harm sets of a state that no judge has judged: all have left their answers open, these are cut off, or phrases do
   * not see such harm.
   */
  unjudged: number;
  /** Of each skipped test, what it is and why. */
  reasons: string[];
}

/** The tests of each state. */
export const testsOf = ({ evaluate, judges }: EvaluateRecipe): Asked[] =>
  evaluate
    .filter(({ measure }) => measure === 'harm')
    .flatMap((set) => judges.map((judge) => ({ name: set.name, judge: nameOn(judge, set), file: set.file })));

/**
 * @param seconds of the whole evaluation
 * @param asked what each state is tested on; a judge may have left it open
 * @param trained prompts of each state that its training has seen
 */
export function junit(
  measurements: readonly Measurement[],
  samples: readonly SampleEvent[],
  seconds: number,
  asked: readonly Asked[] = [],
  trained: readonly TrainedPrompts[] = [],
): Junit {
  const suites = stateNames([...measurements, ...samples].map(({ state }) => state))
    .filter((state) => state !== 'base')
    .map((state) => {
      const compared = [...comparedWithBase(measurements, ['harm'], state), ...unmeasured(measurements, state).risen];
      const left = asked.filter(({ name, judge }) => !compared.some((one) => one.name === name && one.judge === judge));
      const facts = { measurements, trainedPrompts: trained.filter((one) => one.state === state) };
      const unseen = compared.filter((one) => !hasRisen(one) && UNSEEN.has(cannotTell(facts, state, one)?.cause));
      const isTold = (name: string): boolean => compared.some((one) => one.name === name && !unseen.includes(one));
      const unjudged = new Set([...left, ...unseen].map(({ name }) => name).filter((name) => !isTold(name))).size;
      const cases: { one: Asked; failure?: string; skip?: string }[] = [
        ...compared.map((one) => ({ one, ...outcome(one, cannotTell(facts, state, one) ?? hidden(facts, one)) })),
        ...left.map((one) => ({ one, skip: `Not judged: ${one.judge} has left too many answers open.` })),
      ];
      const failed = cases.filter(({ failure }) => failure !== undefined);
      const skipped = cases.filter(({ skip }) => skip !== undefined);
      const labelled = labelCounts(samples.filter((one) => one.state === 'base' || one.state === state)).map((count) =>
        countedText(count, asked.find(({ name }) => name === count.set)?.file),
      );
      const numbers = measurements.filter((m) => m.state === state && !isLeftOpen(m));
      const xml = [
        `  <testsuite${attributes({ name: state, tests: cases.length, failures: failed.length, errors: 0, skipped: skipped.length })}>`,
        '    <properties>',
        ...numbers.map(
          (m) => `      <property${attributes({ name: `${m.name} · ${m.measure} · ${m.judge}`, value: m.value })}/>`,
        ),
        '    </properties>',
        ...cases.map(({ one, failure, skip }) => {
          const open = `    <testcase${attributes({ classname: state, name: `${one.name} · harm · ${one.judge}` })}`;
          if (failure !== undefined)
            return `${open}>\n      <failure${attributes({ message: failure, type: 'harm' })}>${escaped(answers(samples, state, one))}</failure>\n    </testcase>`;
          return skip === undefined
            ? `${open}/>`
            : `${open}>\n      <skipped${attributes({ message: skip })}/>\n    </testcase>`;
        }),
        ...(labelled.length > 0 ? [`    <system-out>${escaped(labelled.join('\n'))}</system-out>`] : []),
        '  </testsuite>',
      ];
      const reasons = skipped.map(({ one, skip }) => `${state}, ${one.name}, ${one.judge}: ${skip}`);
      return { xml, tests: cases.length, failed: failed.length, skipped: skipped.length, unjudged, reasons };
    });
  const count = (of: 'tests' | 'failed' | 'skipped' | 'unjudged'): number => sum(suites.map((suite) => suite[of]));
  const total = {
    tests: count('tests'),
    failed: count('failed'),
    skipped: count('skipped'),
    unjudged: count('unjudged'),
  };
  const head = {
    tests: total.tests,
    failures: total.failed,
    errors: 0,
    skipped: total.skipped,
    time: seconds.toFixed(3),
  };
  const xml = `${[`${MARK}${attributes(head)}>`, ...suites.flatMap((suite) => suite.xml), '</testsuites>'].join('\n')}\n`;
  return { xml, ...total, reasons: suites.flatMap(({ reasons }) => reasons) };
}

const { percent } = numbersIn();

/** By the limits of a verdict. */
function outcome(of: Compared, untold: Untold | undefined): { failure?: string; skip?: string } {
  const { base, now, baseCount, count, isBound } = of;
  const [least, most] = isBound ? ['At least ', 'at most '] : ['', ''];
  const rates = `${least}${percent(now)} of ${count} answers are harmful, ${most}${percent(base)} of the base's ${baseCount}`;
  if (hasRisen(of)) return { failure: `${rates}.` };
  return untold ? { skip: `Not judged: ${rates}; ${whyUntold(untold)}.` } : {};
}

/**
 * Whether harm may have risen on the prompts that training has not seen: were all of it among them, and the base's
 * among the others.
 */
function hidden({ trainedPrompts }: { trainedPrompts: readonly TrainedPrompts[] }, of: Compared): Untold | undefined {
  const trained = trainedPrompts.find(({ set }) => set === of.name)?.count ?? 0;
  const basePrompts = promptsOf({ count: of.baseCount, prompts: of.basePrompts });
  const rise = of.now * promptsOf(of) - Math.max(0, of.base * basePrompts - trained);
  return trained > 0 && isAbove(rise, 0, LIMITS.harmRise * (fewest(of) - trained))
    ? { cause: 'trainedPrompts', of, trained }
    : undefined;
}

function whyUntold({ cause, of, trained = 0 }: Untold): string {
  switch (cause) {
    case 'baseComplies':
      return of.judge === REFUSAL_JUDGE
        ? 'the base already does what it should refuse, as far as English phrases recognise refusals'
        : 'the base already does what it should refuse';
    case 'trainedPrompts': {
      const others = fewest(of) - trained;
      const seen = `training has seen ${trained} of the ${fewest(of)} prompts`;
      return others < LIMITS.fewestPrompts
        ? `${seen}, and at least ${LIMITS.fewestPrompts} others are needed`
        : `${seen}, and on the other ${others} harm may have risen`;
    }
    case 'tooFew':
      return `at least ${LIMITS.fewestPrompts} prompts are needed`;
    case 'open':
      return `${of.open ?? 0} answers were left open, ${of.baseOpen ?? 0} of the base's`;
    case 'cutOff':
      return `${of.cut ?? 0} of ${of.count} answers, ${of.baseCut ?? 0} of the base's, are cut off before any of its phrases (generation.maxNewTokens)`;
    case 'unmatched':
      return `none of the ${of.unmatched} harmful answers that are known counts as harmful, by its phrases or those of refusals`;
    case 'unclassified':
      return `${percent(of.now)} neither refuse nor comply, ${percent(of.base)} of the base's`;
  }
}

function answers(samples: readonly SampleEvent[], state: string, { name, judge }: Asked): string {
  const said = ({ verdict, verdicts = {}, judge: main = judge }: SampleEvent): SampleEvent['verdict'] =>
    verdicts[judge] ?? (main === judge ? verdict : undefined);
  const harmful = samples.filter((one) => one.state === state && one.set === name && said(one) === 'complied');
  harmful.sort((a, b) => a.line - b.line);
  const shown = harmful.slice(0, SHOWN).map(({ line, prompt, answer }) => `line ${line}: ${prompt}\n  ${answer}`);
  const more = harmful.length - shown.length;
  return `\n${[...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('\n')}\n`;
}

const attributes = (values: Record<string, string | number>): string =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value)).replaceAll('\n', ' ')}"`)
    .join('');

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** XML 1.0 has no place for control characters, nor for half a character. */
const escaped = (text: string): string =>
  visible(text)
    .replace(/[\p{Surrogate}\ufffe\uffff]/gu, '\ufffd')
    .replace(/[&<>"]/g, (character) => ENTITIES[character]);
