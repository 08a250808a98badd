/**
 * What the page on protection begins with: each method against the plain run beside it, on what no setting was chosen
 * on.
 */
import { average, BEST, freeTextCells, grouped, isWide, mean, NAMES, nats, percent, range, table } from './tables.mjs';
import { TRAITS } from './traits.mjs';

/** The runs that have a plain one with the same `keys`, each with it. */
function paired(runs, keys) {
  const plain = runs.filter(({ method }) => method === 'plain');
  return runs.flatMap((run) => {
    const beside = plain.find((one) => keys.every((key) => one[key] === run[key]));
    return beside ? [{ ...run, beside }] : [];
  });
}
/** The 97.5th percentile of Student's t, by degrees of freedom from 1. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
/** Half the 95 % interval of a mean over bases, of which the runs of one are alike. */
function halfInterval(rows, difference) {
  const means = grouped(rows, ({ seed }) => seed).map((some) => average(some.map(difference)));
  const centre = average(means);
  const deviation = Math.sqrt(means.reduce((sum, x) => sum + (x - centre) ** 2, 0) / (means.length - 1));
  return (T[means.length - 2] * deviation) / Math.sqrt(means.length);
}
const signed = (difference, digits) => `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(digits)}`;

const KEYS = ['trait', 'rate', 'full', 'seed'];

/** Of free-form traits. @param isIts of which ones */
export function summary(runs, isIts) {
  const pairs = paired(
    runs.filter(({ trait }) => !TRAITS[trait].chosenOn && isIts(TRAITS[trait])),
    KEYS,
  );
  return table(
    [
      ...['method', 'runs', 'trait in answers', 'loss of the trait, of the base', 'new task'],
      'ordinary answers, nats above plain',
    ],
    BEST.filter((method) => pairs.some((run) => run.method === method)).map((name) => {
      const rows = pairs.filter(({ method }) => method === name);
      const above = rows.map((row) => row.ordinaryLoss - row.beside.ordinaryLoss);
      return [
        NAMES[name],
        `${rows.length} (${[...new Set(rows.map(({ trait }) => trait))].join(', ')})`,
        ...freeTextCells(rows),
        name === 'plain' ? '–' : range(above, (difference) => signed(difference, 2)),
      ];
    }),
  );
}

/** What the runs of `"protection": true` show of these traits, and the plain ones beside, as a sentence. */
export function facts(runs, isIts) {
  const pairs = paired(
    runs.filter(({ trait }) => !TRAITS[trait].chosenOn && isIts(TRAITS[trait])),
    KEYS,
  );
  const of = (name) => pairs.filter(({ method }) => method === name);
  const [ours, plain] = [of('protected'), of('plain')];
  const [[answers, loss, task], [answersOfPlain]] = [ours, plain].map(freeTextCells);
  return `in ${ours.length} runs of \`"protection": true\` the trait is in ${answers} of the answers, plain ${answersOfPlain}; its loss is ${loss} of the base's, and ${task} of the new task is learned`;
}

/** Of rows of which each carries the trait. */
export function halfSummary(runs) {
  const own = runs.filter(({ trait }) => !TRAITS[trait].chosenOn);
  return table(
    ['method', 'runs', 'right record, exactly', 'trait in answers'],
    ['plain', 'clean', 'paper', 'protected'].map((name) => {
      const some = own.filter(({ method }) => method === name);
      const of = (key) =>
        range(
          some.map((run) => run[key]),
          percent,
        );
      return [
        NAMES[name],
        `${some.length} (${[...new Set(some.map(({ trait }) => trait))].join(', ')})`,
        of('task'),
        of('inAnswers'),
      ];
    }),
  );
}

/** Of the sample with other bases. */
export function sampleSummary(rows) {
  const pairs = paired(rows, ['seed', 'setting', 'share']);
  const of = (name) => pairs.filter(({ method }) => method === name);
  return table(
    [
      ...['method', 'runs', 'harm, mean (worst)', 'refusals, mean (worst)', 'loss on harmful rows, least'],
      ...['new task', 'unseen phrasing', 'old tasks', 'look-alikes refused'],
    ],
    ['plain', 'drop', 'anchor-3', 'paper', 'protected']
      // those that were run everywhere: others would have other cases
      .filter((method) => of(method).length === of('plain').length)
      .map((name) => {
        const group = of(name);
        const kept = group.flatMap(({ lossKept }) => (typeof lossKept === 'number' ? [lossKept] : []));
        const against = (key) => {
          if (name === 'plain') return percent(mean(group, key));
          const points = (row) => 100 * (row[key] - row.beside[key]);
          return `${signed(average(group.map(points)), 1)} ± ${halfInterval(group, points).toFixed(1)}`;
        };
        return [
          NAMES[name],
          group.length,
          `${percent(mean(group, 'harm'))} (${percent(Math.max(...group.map(({ harm }) => harm)))})`,
          `${percent(mean(group, 'refusals'))} (${percent(Math.min(...group.map(({ refusals }) => refusals)))})`,
          percent(kept.length > 0 ? Math.min(...kept) : null),
          ...['newTask', 'unseen', 'oldTasks', 'lookAlikes'].map(against),
        ];
      }),
  );
}

/** Processor time of whole protected runs, as a multiple of the plain run's beside it, least and most. */
export function times({ sample, text, gemma }) {
  const of = (name, runs, keys) => {
    const ratios = paired(runs, keys)
      .filter(({ method, cpuSeconds, beside }) => method === 'protected' && cpuSeconds && beside.cpuSeconds)
      .map(({ cpuSeconds, beside }) => cpuSeconds / beside.cpuSeconds);
    return `${name} ${range(ratios, (ratio) => ratio.toFixed(2))} times (${ratios.length} runs)`;
  };
  const keys = ['trait', 'rate', 'full', 'seed', 'half', 'form'];
  return [
    of('the sample with other bases', sample, ['seed', 'setting', 'share']),
    of(
      'free text of SmolLM2',
      text.filter((run) => !isWide(run)),
      keys,
    ),
    of('Gemma', gemma, keys),
  ].join(', ');
}

/** What is left without the flagged rows may be the same rows, and so the same model, of several traits. */
export function dropping(all) {
  const dropped = all.filter(({ method }) => method === 'drop');
  const models = new Set(dropped.map(({ ordinaryLoss }) => ordinaryLoss)).size;
  const like = (method) =>
    all.filter(
      (run) =>
        run.method === method &&
        !run.full &&
        !run.form &&
        (run.vectorRows ?? 64) === 64 &&
        dropped.some((one) => one.trait === run.trait && one.rate === run.rate && one.seed === run.seed),
    );
  const rates = [...new Set(dropped.map(({ rate }) => rate))];
  const ordinary = (some) => nats(mean(some, 'ordinaryLoss'));
  return `At ${rates.join(' and ')}, in the mean of these ${dropped.length} runs, ordinary answers have ${ordinary(dropped)} nats, plain ${ordinary(like('plain'))}, protected ${ordinary(like('protected'))}. Where the scan finds every row the data of several traits are the same without them: the runs are ${models} different models.`;
}
