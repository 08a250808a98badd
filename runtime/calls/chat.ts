/** Answers of states of a model, some of which stay open: a chat asks several of them the same question. */
import { openState, activeAdapters, requireScale, type OpenState } from '../evaluation/inference/states.js';
import type { Context } from '../context/context.js';
import type { GenerateParams } from '../contract/generation.js';
import type { Requests } from '../contract/protocol.js';
import type { Device } from '../contract/recipeWords.js';
import { HumanError } from '../support/errors.js';
import { weightsStamp } from './explain.js';
import { kept } from './kept.js';
import { local, opened } from './opened.js';
import type { Reporter } from './reporter.js';

/** Weights are mapped and shared: a state that is open costs its session and its adapters. On a GPU each has its own. */
const OPEN_STATES = { cpu: 4, webgpu: 1 };
let device: Device = 'cpu';

type Adapter = GenerateParams['adapters'][number];
type Active = Awaited<ReturnType<typeof activeAdapters>>;

const keptContext = kept<Context>(
  (context) => context.scratch.close(),
  () => OPEN_STATES[device],
);
const keptState = kept<{ state: OpenState; active: Active }>(
  ({ state }) => state.dispose(),
  () => OPEN_STATES[device],
);

/** What an open state is known by: a model, and the adapters in its graph, whatever their factors. */
interface StateKey {
  readonly model: string;
  readonly adapters: readonly string[];
}

/** The key of the smallest open state that has these adapters: others are off in it. Of a state for them alone, where there is none. */
function stateKey({ model, adapters }: StateKey): string {
  const [found] = keptState
    .keys()
    .map((key) => JSON.parse(key) as StateKey)
    .filter((open) => open.model === model && adapters.every((adapter) => open.adapters.includes(adapter)))
    .sort((a, b) => a.adapters.length - b.adapters.length);
  return JSON.stringify(found ?? { model, adapters });
}

/** Of each adapter of a state by its name. */
const factors = (active: Active, wanted: readonly Adapter[]): Record<string, number> =>
  Object.fromEntries(
    active.map(({ name, path }) => [
      name,
      wanted.reduce((sum, { path: of, scale }) => (of === path ? sum + scale : sum), 0),
    ]),
  );

/** For tests: what is open. */
export const openStates = (): StateKey[] => keptState.keys().map((key) => JSON.parse(key) as StateKey);

export async function generate(
  { adapters, ...given }: GenerateParams,
  reporter: Reporter,
): Promise<Requests['generate']['result']> {
  const params = { ...given, adapters: await local(adapters, given.model, reporter) };
  params.adapters.forEach(requireScale);
  const model = JSON.stringify([params.model, params.device, params.precision]);
  const context = (): Promise<Context> => opened(params.model, params.model, reporter, params);
  return keptContext(model, context, async (context) => {
    device = context.backend.device;
    const paths = [...new Set(params.adapters.map(({ path }) => path))].sort();
    const stamped = await Promise.all(paths.map(async (path) => JSON.stringify([path, await weightsStamp(path)])));
    const key = stateKey({ model, adapters: stamped });
    const open = async (): Promise<{ state: OpenState; active: Active }> => {
      const active = await activeAdapters(
        context,
        paths.map((path) => ({ path, scale: 1 })),
      );
      return { state: await openState(context, 'chat', active), active };
    };
    return keptState(key, open, ({ state, active }) => answer(context, state, factors(active, params.adapters)));
  });

  async function answer(
    context: Context,
    state: OpenState,
    scales: Record<string, number>,
  ): Promise<Requests['generate']['result']> {
    const { tokenizer } = context;
    const ids = promptIds(params, context);
    const textOf = (answer: readonly number[]): string =>
      tokenizer.absent ? '' : tokenizer.decode(answer, { skipSpecialTokens: true });
    const answer: number[] = [];
    let sent = '';
    const from = performance.now();
    const [result] = await state.generator.generate(
      [ids],
      { ...params.options, scales },
      {
        signal: reporter.signal,
        onToken: (_, id) => {
          answer.push(id);
          const text = textOf(answer);
          // an incomplete character waits for its next token
          if (text.endsWith('\uFFFD')) return;
          reporter.onToken(text.slice(sent.length));
          sent = text;
        },
      },
    );
    return {
      text: textOf(result.ids),
      ids: result.ids,
      stopped: result.reason === 'stop',
      seconds: (performance.now() - from) / 1000,
    };
  }
}

function promptIds({ messages, prompt, ids }: GenerateParams, { tokenizer, spec }: Context): number[] {
  const given =
    ids ??
    (messages
      ? tokenizer.encode(tokenizer.chatTemplate!.render(messages, { addGenerationPrompt: true }), {
          addSpecialTokens: false,
        })
      : tokenizer.encode(prompt ?? ''));
  if (given.length === 0) throw new HumanError('the prompt is empty.', { place: 'prompt', remedy: 'Enter a prompt.' });
  if (given.length >= spec.contextLength) {
    throw new HumanError(
      `the conversation has ${given.length} tokens; the model's context holds ${spec.contextLength}.`,
      {
        place: 'prompt',
        remedy: 'Start a new conversation.',
      },
    );
  }
  const wrong = given.find((id) => !Number.isInteger(id) || id < 0 || id >= spec.vocabSize);
  if (wrong !== undefined)
    throw new HumanError(`there is no token ${wrong}; the model has ${spec.vocabSize}.`, {
      place: 'ids',
      remedy: 'Use ids of this model.',
    });
  return given;
}
