/** What pages may ask of the host, and what they may have kept: anything else is refused before a handler sees it. */
import * as z from 'zod';
import { LABELS } from '../../runtime/contract/labels.js';
import { DECISIONS } from '../../runtime/contract/review.js';
import { PICTURE_FORMATS, type ComparePageRequest, type ComparePageState } from '../../webview/protocol/compare.js';
import type { ChatPageRequest, ChatPageState } from '../../webview/protocol/chat.js';
import type { RunPageRequest, RunPageState, WalkthroughTopic } from '../../webview/protocol/run.js';
import type { TrainingAction, TrainingKey, TrainingPageRequest } from '../../webview/protocol/training.js';
import type { TriagePageRequest, TriagePageState } from '../../webview/protocol/triage.js';

const TOPICS = ['harmful-loss', 'benign-loss', 'gradients', 'table', 'danger'] as const satisfies WalkthroughTopic[];
const openWalkthrough = z.strictObject({ type: z.literal('openWalkthrough'), topic: z.enum(TOPICS) });
const toggleAdapter = z.strictObject({ type: z.literal('toggleAdapter'), path: z.string(), attached: z.boolean() });
const bare = <T extends string>(...types: T[]) => z.strictObject({ type: z.enum(types) });

/** A message that is pasted; the longest context is far below. */
const MAX_CHARACTERS = 2 ** 24;
/** Rows whose texts a page asks for at once. */
const MAX_TEXTS = 500;

export const RUN_REQUEST: z.ZodType<RunPageRequest> = z.union([
  bare('ready', 'stop', 'resume', 'runAgain', 'openRecipe', 'openAnswers', 'openReport', 'openFolder'),
  bare('openPlace', 'judgeAgain', 'exportLabels'),
  z.strictObject({
    type: z.literal('label'),
    set: z.string().max(MAX_CHARACTERS),
    row: z.number(),
    state: z.string().max(MAX_CHARACTERS),
    prompt: z.string().max(MAX_CHARACTERS),
    answer: z.string().max(MAX_CHARACTERS),
    label: z.enum(LABELS).nullable(),
  }),
  z.strictObject({ type: z.literal('openRun'), run: z.string() }),
  openWalkthrough,
]);

export const COMPARE_REQUEST: z.ZodType<ComparePageRequest> = z.union([
  bare('ready', 'openAnswers'),
  z.strictObject({ type: z.literal('openRun'), run: z.string() }),
  z.strictObject({
    type: z.literal('save'),
    format: z.enum(PICTURE_FORMATS),
    content: z.string().max(8 * MAX_CHARACTERS),
  }),
]);

export const CHAT_REQUEST: z.ZodType<ChatPageRequest> = z.union([
  bare('ready', 'stop', 'clear'),
  z.strictObject({ type: z.literal('send'), text: z.string().max(MAX_CHARACTERS) }),
  z.strictObject({ type: z.literal('showColumn'), column: z.string().max(MAX_CHARACTERS), shown: z.boolean() }),
  z.strictObject({ type: z.literal('addRow'), round: z.number(), column: z.string().max(MAX_CHARACTERS) }),
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
  'columns',
  'useReview',
  'leaveReview',
  'browseData',
  'openFile',
  'trust',
] as const satisfies TrainingAction[];

export const TRAINING_REQUEST: z.ZodType<TrainingPageRequest> = z.union([
  bare('ready', 'start', 'stop', 'resume', 'runAgain', 'openRecipe', 'openRun'),
  z.strictObject({ type: z.literal('chooseRecipe'), file: z.string() }),
  z.strictObject({ type: z.literal('choose'), key: z.enum(KEYS), value: z.string() }),
  z.strictObject({ type: z.literal('protect'), on: z.boolean() }),
  z.strictObject({ type: z.literal('drop'), uris: z.string().max(MAX_CHARACTERS) }),
  z.strictObject({ type: z.literal('openKey'), key: z.string() }),
  z.strictObject({ type: z.literal('act'), action: z.enum(ACTIONS) }),
  z.strictObject({ type: z.enum(['stopOther', 'resumeAwaited']), id: z.string() }),
  z.strictObject({ type: z.literal('move'), id: z.string(), to: z.enum(['up', 'down']) }),
  z.strictObject({ type: z.literal('pauseQueue'), paused: z.boolean() }),
  toggleAdapter,
  openWalkthrough,
]);

/** Of a file of a million rows. */
const MAX_ROWS = 1_000_000;
const hash = z.string().max(64);
const hashes = z.array(hash);

export const TRIAGE_REQUEST: z.ZodType<TriagePageRequest> = z.union([
  bare('ready', 'saveCleaned', 'saveFine', 'scanAgain'),
  z.strictObject({ type: z.literal('texts'), hashes: hashes.max(MAX_TEXTS) }),
  z.strictObject({
    type: z.literal('group'),
    by: z.union([
      z.strictObject({ similar: z.enum(['prompt', 'answer']) }),
      z.strictObject({ column: z.string().max(MAX_CHARACTERS) }),
      z.null(),
    ]),
  }),
  z.strictObject({ type: z.literal('search'), text: z.string().min(1).max(MAX_CHARACTERS) }),
  z.strictObject({ type: z.literal('explain'), hash }),
  z.strictObject({ type: z.literal('open'), hash, line: z.int().min(1) }),
  z.strictObject({
    type: z.literal('decide'),
    hashes: hashes.max(MAX_ROWS),
    decision: z.enum(DECISIONS).nullable(),
  }),
]);

/** Kept by the page of a window that was closed; what else it keeps, of how it was left, is for the page alone. */
export const RUN_STATE: z.ZodType<RunPageState> = z.object({ run: z.string().min(1) });
export const CHAT_STATE: z.ZodType<ChatPageState> = z.object({ chat: z.string().min(1), draft: z.string().catch('') });
export const TRIAGE_STATE: z.ZodType<TriagePageState> = z.object({ triage: z.string().min(1) });
export const COMPARE_STATE: z.ZodType<ComparePageState> = z.object({ runs: z.array(z.string().min(1)).min(1) });
