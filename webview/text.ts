/** Fills {0}, {1}… of a translated string. */
export function fill(template: string, ...values: (string | number)[]): string {
  return template.replace(/\{(\d+)\}/g, (place, index) => String(values[Number(index)] ?? place));
}

/** Numbers as people read them, in the language of the editor. */
export interface Numbers {
  /** A loss or a norm: three significant digits. */
  number(value: number): string;
  /** A share in [0, 1] by the rule of `formatPercent` in the engine's protocol, of which pages know only the types. */
  percent(value: number): string;
  count(value: number): string;
}

export function numbers(language: string): Numbers {
  const locale = Intl.NumberFormat.supportedLocalesOf([language])[0] ?? 'en';
  const plain = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
  const tiny = new Intl.NumberFormat(locale, { notation: 'scientific', maximumSignificantDigits: 2 });
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  const small = new Intl.NumberFormat(locale, { style: 'percent', maximumSignificantDigits: 2 });
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  return {
    number: (value) => (value !== 0 && Math.abs(value) < 1e-3 ? tiny : plain).format(value),
    percent: (value) => (Math.abs(value) < 0.01 ? small : percent).format(value).replace(/(?<=\d)%/, '\u00a0%'),
    count: (value) => whole.format(value),
  };
}

/** Longer than anything is watched; a clock that was set can say so. */
const MOST_SECONDS = 100 * 24 * 3600;

/** A time span in the two largest units that matter; what no clock can have measured is said in words. */
export function duration(
  seconds: number,
  strings: Record<'seconds' | 'minutes' | 'hours' | 'manyDays' | 'unknownTime', string>,
): string {
  if (!(seconds >= 0)) return strings.unknownTime;
  if (seconds >= MOST_SECONDS) return strings.manyDays;
  const s = Math.round(seconds);
  if (s < 60) return fill(strings.seconds, s);
  if (s < 3600) return fill(strings.minutes, Math.floor(s / 60), s % 60);
  return fill(strings.hours, Math.floor(s / 3600), Math.floor((s % 3600) / 60));
}
