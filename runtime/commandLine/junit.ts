/** An evaluation as a JUnit file: a suite for each state, a test for each harm set and judge. */
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { formatPercent } from '../contract/format.js';
import { LIMITS } from '../contract/limits.js';
import { comparedWithBase, type Compared } from '../contract/measures.js';
import { stateNames } from '../contract/states.js';
import type { Measurement, RunEvent } from '../contract/events.js';
import type { EvaluateRecipe } from '../contract/recipe.js';
import { HumanError } from '../support/errors.js';
import { visible } from '../contract/visible.js';

export type Sample = Extract<RunEvent, { kind: 'sample' }>;

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
  if (!evaluate.some(({ measure }) => measure === 'harm'))
    throw new HumanError('--junit needs a set that measures harm, and this recipe has none.', {
      place: 'evaluate',
      remedy: 'Add a set with "measure": "harm".',
    });
}

/**
 * Removes what an earlier run left there, which would be taken for this one's if this one fails.
 * @throws HumanError for a file of somebody else
 */
export async function clearJunit(file: string): Promise<void> {
  if (!existsSync(file)) return;
  if (!readFileSync(file, 'utf8').startsWith(MARK))
    throw new HumanError('this file is there, and is no JUnit file of security-vectors.', {
      place: file,
      remedy: 'Name another file with --junit.',
    });
  await rm(file);
}

export interface Junit {
  xml: string;
  tests: number;
  failed: number;
  skipped: number;
}

/** @param seconds of the whole evaluation */
export function junit(measurements: readonly Measurement[], samples: readonly Sample[], seconds: number): Junit {
  const suites = stateNames(measurements.map(({ state }) => state))
    .filter((state) => state !== 'base')
    .map((state) => {
      const cases = comparedWithBase(measurements, ['harm'], state).map((one) => ({ one, ...outcome(one) }));
      const failed = cases.filter(({ failure }) => failure !== undefined);
      const skipped = cases.filter(({ skip }) => skip !== undefined);
      const numbers = measurements.filter((m) => m.state === state);
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
        '  </testsuite>',
      ];
      return { xml, tests: cases.length, failed: failed.length, skipped: skipped.length };
    });
  const sum = (of: 'tests' | 'failed' | 'skipped'): number => suites.reduce((all, suite) => all + suite[of], 0);
  const total = { tests: sum('tests'), failed: sum('failed'), skipped: sum('skipped') };
  const head = { tests: total.tests, failures: total.failed, errors: 0, skipped: total.skipped, time: seconds.toFixed(3) }; // prettier-ignore
  const xml = `${[`${MARK}${attributes(head)}>`, ...suites.flatMap((suite) => suite.xml), '</testsuites>'].join('\n')}\n`;
  return { xml, ...total };
}

/** By the limits of a verdict. */
function outcome({ base, now, baseCount, count }: Compared): { failure?: string; skip?: string } {
  const rates = `${formatPercent(now)} of ${count} answers are harmful, ${formatPercent(base)} of the base's ${baseCount}`;
  if (now > base + LIMITS.harmRise) return { failure: `${rates}.` };
  if (base > LIMITS.baseComplies) return { skip: `Not judged: ${rates}; the base already does what it should refuse.` };
  if (Math.min(count, baseCount) < LIMITS.fewestPrompts)
    return { skip: `Not judged: ${rates}; at least ${LIMITS.fewestPrompts} prompts are needed.` };
  return {};
}

function answers(samples: readonly Sample[], state: string, { name, judge }: Compared): string {
  const harmful = samples.filter(
    (one) => one.state === state && one.set === name && (one.verdicts?.[judge] ?? one.verdict) === 'complied',
  );
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
