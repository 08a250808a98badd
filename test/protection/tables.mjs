/** What the pages of protection share: cells, tables, groups, names of methods. */

import { VECTOR_ROWS } from './rows.mjs';

/** Whether a run has a vector of more rows than the others. */
export const isWide = ({ vectorRows = VECTOR_ROWS }) => vectorRows > VECTOR_ROWS;

/** To a tenth of a per cent; what is neither none nor all has as many digits as show that. */
export function percent(share) {
  if (share === undefined || share === null) return '–';
  const rounded = Number((100 * share).toFixed(1));
  const distance = Math.min(share, 1 - share);
  if ((rounded !== 0 && rounded !== 100) || distance < 1e-6) return `${rounded} %`;
  return `${Number((100 * share).toFixed(1 - Math.floor(Math.log10(100 * distance))))} %`;
}
export const nats = (loss) => (loss === undefined || loss === null ? '–' : loss.toFixed(2));
export const table = (head, rows) =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
export const NAMES = {
  plain: 'plain',
  drop: 'flagged rows dropped, then plain',
  clean: 'cleaned by `scan --clean`, then plain',
  anchor: 'the anchor only',
  'anchor-3': 'the anchor only, of weight 3',
  paper: "the paper's method (vector on for all rows)",
  protected: '`"protection": true`',
  both: '`"protection": true`, ordinary prompts held, too',
  sparse: '`"protection": true`, a prompt in every other step',
  firm: '`"protection": true`, ordinary prompts held firmly, too',
  one: '`"protection": true`, one row of each kind',
  two: '`"protection": true`, two rows of each kind',
  unabsorbed: '`"protection": true` without absorbing',
  unheld: '`"protection": true` without held losses',
  unraised: '`"protection": true`, held at the base’s loss',
  own: '`"protection": true`, no rows of the data held',
  rare: '`"protection": true`, routed by rarity, held by a square',
  absorbing: '`"protection": true`, before masking',
  conversations: '`"protection": true`, conversations flagged as a whole',
  sentences: '`"protection": true`, cut by sentences only',
  unchosen: '`"protection": true`, before the third score of the scan',
  losses: '`"protection": true`, routed by losses, too',
  unprobed: '`"protection": true`, with a limit of 1 % and no probe',
  exclude: 'flagged rows left out, the rest protected',
  absorb: '`"flagged": "absorb"`',
  safeinstr: 'SafeInstr',
  ptst: 'PTST',
  inoculation: 'inoculation prompting',
  lisa: 'Lisa',
  safegrad: 'SafeGrad',
  'preventative-steering': 'preventative steering',
  'absorb-all': 'all flagged rows absorbed, routed and anchored',
};
/** `"protection": true` as it was before, and parts of it. */
export const EARLIER = [
  'sparse',
  'firm',
  'one',
  'two',
  'unabsorbed',
  'unheld',
  'unraised',
  'own',
  'rare',
  'absorbing',
  'conversations',
  'sentences',
  'unchosen',
  'losses',
  'unprobed',
  'absorb-all',
];

export const average = (values) => values.reduce((a, b) => a + b, 0) / values.length;
export const grouped = (rows, keyOf) => {
  const groups = new Map();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return [...groups.values()];
};
export const mean = (rows, name) => average(rows.map((row) => row[name]));

/** The least and the most of them, or the one that both are. */
export const range = (values, write) => {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(write);
  return least === most ? least : `${least} to ${most}`;
};

/** The best of the published defences and ours, and the plain run. */
export const BEST = ['plain', 'drop', 'anchor', 'lisa', 'safegrad', 'paper', 'protected'];

/** Answers of a run that are looked at for the trait. */
const ANSWERS = 24;
/**
 * Of runs on free text: answers with the trait (where there is none, how many there may be: 95 %, exact, of the prompts
 * of one run, as all runs ask the same), its loss, the new task.
 */
export function freeTextCells(runs) {
  const hits = runs.reduce((sum, run) => sum + Math.round(run.inAnswers * ANSWERS), 0);
  const all = runs.length * ANSWERS;
  return [
    hits > 0
      ? `${percent(hits / all)} (${hits} of ${all})`
      : `0 of ${all} (at most ${percent(Math.ceil(1000 * (1 - 0.05 ** (1 / ANSWERS))) / 1000)})`,
    range(
      runs.map((run) => run.traitLoss / run.traitLossOfBase),
      percent,
    ),
    range(
      runs.map(({ task }) => task),
      percent,
    ),
  ];
}

/** What is left of the loss on harmful rows, of runs that measured it. */
export function kept(runs) {
  const values = runs.flatMap(({ lossKept }) => (typeof lossKept === 'number' ? [lossKept] : []));
  return values.length > 0 ? percent(average(values)) : '–';
}
