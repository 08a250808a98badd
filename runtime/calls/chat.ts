/** Answers of states of a model, some of which stay open: a chat asks several of them the same question. */
import { openState, activeAdapters, type OpenState } from '../evaluation/inference/states.js';
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

const keptState = kept<{ context: Context; state: OpenState }>(
  async ({ context, state }) => {
    await state.dispose();
    context.scratch.close();
  },
  () => OPEN_STATES[device],
);

export async function generate(
  { adapters, ...given }: GenerateParams,
  reporter: Reporter,
): Promise<Requests['generate']['result']> {
  const params = { ...given, adapters: await local(adapters, given.model, reporter) };
  const stamps = await Promise.all(params.adapters.map((a) => weightsStamp(a.path)));
  const key = JSON.stringify([params.model, params.device, params.precision, params.adapters, stamps]);
  const open = async (): Promise<{ context: Context; state: OpenState }> => {
    const context = await opened(params.model, params.model, reporter, params);
    device = context.backend.device;
    return { context, state: await openState(context, 'chat', await activeAdapters(context, params.adapters)) };
  };
  return keptState(key, open, async ({ context, state }) => {
    const { tokenizer } = context;
    const ids = promptIds(params, context);
    const textOf = (answer: readonly number[]): string =>
      tokenizer.absent ? '' : tokenizer.decode(answer, { skipSpecialTokens: true });
    const answer: number[] = [];
    let sent = '';
    const from = performance.now();
    const [result] = await state.generator.generate([ids], params.options, {
      signal: reporter.signal,
      onToken: (_, id) => {
        answer.push(id);
        const text = textOf(answer);
        // an incomplete character waits for its next token
        if (text.endsWith('\uFFFD')) return;
        reporter.onToken(text.slice(sent.length));
        sent = text;
      },
    });
    return {
      text: textOf(result.ids),
      ids: result.ids,
      stopped: result.reason === 'stop',
      seconds: (performance.now() - from) / 1000,
    };
  });
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
