import assert from 'node:assert/strict';
import { serve, type Port } from '../../extension/panels/channel.js';
import { CHAT_REQUEST, CHAT_STATE, RUN_REQUEST, RUN_STATE, TRAINING_REQUEST } from '../../extension/panels/requests.js';
import type { ChatPageRequest } from '../../webview/protocol/chat.js';
import type { HostMessage } from '../../webview/protocol/envelope.js';
import type { RunPageRequest } from '../../webview/protocol/run.js';
import type { TrainingPageRequest } from '../../webview/protocol/training.js';
import { damageJsonText } from './damage.js';
import { fuzz } from './harness.js';

const RUN: RunPageRequest[] = [
  ...(['ready', 'stop', 'resume', 'runAgain', 'openRecipe', 'openAnswers'] as const).map((type) => ({ type })),
  { type: 'openWalkthrough', topic: 'gradients' },
];
const CHAT: ChatPageRequest[] = [
  ...[{ type: 'ready' } as const, { type: 'clear' } as const, { type: 'send', text: 'Hi' } as const],
  { type: 'toggleAdapter', path: '/w/a', attached: true },
  { type: 'openWalkthrough', topic: 'danger' },
];
const TRAINING: TrainingPageRequest[] = [
  ...[{ type: 'ready' } as const, { type: 'start' } as const, { type: 'protect', on: true } as const],
  { type: 'choose', key: 'vector', value: '/w/v' },
  { type: 'chooseRecipe', file: '/w/r.json' },
  { type: 'openKey', key: 'adapter.rank' },
  { type: 'act', action: 'scan' },
  { type: 'stopOther', id: '/w/a' },
  { type: 'resumeAwaited', id: '/w/a' },
  { type: 'move', id: '/w/a', to: 'down' },
  { type: 'pauseQueue', paused: true },
];
const VALUES = ['send', 'ready', 'toggleAdapter', 'openWalkthrough', 'table', 'x', true, { type: 'ready' }];
const PAGES = { run: RUN_REQUEST, chat: CHAT_REQUEST, training: TRAINING_REQUEST };

/**
 * Messages of a page, and what it kept: a handler sees requests of the contract alone, every number is answered once.
 */
fuzz<{ page: keyof typeof PAGES; message: string }>({
  name: 'page message',
  rounds: 480,
  sources: () => [
    ...RUN.map((request, id) => ({ page: 'run' as const, message: JSON.stringify({ id, request }) })),
    ...CHAT.map((request, id) => ({ page: 'chat' as const, message: JSON.stringify({ id, request }) })),
    ...TRAINING.map((request, id) => ({ page: 'training' as const, message: JSON.stringify({ id, request }) })),
  ],
  damage: ({ page, message }, rng) => ({ page, message: damageJsonText(message, rng, VALUES) }),
  load: async ({ page, message }) => {
    if (!Object.hasOwn(PAGES, page)) return false;
    let value: unknown;
    try {
      value = JSON.parse(message);
    } catch {
      return false; // the channel carries values
    }
    for (const state of [RUN_STATE, CHAT_STATE]) state.safeParse(value);
    const sent: HostMessage<never>[] = [];
    let receive: (message: unknown) => unknown = () => undefined;
    const port: Port = {
      postMessage: async (answer) => sent.push(answer as HostMessage<never>),
      onDidReceiveMessage: (listener) => {
        receive = listener;
        return { dispose: () => undefined };
      },
    };
    const [handled, bugs]: unknown[][] = [[], []];
    serve<never, RunPageRequest | ChatPageRequest | TrainingPageRequest>(
      port,
      PAGES[page],
      (request) => handled.push(request),
      (error) => bugs.push(error),
    );
    await receive(value);
    const { id, request } = (value ?? {}) as { id?: unknown; request?: unknown };
    assert.equal(sent.length, Number.isFinite(id) ? 1 : 0);
    assert.equal(handled.length + bugs.length, sent.length);
    // Nothing is added to what was asked, and nothing left out.
    if (handled.length) assert.deepEqual(handled, [request]);
    return handled.length > 0;
  },
});
