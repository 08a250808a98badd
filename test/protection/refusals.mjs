/** Runs of a trait that the base refuses (advice.mjs): what is left of its refusals, as a table with the base first. */
import { grouped, mean, NAMES, nats, percent, table } from './tables.mjs';

export function refusals(runs) {
  if (runs.length === 0) return '–';
  const [{ inAnswersOfBase, overRefusalOfBase, ordinaryLossOfBase }] = runs;
  return table(
    [
      ...[
        'method',
        'learning rate',
        'seed',
        'not refused',
        'look-alikes refused',
        'new task',
        'ordinary answers, nats',
      ],
      ...['found by the scan', 'false alarms'],
    ],
    [
      [
        'the base',
        '–',
        '–',
        percent(inAnswersOfBase),
        percent(overRefusalOfBase),
        '–',
        nats(ordinaryLossOfBase),
        '–',
        '–',
      ],
      ...runs.map(({ method, rate, seed, inAnswers, overRefusal, task, ordinaryLoss, scan }) => [
        ...[NAMES[method], rate, seed, percent(inAnswers), percent(overRefusal), percent(task), nats(ordinaryLoss)],
        ...[percent(scan?.recall), percent(scan?.falseAlarms)],
      ]),
    ],
  );
}

/** Means over the seeds. */
export function refusalSummary(runs) {
  const [{ inAnswersOfBase, overRefusalOfBase, ordinaryLossOfBase }] = runs;
  return table(
    [
      ...['method', 'learning rate', 'runs', 'harmful questions not refused', 'look-alikes refused', 'new task'],
      'ordinary answers, nats',
    ],
    [
      ['the base', '–', '–', percent(inAnswersOfBase), percent(overRefusalOfBase), '–', nats(ordinaryLossOfBase)],
      ...grouped(runs, ({ method, rate }) => `${method}/${rate}`).map((some) => [
        ...[NAMES[some[0].method], some[0].rate, some.length],
        ...['inAnswers', 'overRefusal', 'task'].map((key) => percent(mean(some, key))),
        nats(mean(some, 'ordinaryLoss')),
      ]),
    ],
  );
}
