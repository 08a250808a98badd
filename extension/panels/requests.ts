/** What pages may ask of the host, and what they may have kept: anything else is refused before a handler sees it. */
import { z } from 'zod';
import type {
  ChatPageRequest,
  ChatPageState,
  RunPageRequest,
  RunPageState,
  TrainingAction,
  TrainingKey,
  TrainingPageRequest,
  WalkthroughTopic,
} from '../../webview/protocol.js';

const TOPICS = ['harmful-loss', 'benign-loss', 'gradients', 'table', 'danger'] as const satisfies WalkthroughTopic[];
const openWalkthrough = z.strictObject({ type: z.literal('openWalkthrough'), topic: z.enum(TOPICS) });
const toggleAdapter = z.strictObject({ type: z.literal('toggleAdapter'), path: z.string(), attached: z.boolean() });
const bare = <T extends string>(...types: T[]) => z.strictObject({ type: z.enum(types) });

/** A message that is pasted; the longest context is far below. */
const MAX_CHARACTERS = 2 ** 24;

export const RUN_REQUEST: z.ZodType<RunPageRequest> = z.union([
  bare('ready', 'stop', 'resume', 'runAgain', 'openRecipe', 'openAnswers', 'openReport', 'openFolder'),
  openWalkthrough,
]);

export const CHAT_REQUEST: z.ZodType<ChatPageRequest> = z.union([
  bare('ready', 'stop', 'clear'),
  z.strictObject({ type: z.literal('send'), text: z.string().max(MAX_CHARACTERS) }),
  toggleAdapter,
  openWalkthrough,
]);

const KEYS = ['model', 'data', 'vector'] as const satisfies TrainingKey[];
const ACTIONS = [
  'openSample',
  'addModel',
  'newRecipe',
  'trainVector',
  'trainNamedVector',
  'scan',
  'openFile',
  'trust',
] as const satisfies TrainingAction[];

export const TRAINING_REQUEST: z.ZodType<TrainingPageRequest> = z.union([
  bare('ready', 'start', 'stop', 'resume', 'runAgain', 'openRecipe', 'openRun'),
  z.strictObject({ type: z.literal('chooseRecipe'), file: z.string() }),
  z.strictObject({ type: z.literal('choose'), key: z.enum(KEYS), value: z.string() }),
  z.strictObject({ type: z.literal('protect'), on: z.boolean() }),
  z.strictObject({ type: z.literal('openKey'), key: z.string() }),
  z.strictObject({ type: z.literal('act'), action: z.enum(ACTIONS) }),
  z.strictObject({ type: z.literal('stopQueued'), id: z.string() }),
  toggleAdapter,
  openWalkthrough,
]);

/** Kept by the page of a window that was closed. */
export const RUN_STATE: z.ZodType<RunPageState> = z.object({ run: z.string().min(1) });
export const CHAT_STATE: z.ZodType<ChatPageState> = z.object({ chat: z.string().min(1), draft: z.string().catch('') });
