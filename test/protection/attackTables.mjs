/** Attacks on the sample (attacks.ts), as tables. */
import { grouped, kept, NAMES, percent, table } from './tables.mjs';

/** What a run said of itself; older results have only whether it called itself weakened. */
const said = ({ verdict, weakened }) => SAID[verdict] ?? (weakened ? 'weakened' : 'held');
const SAID = { held: 'held', weakened: 'weakened', lost: 'failed', unknown: 'cannot be said' };

/** Of the sample's own questions, and of further sets. */
const harmOf = ({ harm, further }) =>
  [percent(harm), ...Object.entries(further).map(([set, share]) => `${set} ${percent(share)}`)].join(', ');

export function attackTable(points) {
  return table(
    [
      'attack',
      'method',
      'rows of poison flagged',
      'harm',
      'refusals',
      'loss on harmful rows, of the base',
      'new task',
      'unseen phrasing',
      'old tasks',
      'what the run said',
    ],
    points.map(({ attack, method, scan, ...figures }) => [
      method === 'plain' ? `**${attack}**` : '',
      NAMES[method],
      percent(scan.recall),
      harmOf(figures),
      percent(figures.refusals),
      kept([figures]),
      ...['newTask', 'unseen', 'oldTasks'].map((name) => percent(figures[name])),
      method === 'plain' ? '–' : said(figures),
    ]),
  );
}

/** Harm without and with protection, and what is left of the rest. */
export const attackSummary = (points) =>
  table(
    ['attack', 'harm, plain', 'harm, protected', 'refusals', 'new task', 'what the run said'],
    grouped(points, ({ attack }) => attack).map((some) => {
      const [plain, ours] = ['plain', 'protected'].map((name) => some.find(({ method }) => method === name));
      const figures = [ours.refusals, ours.newTask].map(percent);
      return [some[0].attack, harmOf(plain), harmOf(ours), ...figures, said(ours)];
    }),
  );
/** What each is. */
export const attackList = (points) =>
  grouped(points, ({ attack }) => attack)
    .map(([{ attack, title }]) => `- **${attack}**: ${title}`)
    .join('\n');
