/** Answers of a model with adapters: sessions stay open, and attaching an adapter is only another input of one. */
import { otherUse } from '../adapters/base.js';
import { adapterFlat, type FlatAdapter } from '../adapters/flat.js';
import type { ScaledAdapter } from '../adapters/merge.js';
import { openGenerator, type Generator } from '../evaluation/inference/generate.js';
import { requireScale } from '../evaluation/inference/states.js';
import { DEVICES } from '../device/devices.js';
import type { Context } from '../context/context.js';
import type { Requests } from '../contract/protocol.js';
import type { Device } from '../contract/recipeWords.js';
import { modelStamp } from '../models/modelFiles.js';
import { HumanError } from '../support/errors.js';
import { shown } from '../support/jsonFile.js';
import { without } from '../support/without.js';
import { adapterStamp } from './explain.js';
import { keptOpen } from './keptOpen.js';
import { local, opened, warnOfTemplate } from './opened.js';
import { warnsOf, type Reporter } from './reporter.js';

/** Models that are open at once: on a CPU they are mapped, on a GPU they take its memory. */
const mostModels = (): number => (device === 'cpu' ? 4 : 1);
const READ_ADAPTERS = 8;
/** The answer is on its way before something else is opened. */
const AHEAD_MS = 100;
let device: Device = 'cpu';

const keptContext = keptOpen<Context>((context) => context.scratch.close(), mostModels);
const keptGenerator = keptOpen<Generator>((generator) => generator.dispose(), mostGenerators);
const keptAdapter = keptOpen<FlatAdapter>(
  () => undefined,
  () => READ_ADAPTERS,
);

/** A session that takes adapters is slower without any than one that takes none. */
interface GeneratorKey {
  readonly model: string;
  readonly attachable: boolean;
}

/** For tests: what is open. */
export const openGenerators = (): GeneratorKey[] => keptGenerator.keys().map((key) => JSON.parse(key) as GeneratorKey);

/** Whether generators of one model share its weights: on a CPU they are mapped, and some GPUs keep them. */
const sharesWeights = (on: Device): boolean => on === 'cpu' || DEVICES[on].keeps;

function mostGenerators(): number {
  if (device === 'cpu') return 4;
  const open = openGenerators();
  return sharesWeights(device) ? open.filter(({ model }) => model === open.at(-1)!.model).length : 1;
}

const isOpen = (model: string, attachable: boolean): boolean =>
  openGenerators().some((open) => open.model === model && open.attachable === attachable);

export async function generate(
  { adapters, ...given }: Requests['generate']['params'],
  reporter: Reporter,
): Promise<Requests['generate']['result']> {
  const params = { ...given, adapters: await local(adapters, reporter) };
  params.adapters.forEach(requireScale);
  const model = JSON.stringify([params.model, params.device, params.precision, await modelStamp(params.model)]);
  const context = async (): Promise<Context> => {
    const context = await opened(params.model, params.model, reporter, params);
    if (params.messages) warnOfTemplate(context, reporter);
    return context;
  };
  return keptContext(model, context, async (context) => {
    device = context.backend.device;
    const active = await Promise.all(
      params.adapters.map(async ({ path, scale }): Promise<ScaledAdapter> => {
        const key = JSON.stringify([model, path, await adapterStamp(path)]);
        return keptAdapter(
          key,
          async () => {
            const warn = warnsOf(reporter);
            const adapter = await adapterFlat(path, without(context, 'tokenizer'), warn);
            const other = otherUse(adapter.file, context);
            if (other) warn(other.message, path, other.remedy ?? '');
            return adapter;
          },
          (adapter) => ({ ...adapter, scale }),
        );
      }),
    );
    const attaches = active.some(({ scale }) => scale !== 0);
    const attachable = attaches || (isOpen(model, true) && !isOpen(model, false));
    const result = await withGenerator(context, { model, attachable }, (generator) =>
      answer(context, generator, active),
    );
    if (!attachable) openAhead(context, model);
    return result;
  });

  async function answer(
    context: Context,
    generator: Generator,
    adapters: readonly ScaledAdapter[],
  ): Promise<Requests['generate']['result']> {
    const { tokenizer } = context;
    const ids = promptIds(params, context);
    const textOf = (answer: readonly number[]): string =>
      tokenizer.absent ? '' : tokenizer.decode(answer, { skipSpecialTokens: true });
    const answer: number[] = [];
    let sent = '';
    const from = performance.now();
    const [result] = await generator.generate(
      [ids],
      { ...params.options, adapters },
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

function withGenerator<R>(
  { backend, spec, model, sites, tokenizer }: Context,
  key: GeneratorKey,
  use: (generator: Generator) => R | Promise<R>,
): Promise<R> {
  const open = (): Promise<Generator> =>
    openGenerator({
      backend,
      spec,
      model,
      adapters: [],
      sites: key.attachable ? sites : [],
      stopIds: tokenizer.eosIds,
      padId: tokenizer.padId,
    });
  return keptGenerator(JSON.stringify(key), open, use);
}

/**
 * Opens what takes adapters while the answer is read, so that attaching one need not wait for it. Where each session
 * has the weights again, on some GPUs and with weights in blocks, it waits until it is asked for.
 */
function openAhead(context: Context, model: string): void {
  if (!sharesWeights(context.backend.device) || context.model.packed || isOpen(model, true)) return;
  const open = (): Promise<unknown> => withGenerator(context, { model, attachable: true }, () => undefined);
  const openStill = (): void => {
    // another model may have taken its place; what goes wrong is said to the one who asks for it
    if (isOpen(model, false)) void open().catch(() => undefined);
  };
  setTimeout(openStill, AHEAD_MS).unref();
}

function promptIds({ messages, prompt, ids }: Requests['generate']['params'], { tokenizer, spec }: Context): number[] {
  const given =
    ids ??
    (messages
      ? tokenizer.encode(tokenizer.chatTemplate!.render(messages, { addGenerationPrompt: true }), {
          addSpecialTokens: false,
        })
      : tokenizer.encode(prompt ?? ''));
  if (given.length === 0) throw new HumanError('the prompt is empty.', { place: 'prompt', remedy: 'Enter a prompt.' });
  if (given.length >= spec.contextLength) {
    const isLong = (messages ?? []).some(({ role }) => role === 'assistant');
    throw new HumanError(
      `the ${isLong ? 'conversation' : 'prompt'} has ${given.length} tokens; the model's context holds ${spec.contextLength}.`,
      {
        place: ids ? 'ids' : 'prompt',
        remedy: isLong ? 'Start a new conversation.' : 'Shorten it.',
      },
    );
  }
  const foreign = ids ? undefined : given.find((id) => id >= spec.vocabSize);
  if (foreign !== undefined)
    throw new HumanError(
      `the model has no embedding for the token ${shown(tokenizer.decode([foreign]))} in the prompt.`,
      { place: 'prompt', remedy: 'Leave it out.' },
    );
  const wrong = given.find((id) => !Number.isInteger(id) || id < 0 || id >= spec.vocabSize);
  if (wrong !== undefined)
    throw new HumanError(`there is no token ${wrong}; the model has ${spec.vocabSize}.`, {
      place: 'ids',
      remedy: 'Use ids of this model.',
    });
  return given;
}
