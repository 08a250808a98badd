/** What a scan needs, from the cluster's own model: one job computes it, and the scan here reads it. */
import type { ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import type { Comparison, Learner, RowLoss } from '../../learner/learner.js';
import { supervised, type TrainingRow } from '../../learner/packing.js';
import type { Job } from './job.js';
import type { Recipe } from '../../contract/recipe.js';
import { sum } from '../../contract/sum.js';
import { sha256 } from '../../support/files.js';
import type { Cluster } from '../../cluster/cluster.js';
import type { JobPlan } from '../../cluster/package.js';
import { Plan, type Measure } from '../../cluster/plan.js';
import { comparedRows } from './measuredThere.js';
import { peftAdapters, type SentAdapter } from './adaptersThere.js';

type Scales = TrainingRow['scales'];

/**
 * Supervised tokens of one job. It says three numbers of each, in one message, and its log is a string here: twenty
 * times as many would be too long for one.
 */
const MOST_TOKENS = 2 ** 22;

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

/** Rows of lists in order, in parts of about so many supervised tokens. */
function* parts(lists: readonly ExampleList[], tokens: number): Generator<Example[]> {
  let some: Example[] = [];
  let left = tokens;
  for (const list of lists)
    for (const example of list) {
      some.push(example);
      left -= supervised(example.labels).length;
      if (left > 0) continue;
      yield some;
      [some, left] = [[], tokens];
    }
  if (some.length > 0) yield some;
}

/** A learner that knows the losses of some rows, and nothing else. */
interface KnownLosses extends Pick<Learner, 'losses'>, Pick<Known<RowLoss>, 'add'> {}

export function knownLosses(): KnownLosses {
  const { add, of } = knownRows<RowLoss>();
  return { add, losses: of };
}

/** Factors that are zero count as absent. */
const key = ({ ids, labels }: TrainingRow['example'], scales: Scales): string =>
  sha256(
    JSON.stringify([
      ids,
      labels,
      Object.entries(scales)
        .filter(([, factor]) => factor !== 0)
        .sort(),
    ]),
  );

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
  mostTokens = MOST_TOKENS,
): Promise<Scanner> {
  const known = knownRows<Comparison>();
  const sent = await peftAdapters(job, adapters);
  const ask = async (name: string, rows: readonly ExampleList[]): Promise<void> => {
    const all = sum(rows.map(({ length }) => length));
    let done = 0;
    let jobs = 0;
    for (const examples of parts(rows, mostTokens / states.length)) {
      job.progress('scanning the data with the vector', done / all);
      jobs += 1;
      await compareThere(cluster, sent, examples, states, jobs === 1 ? name : `${name}part${jobs}`, known);
      done += examples.length;
    }
  };
  await ask('scan', lists);
  return { compare: known.of, ask: (name, examples) => ask(name, [examples]) };
}

async function compareThere(
  cluster: Cluster,
  adapters: JobPlan['adapters'],
  examples: readonly Example[],
  states: readonly Scales[],
  name: string,
  known: Known<Comparison>,
): Promise<void> {
  const plan = new Plan();
  const measures: Record<string, Measure> = {};
  states.forEach((scales, i) => (measures[String(i)] = { examples, scales, tokens: true, compared: true }));
  const written = plan.measures(measures);
  await cluster.run(
    name,
    { adapters, scales: plan.scales, files: plan.files(), measures: written },
    {
      after: 0,
      step: () => 0,
      async onMessage(message) {
        if (message.kind !== 'measured') return;
        for (const [state, { scales }] of Object.entries(measures))
          known.add(examples, scales, comparedRows(message.sets[state], examples, cluster.address));
      },
    },
  );
}
