/** Which rows the charts of a fine-tuning are drawn from, as its events tell it. */
import type { HarmfulLoss, ProbeRows } from '../../contract/events.js';
import type { Example } from '../../data/examples.js';
import { sha256 } from '../../support/files.js';

interface Probed {
  readonly harmful: readonly Example[];
  readonly benign: readonly Example[];
}
type Benign = NonNullable<ProbeRows['benign']>['rows'];

function rowsOf<Rows extends string>(rows: Rows, examples: readonly Example[]) {
  if (examples.length === 0) return undefined;
  const id = sha256(JSON.stringify(examples.map(({ ids, labels }) => [[...ids], [...labels]]))).slice(0, 16);
  return { rows, of: examples.length, id };
}

export function named({ harmful, benign }: Probed, harmfulRows: HarmfulLoss['rows'], benignRows: Benign): ProbeRows {
  const [one, other] = [rowsOf(harmfulRows, harmful), rowsOf(benignRows, benign)];
  return { ...(one && { harmful: one }), ...(other && { benign: other }) };
}
