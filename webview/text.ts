/** Fills {0}, {1}… of a translated string. */
export function fill(template: string, ...values: (string | number)[]): string {
  return template.replace(/\{(\d+)\}/g, (place, index) => String(values[Number(index)] ?? place));
}

/** Numbers as people read them, in the language of the editor. */
export interface Numbers {
  /** A loss or a norm: three significant digits. */
  number(value: number): string;
  /** A share in [0, 1] as a percentage, at most one decimal. */
  percent(value: number): string;
  /** A small share: two significant digits, so that 0.0004 does not read 0 %. */
  share(value: number): string;
  count(value: number): string;
}

export function numbers(language: string): Numbers {
  const locale = Intl.NumberFormat.supportedLocalesOf([language])[0] ?? 'en';
  const plain = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
  const tiny = new Intl.NumberFormat(locale, { notation: 'scientific', maximumSignificantDigits: 2 });
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  const share = new Intl.NumberFormat(locale, { style: 'percent', maximumSignificantDigits: 2 });
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  return {
    number: (value) => (value !== 0 && Math.abs(value) < 1e-3 ? tiny : plain).format(value),
    percent: (value) => percent.format(value),
    share: (value) => share.format(value),
    count: (value) => whole.format(value),
  };
}

/** A time span in the two largest units that matter. */
export function duration(seconds: number, strings: { seconds: string; minutes: string; hours: string }): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return fill(strings.seconds, s);
  if (s < 3600) return fill(strings.minutes, Math.floor(s / 60), s % 60);
  return fill(strings.hours, Math.floor(s / 3600), Math.floor((s % 3600) / 60));
}
