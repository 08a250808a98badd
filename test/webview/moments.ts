/** Every page at the moments that look different, opened by a host of a few lines. */
import type { RowText } from '../../runtime/contract/dataInfo.js';
import { CHAT_STRINGS } from '../../webview/protocol/chat.js';
import { COMPARE_STRINGS } from '../../webview/protocol/compare.js';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { TRAINING_STRINGS, type TrainingNotice, type TrainingState } from '../../webview/protocol/training.js';
import { TRIAGE_STRINGS } from '../../webview/protocol/triage.js';
import { OpenPage, type Browser, type PageName, type Theme } from './browser.js';
import { answers, answersOf, judged } from './answerRows.js';
import { allAttached, chatState, laterColumns } from './chatStates.js';
import { sweep } from './comparedRuns.js';
import { emptyRun, evaluation, protectedRun, refusedRun, troubledRun, vectorRun } from './runSnapshots.js';
import { triageState } from './triageStates.js';

/** The language of the window, and what it makes of the strings of a page. */
export interface Wording {
  language: string;
  words(strings: Record<string, string>): Record<string, string>;
}

export interface Moment {
  page: PageName;
  /** What the host sends on a request, in the language of the window. */
  events(request: { type: string } & Record<string, unknown>, look: Wording): object[];
  /** Shown when the page is ready. */
  ready: string;
  /** Brings the page from there to the moment. */
  then?(page: OpenPage): Promise<void>;
}

const run = (run: object): Moment => ({
  page: 'run',
  events: ({ type }, { language, words }) => {
    if (type === 'ready') return [{ type: 'snapshot', language, strings: words(RUN_STRINGS), run }];
    return type === 'openAnswers' ? [answersOf(judged, true, true)] : [];
  },
  ready: 'h1',
});

const chat = (chat: object): Moment => ({
  page: 'chat',
  events: ({ type }, { language, words }) =>
    type === 'ready' ? [{ type: 'state', language, strings: words(CHAT_STRINGS), chat }] : [],
  ready: 'h1',
});

const field = (label: string, note: string) => ({ choices: [{ value: label, label }], value: label, note });

export const trainingState = (more: Partial<TrainingState> = {}): TrainingState => ({
  recipes: [{ value: '/w/recipes/protected.json', label: 'protected.json' }],
  recipe: '/w/recipes/protected.json',
  form: {
    fields: {
      model: field('tiny-assistant', '0.7 M parameters'),
      data: { ...field('train.jsonl', '571 rows'), button: { action: 'scan', label: 'Scan' } },
      vector: field('forbidden-topic', 'finds 98 % at 1 %'),
    },
    isProtected: true,
    canProtect: true,
    settings: [
      { text: 'LoRA r 8', key: 'adapter.rank' },
      { text: '6 epochs', key: 'epochs' },
    ],
    canStart: true,
  },
  notices: [],
  adapters: [...allAttached, { path: '/w/long', name: 'customer_support_replies', role: 'task', attached: false }],
  queue: {
    runs: [
      { id: '/w/adapters/going', title: 'going, plain' },
      { id: '/w/adapters/next', title: 'next, plain', place: 1 },
      { id: '/w/adapters/after', title: 'after, plain', place: 2 },
    ],
    paused: true,
  },
  locked: false,
  ...more,
});

const training = (state: TrainingState, run?: object): Moment => ({
  page: 'training',
  events: ({ type }, { language, words }) =>
    type === 'ready'
      ? [
          { type: 'state', language, strings: words(TRAINING_STRINGS), training: state },
          { type: 'run', run },
        ]
      : [],
  ready: 'main.training',
});

const textOf = (hash: string): RowText => {
  const row = Number(hash.slice(1));
  return { hash, row, line: row + 1, prompt: `Question ${row}?`, answer: `Step 1: take lamp ${row}.` } as RowText;
};

const triage = (count: number): Moment => ({
  page: 'triage',
  events: (request, { language, words }) => {
    const state = triageState(count, { exclude: 'h0 h3', fine: 'h6' });
    const hashes = (request['hashes'] ?? []) as string[];
    switch (request.type) {
      case 'ready':
        return [{ type: 'table', language, strings: words(TRIAGE_STRINGS), triage: state }];
      case 'texts':
        return [{ type: 'texts', asked: hashes, rows: hashes.map(textOf) }];
      case 'explain': {
        const row = textOf(request['hash'] as string);
        const tokens = [['Step 1:', 3, 0.05], [' take', 2, 1.9], [' lamp', 0.1, 0]]; // oxfmt-ignore
        return [{ type: 'explained', hash: row.hash, row, tokens, pending: false }];
      }
      default:
        return [];
    }
  },
  ready: '.space .row .answer',
});

const compare = (count: number): Moment => ({
  page: 'compare',
  events: ({ type }, { language, words }) => {
    const runs = Array.from({ length: count }, (_, i) => sweep(i));
    const of = runs.map(({ id }) => id);
    if (type === 'ready')
      return runs.map((run) => ({ type: 'run', language, strings: words(COMPARE_STRINGS), of, run }));
    return type === 'openAnswers' ? [{ type: 'answers', rows: answers, total: answers.length }] : [];
  },
  ready: '.compared tbody tr',
});

const withAnswers = (moment: Moment): Moment => ({
  ...moment,
  then: async ({ page }) => {
    await page.locator('.actions vscode-button').first().click();
    await page.locator('.side-by-side').waitFor();
  },
});

const notice: TrainingNotice = {
  text: 'No model yet.',
  buttons: [{ action: 'openSample', label: 'Open the sample' }],
};

export const MOMENTS: Record<string, Moment> = {
  'run-going': run(protectedRun(62)),
  'run-done': withAnswers(run(protectedRun(108))),
  'run-trouble': run(troubledRun()),
  'run-refused': run(refusedRun()),
  'run-empty': run(emptyRun()),
  'run-vector': run(vectorRun()),
  'run-evaluation': run(evaluation()),
  chat: chat(laterColumns()),
  'chat-danger': chat(chatState({ adapters: allAttached })),
  'chat-error': chat(chatState({ error: { kind: 'input', message: 'no tokenizer.' }, rounds: [] })),
  'training-empty': training(
    trainingState({
      recipes: [],
      recipe: undefined,
      form: undefined,
      adapters: [],
      queue: { runs: [], paused: false },
      notices: [notice],
    }),
  ),
  'training-idle': training(trainingState()),
  'training-going': training(trainingState(), protectedRun(62)),
  'training-locked': training(trainingState({ locked: true, notices: [notice] })),
  triage: triage(60),
  'triage-groups': triage(2),
  'compare-two': compare(2),
  'compare-many': compare(5),
};

/** Opens a page and brings it to a moment. */
export async function openMoment(
  browser: Browser,
  name: keyof typeof MOMENTS,
  { theme = 'dark', size = { width: 1280, height: 800 }, language = 'en', words = (all) => all }: Partial<Look> = {},
): Promise<OpenPage> {
  const moment = MOMENTS[name]!;
  const page = await OpenPage.open(browser, moment.page, theme, size, async (request, opened) => {
    for (const event of moment.events(request, { language, words })) await opened.event(event);
    return undefined;
  });
  await page.page.locator(moment.ready).first().waitFor();
  await moment.then?.(page);
  return page;
}

interface Look extends Wording {
  theme: Theme;
  size: { width: number; height: number };
}
