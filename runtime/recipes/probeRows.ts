/** Which rows the charts of a fine-tuning are drawn from, as its events tell it. */
import type { HarmfulLoss, ProbedRows, ProbeRows } from '../contract/events.js';
import type { FinetuneRecipe } from '../contract/recipe.js';
import type { Example } from '../data/examples.js';
import { sha256 } from '../support/files.js';
import type { Job, TrainingState } from './job.js';

interface Probed {
  readonly harmful: readonly Example[];
  readonly benign: readonly Example[];
}
type Benign = NonNullable<ProbeRows['benign']>['rows'];

function rowsOf<Rows extends string>(rows: Rows, examples: readonly Example[]): ProbedRows<Rows> | undefined {
  if (examples.length === 0) return undefined;
  const id = sha256(JSON.stringify(examples.map(({ ids, labels }) => [[...ids], [...labels]]))).slice(0, 16);
  return { rows, of: examples.length, id };
}

export function named({ harmful, benign }: Probed, harmfulRows: HarmfulLoss['rows'], benignRows: Benign): ProbeRows {
  const [one, other] = [rowsOf(harmfulRows, harmful), rowsOf(benignRows, benign)];
  return { ...(one && { harmful: one }), ...(other && { benign: other }) };
}

/** Of a run on a cluster: that its job was sent by a version that tells its rows. */
const TOLD = 'probe rows told';

/**
 * Whether the rows that are measured are those that are chosen now. A job on a cluster goes on with the rows that were sent with
 * it, and those of an earlier version were others: of such a run nothing is told. To be asked before its first checkpoint.
 */
export function tellsRows(
  { cluster, folder }: Job<FinetuneRecipe>,
  { artifacts }: Pick<TrainingState, 'artifacts'>,
): boolean {
  if (!cluster) return true;
  if (!folder.checkpoint) artifacts[TOLD] = 'yes';
  return artifacts[TOLD] !== undefined;
}
