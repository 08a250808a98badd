/** What a scan needs, from the cluster's own model: one job computes it, and the scan here reads it. */
import type { ExampleList } from '../data/exampleList.js';
import type { Comparison, Learner, RowLoss } from '../learner/learner.js';
import type { TrainingRow } from '../learner/packing.js';
import type { Job } from './job.js';
import type { Recipe } from '../contract/recipe.js';
import type { Cluster } from '../cluster/cluster.js';
import { Plan, type Measure } from '../cluster/plan.js';
import { comparedRows, peftFiles, type SentAdapter } from './trainThere.js';

type Scales = TrainingRow['scales'];

/** What the cluster has said of some rows with some factors on the adapters. */
interface Known<T> {
  add(examples: Iterable<TrainingRow['example']>, scales: Scales, found: readonly T[]): void;
  of(rows: readonly TrainingRow[]): Promise<T[]>;
}

function knownRows<T>(): Known<T> {
  const known = new Map<string, T>();
  return {
    add(examples, scales, found) {
      let at = 0;
      for (const example of examples) known.set(key(example, scales), found[at++]);
    },
    of: (rows) =>
      Promise.resolve(
        rows.map(({ example, scales }) => {
          const found = known.get(key(example, scales));
          if (!found) throw new Error('the cluster was not asked for this row');
          return found;
        }),
      ),
  };
}

/** A learner that knows the losses of some rows, and nothing else. */
interface KnownLosses extends Pick<Learner, 'losses'>, Pick<Known<RowLoss>, 'add'> {}

export function knownLosses(): KnownLosses {
  const { add, of } = knownRows<RowLoss>();
  return { add, losses: of };
}

/** Factors that are zero count as absent. */
const key = ({ ids, labels }: TrainingRow['example'], scales: Scales): string =>
  JSON.stringify([
    ids,
    labels,
    Object.entries(scales)
      .filter(([, factor]) => factor !== 0)
      .sort(),
  ]);

/** A learner that compares rows which it was told of before. */
export interface Scanner extends Pick<Learner, 'compare'> {
  /** Further rows, of which one that computes elsewhere is told in one go. @param name of the work, once in a run */
  ask?(name: string, examples: ExampleList): Promise<void>;
}

/** Asks the cluster what each of these factors on the adapters changes of these rows. */
export async function clusterComparisons(
  job: Job<Recipe>,
  cluster: Cluster,
  adapters: readonly SentAdapter[],
  lists: readonly ExampleList[],
  states: readonly Scales[],
): Promise<Scanner> {
  const known = knownRows<Comparison>();
  const ask = (name: string, rows: readonly ExampleList[]) =>
    compareThere(job, cluster, adapters, rows, states, name, known);
  await ask('scan', lists);
  return { compare: known.of, ask: (name, examples) => ask(name, [examples]) };
}

async function compareThere(
  job: Job<Recipe>,
  cluster: Cluster,
  adapters: readonly SentAdapter[],
  lists: readonly ExampleList[],
  states: readonly Scales[],
  name: string,
  known: Known<Comparison>,
): Promise<void> {
  const plan = new Plan();
  const measures: Record<string, Measure> = {};
  lists.forEach((examples, i) =>
    states.forEach((scales, j) => (measures[`${i} ${j}`] = { examples, scales, tokens: true, compared: true })),
  );
  const written = plan.measures(measures);
  const packages = [];
  for (const adapter of adapters) packages.push({ name: adapter.name, files: await peftFiles(job, adapter) });
  job.progress('scanning the data with the vector');
  await cluster.run(
    name,
    { adapters: packages, scales: plan.scales, files: plan.files(), measures: written },
    {
      after: 0,
      step: () => 0,
      async onMessage(message) {
        if (message.kind !== 'measured') return;
        for (const [name, set] of Object.entries(message.sets)) {
          const measure = measures[name];
          if (measure)
            known.add(measure.examples, measure.scales, comparedRows(set, measure.examples, cluster.address));
        }
      },
    },
  );
}
