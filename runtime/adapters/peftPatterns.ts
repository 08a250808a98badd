/** The name patterns of PEFT's adapter_config.json: Python regular expressions out of files that are not trusted. */
import { HumanError } from '../support/errors.js';
import { withTimeLimit } from '../support/timeLimit.js';

const MAX_PATTERN_LENGTH = 4096;
/** Patterns that need longer than this on a model's module names are built to hang. */
export const PATTERN_LIMIT_MS = 500;

/**
 * Which of `names` a Python pattern matches as a whole (`re.fullmatch`).
 * @throws HumanError when the pattern is no regular expression that both languages read alike, or takes too long.
 */
export function fullMatches(pattern: string, names: readonly string[], place: string): boolean[] {
  const short = pattern.length > 80 ? `${pattern.slice(0, 80)}…` : pattern;
  const remedy = 'Write the module names as a list instead.';
  if (pattern.length > MAX_PATTERN_LENGTH)
    throw new HumanError(`the pattern "${short}" is too long.`, { place, remedy });
  const tooSlow = `the pattern "${short}" takes too long to match.`;
  // A pattern that backtracks without end: the number of names and their lengths are the file's, too.
  return withTimeLimit(PATTERN_LIMIT_MS, tooSlow, place, () => {
    let expression: RegExp;
    try {
      expression = new RegExp(`^(?:${toJavaScript(pattern)})$`, 'u');
    } catch (error) {
      throw new HumanError(`the pattern "${short}" is not a regular expression that can be used here.`, {
        place,
        remedy,
        cause: error,
      });
    }
    return names.map((name) => expression.test(name));
  });
}

/**
 * Named groups are spelled differently, and with the `u` flag (without which JavaScript reads unknown escapes as
 * letters, in silence) punctuation may not be escaped freely; everything else that the two languages read differently
 * is a syntax error.
 */
function toJavaScript(pattern: string): string {
  return pattern
    .replace(/\(\?P</g, '(?<')
    .replace(/\(\?P=(\w+)\)/g, '\\k<$1>')
    .replace(/\\([^A-Za-z0-9^$\\.*+?()[\]{}|/])/gu, (_, c: string) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}

/**
 * PEFT's look-up in rank_pattern and alpha_pattern (`get_pattern_key`): the first key that, as a regular expression, is
 * the whole name or its end behind a dot. One result per name.
 */
export function patternValues(
  patterns: Readonly<Record<string, number>>,
  names: readonly string[],
  place: string,
): (number | undefined)[] {
  const values: (number | undefined)[] = names.map(() => undefined);
  for (const [key, value] of Object.entries(patterns)) {
    fullMatches(`(?:.*\\.)?(?:${key})`, names, place).forEach((matches, i) => {
      if (matches) values[i] ??= value;
    });
  }
  return values;
}

interface Targets {
  targetModules: string | readonly string[];
  excludeModules?: string | readonly string[];
  layersToTransform?: readonly number[];
  layersPattern?: readonly string[];
}

const isOrEndsWith = (name: string, end: string): boolean => name === end || name.endsWith(`.${end}`);

/** Whether PEFT puts a LoRA on each of these linear modules (`check_target_module_exists`); "all-linear" takes all. */
export function targeted(targets: Targets, names: readonly string[], place: string): boolean[] {
  const { targetModules, excludeModules, layersToTransform, layersPattern } = targets;
  let excluded = names.map(() => false);
  if (typeof excludeModules === 'string') excluded = fullMatches(excludeModules, names, place);
  else if (excludeModules) excluded = names.map((name) => excludeModules.some((end) => isOrEndsWith(name, end)));

  if (typeof targetModules === 'string') {
    const all = targetModules.toLowerCase() === 'all-linear';
    const found = all ? names.map(() => true) : fullMatches(targetModules, names, place);
    return found.map((is, i) => is && !excluded[i]);
  }
  const inLayers = layersToTransform?.length ? layerIndices(layersPattern, names, place) : undefined;
  return names.map((name, i) => {
    if (excluded[i]) return false;
    if (targetModules.includes(name)) return true;
    return (
      targetModules.some((end) => name.endsWith(`.${end}`)) && (!inLayers || layersToTransform!.includes(inLayers[i]))
    );
  });
}

/**
 * The layer number in each name: the first number that stands behind one of the named lists; -1 where there is none.
 */
function layerIndices(layersPattern: readonly string[] | undefined, names: readonly string[], place: string): number[] {
  const indices = names.map(() => -1);
  const numbers = names.flatMap((name, n) => {
    const parts = name.split('.').slice(0, -1);
    return parts.flatMap((part, i) =>
      i > 0 && /^\d+$/.test(part) ? [{ n, index: Number(part), before: parts.slice(0, i).join('.') }] : [],
    );
  });
  const lists = layersPattern?.length ? layersPattern.map((pattern) => `(?:.*\\.)?(?:${pattern})`) : ['.*\\.[^.]*'];
  for (const list of lists) {
    const fits = fullMatches(
      list,
      numbers.map(({ before }) => before),
      place,
    );
    const found = names.map(() => -1);
    numbers.forEach(({ n, index }, i) => {
      if (fits[i] && found[n] < 0) found[n] = index;
    });
    found.forEach((index, n) => {
      if (indices[n] < 0) indices[n] = index;
    });
  }
  return indices;
}
