import type { CommandArguments } from '../host/commandArguments.js';
import type { Services } from '../services/services.js';

/**
 * Counts a data file that is too large to be counted unasked, or that could not be: its rows, and its tokens where
 * there is a model.
 */
export function countData(
  { assertTrusted, inspector, tokens }: Pick<Services, 'assertTrusted' | 'inspector' | 'tokens'>,
  { file }: CommandArguments['countData'],
): void {
  assertTrusted();
  if (file === undefined) return;
  for (const counts of [inspector, tokens]) counts.countAnyway(file);
}
