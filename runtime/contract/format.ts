/** How numbers are written for people: the same in the trees, the pages, the report and the command line. */

/** Fills {0}, {1}… of a sentence. */
export const fill = (template: string, ...values: readonly (string | number)[]): string =>
  template.replace(/\{(\d+)\}/g, (place, index) => String(values[Number(index)] ?? place));

/** The words of one, or of none and of several. */
export const plural = (count: number, one: string, several: string): string => (count === 1 ? one : several);

/** What stands where a number is missing or is not a number; never an empty cell. */
export const NO_NUMBER = 'no number';

/** What a bound is: the least, or the most, that a number may be. */
export type Side = 'low' | 'high';

export interface Numbers {
  /**
   * A loss, a norm, an AUROC, a kappa: three significant digits, and just below 1, which is the most that the last two
   * can be, so many that 0.9996 does not read as 1.
   */
  number(value: number): string;
  /** An end of its interval, rounded outward. */
  end(value: number, side: Side): string;
  /**
   * A share in [0, 1]: at most one decimal, below 1 % two significant digits, so that 0.0004 does not read as nothing,
   * and near 100 % so many that 0.9996 does not read as all. The sign never stands on the next line.
   */
  percent(share: number): string;
  /** A bound of a share, rounded outward: whole per cents, finer near 0 % and 100 %. */
  bound(share: number, side: Side): string;
  count(value: number): string;
  /** Names of languages (ISO 639-1): "German or French". */
  languages(codes: readonly string[]): string;
  /** "new task: 98 %": what is said of something. */
  of(what: string, said: string): string;
  /** Parts of a sentence, with semicolons between them. */
  parts(parts: readonly string[]): string;
}

/** How something is said to a reader: templates in their language, and numbers as it writes them. */
export interface Wording<Strings> {
  strings: Strings;
  numbers: Numbers;
}

/** Made when it is first used: each takes milliseconds. */
function formatter(locale: () => string, options: Intl.NumberFormatOptions): (value: number) => string {
  let made: Intl.NumberFormat | undefined;
  return (value) => (made ??= new Intl.NumberFormat(locale(), options)).format(value);
}

/** A share that lacks less than this is all: it lacks no row, but digits of a float. */
const ALL = 1e-6;
/** From here on what is less than 1 would be rounded up to it. */
const ALMOST = 0.9995;
const isAlmostOne = (value: number): boolean => value >= ALMOST && 1 - value >= ALL;
/** So near to nothing, or to all, a bound has a decimal. */
const NEAR = 0.1;
/** Of a number that is rounded to one side: what floating point leaves of it. */
const TRACE = 1e-9;

/** To so many decimals, and never to the other side: a bound that is rounded inward is none. */
export function outward(value: number, decimals: number, side: Side): number {
  const scaled = value * 10 ** decimals;
  const trace = TRACE * Math.max(1, Math.abs(scaled));
  const rounded = side === 'low' ? Math.floor(scaled + trace) : Math.ceil(scaled - trace);
  // No zero with a sign.
  return rounded / 10 ** decimals + 0;
}

/** Decimals that leave a number so many significant digits. */
const decimalsOf = (value: number, digits: number): number =>
  value === 0 ? 0 : digits - 1 - Math.floor(Math.log10(Math.abs(value)));

/** Decimals of per cents that tell a share, less than a hundredth from nothing or from all, from these. */
const fineDecimals = (distance: number): number => (distance < ALL ? 0 : decimalsOf(100 * distance, 2));

function boundDecimals(share: number): number {
  const [toNone, toAll] = [Math.abs(share), Math.abs(1 - share)];
  if (toNone < 0.01) return fineDecimals(toNone);
  if (share < 1 && toAll < 0.0005) return fineDecimals(toAll);
  return Math.min(toNone, toAll) < NEAR ? 1 : 0;
}

const known = new Map<string, Numbers>();

/**
 * Numbers in a language: its decimal sign, and its way to write percentages. An unknown language is written in English.
 */
export function numbersIn(language = 'en'): Numbers {
  const there = known.get(language);
  if (there) return there;
  const locale = (): string => Intl.NumberFormat.supportedLocalesOf([language])[0] ?? 'en';
  const plain = formatter(locale, { maximumSignificantDigits: 3 });
  const almost = formatter(locale, { maximumFractionDigits: 10 });
  const tiny = formatter(locale, { notation: 'scientific', maximumSignificantDigits: 2 });
  const percent = formatter(locale, { style: 'percent', maximumFractionDigits: 1 });
  const small = formatter(locale, { style: 'percent', maximumSignificantDigits: 2 });
  const rounded = formatter(locale, { style: 'percent', maximumFractionDigits: 10 });
  const whole = formatter(locale, { maximumFractionDigits: 0 });
  // French writes a space before signs of two parts, which never stand on the next line.
  const before = /^fr(-|$)/i.test(language) ? '\u00a0' : '';
  const spaced = (text: string): string => text.replace(/(?<=\d)%/, '\u00a0%');
  const made: Numbers = {
    number: (value) =>
      isAlmostOne(value)
        ? almost(Number(value.toFixed(decimalsOf(1 - value, 2))))
        : (value !== 0 && Math.abs(value) < 1e-3 ? tiny : plain)(value),
    end: (value, side) => made.number(outward(value, decimalsOf(value, Math.abs(value) < 1e-3 ? 2 : 3), side)),
    // English writes no space, but beside " s" and " nats" a number without one looks odd.
    percent: (share) => {
      if (isAlmostOne(share)) return spaced(rounded(Number((100 * share).toFixed(fineDecimals(1 - share))) / 100));
      return spaced((Math.abs(share) < 0.01 ? small : percent)(share));
    },
    bound: (share, side) => spaced(rounded(outward(100 * share, boundDecimals(share), side) / 100)),
    count: whole,
    of: (what, said) => `${what}${before}: ${said}`,
    parts: (parts) => parts.join(`${before}; `),
    languages: (codes) => {
      const names = new Intl.DisplayNames(locale(), { type: 'language' });
      const list = new Intl.ListFormat(locale(), { type: 'disjunction' });
      return list.format(codes.map((code) => names.of(code) ?? code));
    },
  };
  known.set(language, made);
  return made;
}

export const GB = 1e9;

/** Two digits of bytes in GB. */
export const gigabytes = (bytes: number, { number } = numbersIn()): string =>
  number(Number((bytes / GB).toPrecision(2)));

/** Bytes in MB, a million each, rounded up: something is never nothing. */
export const megabytes = (bytes: number, { number } = numbersIn()): string => number(Math.ceil(bytes / 1e5) / 10);

/** Words of a time span; translated where people read another language. */
export const DURATION_WORDS = {
  seconds: '{0} s',
  minutes: '{0} min',
  minutesSeconds: '{0} min {1} s',
  hours: '{0} h {1} min',
  long: '100 days or more',
  unknown: 'an unknown time',
} as const;
export type DurationWords = Record<keyof typeof DURATION_WORDS, string>;

/** Longer than anything is watched; a clock that was set can give that. */
const MAX_SECONDS = 100 * 24 * 3600;

/**
 * A time span in the two largest units that matter: 41 → "41 s", 125 → "2 min 5 s", 7260 → "2 h 1 min". What no clock
 * can have measured is described in words.
 */
export function formatDuration(seconds: number, words: DurationWords = DURATION_WORDS): string {
  if (!(seconds >= 0)) return words.unknown;
  if (seconds >= MAX_SECONDS) return words.long;
  const s = Math.round(seconds);
  if (s < 60) return fill(words.seconds, s);
  if (s >= 3600) return fill(words.hours, Math.floor(s / 3600), Math.floor((s % 3600) / 60));
  return s % 60 ? fill(words.minutesSeconds, Math.floor(s / 60), s % 60) : fill(words.minutes, s / 60);
}

/** "optimizer.learningRate 0.001 instead of 0.003": what the other run has, and what this one has. */
export const DIFFERENCE = '{0} {1} instead of {2}';
