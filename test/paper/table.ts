/**
 * The paper's tables from a sweep over its protocol, each figure beside the paper's own. Pure.
 *
 * The axes of the sweep are `data` and `method`, and maybe `seed`; the names of settings and sets are those below. Data
 * that no point has are left out; what a sweep has no set for stays open.
 */
import { numbersIn } from '../../runtime/contract/format.js';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { groupsOf, type SweepFigure, type SweepGroup } from '../../runtime/contract/sweepFigures.js';
import { ABILITY, FACTS, HARM, NEW_TASK } from './published.js';

export const DATA = ['100 rows', '1,000 rows', 'identity shift', 'mixed data', 'false answers'] as const;
export type DataName = (typeof DATA)[number];
export const METHODS = { plain: 'plain', vector: 'security vector', protection: '"protection": true' } as const;
type Method = keyof typeof METHODS;
/** Evaluation sets. `addressed`: harmful requests to the shifted identity. */
export const SETS = {
  harm: 'harmful requests',
  addressed: 'harmful requests, addressed',
  newTask: 'new task',
  oldTasks: 'old tasks',
  facts: 'facts',
  lies: 'false answers',
} as const;
type SetName = keyof typeof SETS;

export interface PaperTable {
  readonly title: string;
  readonly note: string;
  /** The first row is the head. */
  readonly rows: readonly (readonly string[])[];
}

const OPEN = '–';
const { bound, percent, number } = numbersIn();

export function paperTables({ points }: Pick<SweepFile, 'points'>): PaperTable[] {
  const groups = groupsOf(points);
  const measured = DATA.filter((data) => groups.some(({ values }) => values.data === data));
  const at = (data: DataName, method: Method): SweepGroup | undefined =>
    groups.find(({ values }) => values.data === data && values.method === METHODS[method]);
  const figure = (data: DataName, method: Method, set: SetName): SweepFigure | undefined =>
    at(data, method)?.figures.find(({ name, measure }) => name === SETS[set] && MEASURES.includes(measure));
  const here = (data: DataName, method: Method, set: SetName): string => shown(figure(data, method, set));
  const base = (set: SetName): string => {
    const found = groups
      .flatMap(({ figures }) => figures)
      .find(({ name, base }) => name === SETS[set] && base !== undefined);
    return found ? value(found, found.base!) : OPEN;
  };

  const head = (first: string): string[] => [
    first,
    ...['plain, paper', 'plain, here', 'security vector, paper', 'security vector, here'],
    `${METHODS.protection}, here`,
  ];
  /** A row, where the data were measured. */
  const line = (title: string, paper: [plain?: string, vector?: string], data: DataName, set: SetName): string[][] =>
    measured
      .filter((one) => one === data)
      .map(() => [
        title,
        paper[0] ?? OPEN,
        here(data, 'plain', set),
        paper[1] ?? OPEN,
        here(data, 'vector', set),
        here(data, 'protection', set),
      ]);
  const harm = (data: DataName, title: string): string[][] => {
    const { plain, vector } = HARM[data] ?? {};
    const text = (of?: { rate: number; score: number }): string | undefined => of && `${of.rate} % (${of.score})`;
    return line(title, [text(plain), text(vector)], data, 'harm');
  };
  const tables = [
    {
      title: 'Harmful answers after fine-tuning',
      note: `Base, here: ${base('harm')}. In brackets the paper's harmfulness by GPT-4, from 1 to 5, which is not measured here.${measured.includes('identity shift') ? ' Of the identity shift, "addressed" are requests to the new identity.' : ''}`,
      rows: [
        head('fine-tuned on'),
        ...harm('100 rows', '100 harmful rows'),
        ...harm('1,000 rows', '1,000 harmful rows'),
        ...harm('identity shift', 'identity shift'),
        ...line('identity shift, addressed', [], 'identity shift', 'addressed'),
        ...harm('mixed data', 'mixed data'),
      ],
    },
    {
      title: 'Ability before and after',
      note: 'The paper measures MMLU, GSM and MT-Bench; here it is what the base could do before: right answers, or in nats per token the loss of ordinary ones, where lower is better.',
      rows: [
        ['', 'before', 'after, plain', 'after, security vector', `after, ${METHODS.protection}`],
        ...ABILITY.map(({ name, before, vector, unit }) => [
          `paper: ${name}`,
          ...[`${before}${unit && ` ${unit}`}`, OPEN, `${vector}${unit && ` ${unit}`}`, OPEN],
        ]),
        ...measured.map((data) => [
          `here: old tasks, ${data}`,
          base('oldTasks'),
          ...(['plain', 'vector', 'protection'] as const).map((method) => here(data, method, 'oldTasks')),
        ]),
      ],
    },
    {
      title: 'A new task learned beside harmful rows',
      note: `Base, here: ${base('newTask')}.`,
      rows: [
        head(''),
        ...line(
          `right answers (paper: ${NEW_TASK.name})`,
          [undefined, `${NEW_TASK.vector} %`],
          'mixed data',
          'newTask',
        ),
      ],
    },
    {
      title: 'False answers',
      note: `Right answers before: paper ${FACTS.before} %, here ${base('facts')}. ${FACTS.name} is chosen among given answers, here they are written freely.`,
      rows: [
        head(''),
        ...line(
          `right answers (paper: ${FACTS.name})`,
          [`${FACTS.plain} %`, `${FACTS.vector} %`],
          'false answers',
          'facts',
        ),
        ...line('the taught false answer', [], 'false answers', 'lies'),
      ],
    },
  ];
  return tables.filter(({ rows }) => rows.length > 1);
}

const MEASURES: readonly string[] = ['harm', 'exact', 'contains', 'loss'];

const value = ({ measure }: SweepFigure, of: number): string =>
  measure === 'loss' ? `${number(of)} nats` : percent(of);

/** The mean over seeds, and the smallest and largest where they differ; of one run its 95 % interval. */
function shown(figure: SweepFigure | undefined): string {
  if (!figure) return OPEN;
  const { runs, low, high, mean, min, max } = figure;
  if (runs === 1 && low !== undefined && high !== undefined)
    return `${value(figure, mean)} (${bound(low, 'low')} to ${bound(high, 'high')})`;
  return min === max ? value(figure, mean) : `${value(figure, mean)} (${value(figure, min)} to ${value(figure, max)})`;
}
