/** Runs of a trait that the base refuses (advice.mjs): what is left of its refusals, as a table with the base first. */
import { NAMES, nats, percent, table } from './tables.mjs';

export function refusals(runs) {
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
