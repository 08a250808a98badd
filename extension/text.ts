import { formatPercent } from '../runtime/evaluation/protocol.js';

/** Every sentence for people goes through `t`, also in code that knows nothing of VS Code. */
export type Translate = (message: string, ...values: (string | number)[]) => string;

const inEnglish: Translate = (message, ...values) =>
  message.replace(/\{(\d+)\}/g, (whole, index: string) => String(values[Number(index)] ?? whole));

let translate: Translate = inEnglish;
let language = 'en';

/** The extension gives `vscode.l10n.t` and the language of the window here at its start. */
export function useTranslations(with_: Translate, of: string): void {
  translate = with_;
  language = Intl.NumberFormat.supportedLocalesOf([of])[0] ?? 'en';
}

export const t: Translate = (message, ...values) => translate(message, ...values);

/** 0.923 → "92.3 %", in the language of the window. */
export const percent = (share: number): string => formatPercent(share, language);

/** Longer than anything is watched; a clock that was set can say so. */
const MOST_SECONDS = 100 * 24 * 3600;

/** 41 → "41 s", 125 → "2 min 5 s", 7260 → "2 h 1 min", 200000 → "55 h 33 min"; what no clock can have measured is said in words. */
export function duration(seconds: number): string {
  if (!(seconds >= 0)) return t('an unknown time');
  if (seconds >= MOST_SECONDS) return t('100 days or more');
  const s = Math.round(seconds);
  if (s < 60) return t('{0} s', s);
  if (s < 3600) return s % 60 ? t('{0} min {1} s', Math.floor(s / 60), s % 60) : t('{0} min', s / 60);
  return t('{0} h {1} min', Math.floor(s / 3600), Math.floor((s % 3600) / 60));
}

/** 685184 → "0.7 M", 134515008 → "135 M", 1.5e9 → "1.5 B". */
export function parameters(count: number): string {
  const [value, unit] = count >= 1e9 ? [count / 1e9, 'B'] : count >= 1e5 ? [count / 1e6, 'M'] : [count / 1e3, 'k'];
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, '')} ${unit}`;
}
