import { formatDuration, NO_NUMBER, numbersIn } from '../../contract/format.js';
import { isFiniteNumber } from '../../contract/measures.js';

const orNone =
  (format: (value: number) => string) =>
  (value: number | null | undefined): string =>
    isFiniteNumber(value) ? format(value) : NO_NUMBER;

/** A loss or a norm. */
export const formatNumber = orNone(numbersIn().number);
export const formatSeconds = orNone((seconds) => formatDuration(seconds));
