import { fill, formatDuration, numbersIn, type Numbers } from '../../runtime/contract/format.js';

/** Every sentence for people goes through `t`, also in code that knows nothing of VS Code. */
type Translate = (message: string, ...values: (string | number)[]) => string;

let translate: Translate = fill;
let language = 'en';

/**
 * The extension gives `vscode.l10n` and the language of the window here at its start. Without a bundle for it the text
 * is English.
 */
export function useTranslations({ t: with_, bundle }: { t: Translate; bundle?: object }, of: string): void {
  translate = with_;
  language = bundle === undefined ? 'en' : of;
}

/** Of the text and its numbers. */
export const textLanguage = (): string => language;

/** What `t` uses now. */
export const translation = (): Translate => translate;

export const t: Translate = (message, ...values) => translate(message, ...values);

/** Numbers as the text has them. */
export const numbers = (): Numbers => numbersIn(language);

/** 0.923 → "92.3 %". */
export const percent = (share: number): string => numbers().percent(share);

/** 41 → "41 s", 125 → "2 min 5 s", 7260 → "2 h 1 min". */
export const duration = (seconds: number): string =>
  formatDuration(seconds, {
    seconds: t('{0} s', '{0}'),
    minutes: t('{0} min', '{0}'),
    minutesSeconds: t('{0} min {1} s', '{0}', '{1}'),
    hours: t('{0} h {1} min', '{0}', '{1}'),
    long: t('100 days or more'),
    unknown: t('an unknown time'),
  });

/** 685184 → "0.7 M", 134515008 → "135 M", 1.5e9 → "1.5 B". */
export function parameters(count: number): string {
  const [value, unit] = count >= 1e9 ? [count / 1e9, 'B'] : count >= 1e5 ? [count / 1e6, 'M'] : [count / 1e3, 'k'];
  return `${numbers().number(Number(value.toFixed(value >= 10 ? 0 : 1)))} ${unit}`;
}

/** What an adapter is multiplied with. */
export const times = (scale: number): string => `× ${numbers().number(scale)}`;
