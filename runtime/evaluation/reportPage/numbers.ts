import { formatPercent } from '../protocol.js';

const plain = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const tiny = new Intl.NumberFormat('en', { notation: 'scientific', maximumSignificantDigits: 2 });

const finite = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** What stands where a number is missing or is not a number; never an empty cell. */
export const NO_NUMBER = 'no number';

/** A loss or a norm: three significant digits. */
export function formatNumber(value: number | null | undefined): string {
  if (!finite(value)) return NO_NUMBER;
  return (value !== 0 && Math.abs(value) < 1e-3 ? tiny : plain).format(value);
}

/** A share in [0, 1]. */
export const formatShare = (value: number | null | undefined): string =>
  finite(value) ? formatPercent(value) : NO_NUMBER;

/** Seconds as "48 s" or "3 min 5 s". */
export function formatSeconds(value: number | null | undefined): string {
  if (!finite(value)) return NO_NUMBER;
  const s = Math.round(value);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}
