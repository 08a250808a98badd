/** How numbers are written for people: the same in the trees, the pages, the report and the command line. */

/** Fills {0}, {1}… of a sentence. */
export const fill = (template: string, ...values: readonly (string | number)[]): string =>
  template.replace(/\{(\d+)\}/g, (place, index) => String(values[Number(index)] ?? place));

/** What stands where a number is missing or is not a number; never an empty cell. */
export const NO_NUMBER = 'no number';

export interface Numbers {
  /** A loss or a norm: three significant digits. */
  number(value: number): string;
  /**
   * A share in [0, 1]: at most one decimal, below 1 % two significant digits, so that 0.0004 does not read as nothing. The
   * sign never stands on the next line.
   */
  percent(share: number): string;
  /** A bound of a share: whole per cents, finer near 0 % and 100 %. */
  bound(share: number): string;
  count(value: number): string;
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

const known = new Map<string, Numbers>();

/** Numbers in a language: its decimal sign, and its way to write percentages. An unknown language is written in English. */
export function numbersIn(language = 'en'): Numbers {
  const before = known.get(language);
  if (before) return before;
  const locale = (): string => Intl.NumberFormat.supportedLocalesOf([language])[0] ?? 'en';
  const plain = formatter(locale, { maximumSignificantDigits: 3 });
  const tiny = formatter(locale, { notation: 'scientific', maximumSignificantDigits: 2 });
  const percent = formatter(locale, { style: 'percent', maximumFractionDigits: 1 });
  const small = formatter(locale, { style: 'percent', maximumSignificantDigits: 2 });
  const rough = formatter(locale, { style: 'percent', maximumFractionDigits: 0 });
  const whole = formatter(locale, { maximumFractionDigits: 0 });
  const spaced = (text: string): string => text.replace(/(?<=\d)%/, '\u00a0%');
  const made: Numbers = {
    number: (value) => (value !== 0 && Math.abs(value) < 1e-3 ? tiny : plain)(value),
    // English writes no space, but beside " s" and " nats" a number without one looks odd.
    percent: (share) => spaced((Math.abs(share) < 0.01 ? small : percent)(share)),
    bound: (share) => (Math.min(share, 1 - share) < 0.05 ? made.percent(share) : spaced(rough(share))),
    count: whole,
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

export const formatPercent = (share: number, language?: string): string => numbersIn(language).percent(share);

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
 * A time span in the two largest units that matter: 41 → "41 s", 125 → "2 min 5 s", 7260 → "2 h 1 min". What no clock can
 * have measured is described in words.
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
