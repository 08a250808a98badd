/** The answers and losses of an evaluation, from a cluster; they are judged here. */
import type { Cluster } from '../../cluster/cluster.js';
import { knownLosses } from '../training/lossesThere.js';
import { Plan, type Measure } from '../../cluster/plan.js';
import { byToken } from '../training/measuredThere.js';
import { peftAdapters } from '../training/adaptersThere.js';
import type { EvaluateRecipe } from '../../contract/recipe.js';
import type { LoadedSet } from '../../evaluation/evaluate.js';
import { lossesOf } from '../../evaluation/inference/losses.js';
import type { activeAdapters, ModelState } from '../../evaluation/inference/states.js';
import type { Job } from '../training/job.js';

interface NamedState {
  readonly name: string;
  readonly adapters: Awaited<ReturnType<typeof activeAdapters>>;
}

/** One job for all states; what it answered is then read as if the model were here. */
export async function statesThere(
  job: Job<EvaluateRecipe>,
  cluster: Cluster,
  sets: readonly LoadedSet[],
  states: readonly NamedState[],
): Promise<Map<string, ModelState>> {
  const { recipe, context } = job;
  const { tokenizer, spec } = context;
  const plan = new Plan();
  const named = states.map(({ name, adapters }, i) => ({
    name,
    adapters: adapters.map((adapter, j) => ({ ...adapter, name: `state${i}-${j}` })),
  }));
  const scalesOf = Object.fromEntries(
    named.map(({ name, adapters }) => [name, Object.fromEntries(adapters.map((a) => [a.name, a.scale]))]),
  );
  const roomOf = ({ length }: readonly number[]): number =>
    Math.max(0, Math.min(recipe.generation.maxNewTokens, spec.contextLength - length));
  const prompts = new Map<string, { row: number; room: number }>();
  const measures: Record<string, Measure> = {};
  for (const { set, examples } of sets) {
    if (set.measure === 'loss')
      for (const { name } of named)
        measures[`${name}\n${set.name}`] = { examples, scales: scalesOf[name], tokens: true };
    else
      for (const { promptIds } of examples)
        if (roomOf(promptIds) > 0)
          prompts.set(keyOf(promptIds), {
            row: plan.row({ ids: [...promptIds], labels: [] }),
            room: roomOf(promptIds),
          });
  }
  const sent = await peftAdapters(
    job,
    named.flatMap(({ adapters }) => adapters),
  );
  const generate = {
    prompts: Array.from(prompts.values(), ({ row }) => row),
    rooms: Array.from(prompts.values(), ({ room }) => room),
    kinds: Object.fromEntries(named.map(({ name }) => [name, plan.kind(scalesOf[name])])),
    stop: tokenizer.eosIds,
    pad: tokenizer.padId ?? 0,
  };
  const written = plan.measures(measures);
  const known = knownLosses();
  const answers = new Map<string, Map<string, number[]>>();
  await job.emit({ kind: 'state', state: 'evaluating', message: `answering on ${cluster.address}` });
  await cluster.run(
    'evaluate',
    { adapters: sent, scales: plan.scales, files: plan.files(), measures: written, generate },
    {
      after: 0,
      step: () => 0,
      async onMessage(message) {
        if (message.kind === 'measured')
          for (const [name, set] of Object.entries(message.sets)) {
            const measure = measures[name];
            if (measure) known.add(measure.examples, measure.scales, byToken(set));
          }
        if (message.kind === 'answers')
          for (const [name, given] of Object.entries(message.sets))
            answers.set(name, new Map([...prompts.keys()].map((key, i) => [key, given[i] ?? []])));
      },
    },
  );
  return new Map(
    named.map(({ name }) => [
      name,
      {
        name,
        generator: {
          async *answers(asked) {
            for (const [index, prompt] of asked.entries()) {
              const room = roomOf(prompt);
              const ids = room > 0 ? answers.get(name)?.get(keyOf(prompt)) : [];
              if (!ids) throw new Error('the cluster was not asked for the answer to this prompt');
              yield { index, answer: { ids, reason: ids.length < room ? 'stop' : 'length' } };
            }
          },
        },
        losses: (examples, hooks) => lossesOf(known, {}, examples, scalesOf[name], hooks),
      } satisfies ModelState,
    ]),
  );
}

const keyOf = (ids: readonly number[]): string => ids.join();
