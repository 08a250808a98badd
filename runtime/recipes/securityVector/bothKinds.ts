/** Whether the rows that a vector is trained on are what their files are named as. */
import type { LoadedData } from '../../context/context.js';
import { plural } from '../../contract/format.js';
import type { VectorRecipe } from '../../contract/recipe.js';
import { wholeName } from '../../data/askedBy.js';
import type { Job } from '../training/job.js';

/** Warns of rows in both files, and of rows whose label says that they belong in the other one. */
export async function warnOfKinds(
  { emit }: Pick<Job<VectorRecipe>, 'emit'>,
  { harmful, benign }: { harmful: LoadedData; benign?: LoadedData },
): Promise<void> {
  const warn = (message: string, place: string, remedy: string): Promise<void> =>
    emit({ kind: 'warning', message, place, remedy });
  const names = new Set<string>();
  const labelled = { harmful: 0, benign: 0 };
  let both = 0;
  for (const row of harmful.examples) {
    if (benign) names.add(wholeName(row));
    if (row.label === 'benign') labelled.harmful += 1;
  }
  for (const row of benign?.examples ?? []) {
    if (names.has(wholeName(row))) both += 1;
    if (row.label === 'harmful') labelled.benign += 1;
  }
  if (both > 0)
    await warn(
      `${both} of the ${benign!.examples.length} rows of "benign" ${plural(both, 'is a row', 'are rows')} of "harmful", too: the vector is to learn such rows and to leave them as they are.`,
      'benign',
      'Keep each row in one of the two files.',
    );
  for (const [key, data, other] of [
    ['harmful', harmful, 'benign'],
    ['benign', benign, 'harmful'],
  ] as const)
    if (data && labelled[key] > 0)
      await warn(
        `${labelled[key]} of the ${data.examples.length} rows of "${key}" ${plural(labelled[key], 'has', 'have')} the label "${other}".`,
        key,
        'Move these rows to the other file, or correct their labels.',
      );
}
