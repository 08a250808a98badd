import assert from 'node:assert/strict';
import { notification } from '../../extension/engine/notifications.js';
import { recipeFacts } from '../../extension/runs/recipe.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { RunStore } from '../../extension/runs/store.js';
import { runDescription, runTooltip } from '../../extension/views/labels.js';
import type { NotificationName, Notifications } from '../../runtime/contract/protocol.js';
import { recipe } from '../extension/support.js';
import { damageJsonText } from './damage.js';
import { fuzz } from './harness.js';
import { EVENTS, SAMPLE, VALUES } from './runEvents.js';

const GOOD: { [K in NotificationName]: Notifications[K] } = {
  events: { id: 1, events: [...EVENTS, SAMPLE] },
  token: { id: 1, text: 'a' },
  progress: { id: 1, message: 'reading', fraction: 0.5 },
  rows: {
    id: 1,
    rows: [
      {
        ...{ row: 0, line: 1, hash: 'abcdefghijklmnop', explained: 0.5, span: 2, p: 0.01, flagged: true },
        ...{ tokens: 5, lossWithout: 2, lossWith: 0.2, unjudged: 'short', spans: [[0, 2]], parts: ['a'] },
      },
    ],
  },
  log: { level: 'warn', message: 'x' },
};

/** What the engine tells the extension unasked, and a live run that is drawn from it. */
fuzz<{ name: NotificationName; sent: string }>({
  name: 'message of the engine',
  rounds: 150,
  sources: () =>
    ['events', 'events', 'token', 'progress', 'log'].map((name) => ({
      name: name as NotificationName,
      sent: JSON.stringify(GOOD[name as NotificationName]),
    })),
  damage: ({ name, sent }, rng) => ({ name, sent: damageJsonText(sent, rng, VALUES) }),
  load: ({ name, sent }) => {
    if (!Object.hasOwn(GOOD, name)) return false; // only these are listened to
    let value: unknown;
    try {
      value = JSON.parse(sent);
    } catch {
      return false; // the channel carries JSON
    }
    const told = notification(name, value);
    if (!told) return false;
    if (!('events' in told)) return true;
    const facts = recipeFacts(JSON.stringify(recipe()), '/w/recipes/a.json')!;
    const store = new RunStore(() => 0);
    const run = store.begin(facts, 'a', false);
    store.append(run, told.events);
    const shown = snapshot(run, store.list(), { answers: true, report: false }, 0);
    assert.deepEqual(structuredClone(shown), shown);
    for (const text of [shown.title, runDescription(run), runTooltip(run)]) assert.equal(typeof text, 'string');
    return true;
  },
});
