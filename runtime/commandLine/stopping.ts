/** What ends a command early, and what a person who asks for it is told. */
import type { RunEvent } from '../contract/events.js';

export interface Stopping {
  /** Events tell what would be lost. */
  readonly hear: (event: RunEvent) => void;
  /** Ctrl+C: the first stops between two steps, the second at once. */
  readonly interrupt: () => void;
  /** The same as the first, where nobody waits for an answer. */
  readonly end: () => void;
}

interface Means {
  readonly stop: () => void;
  readonly say: (text: string) => void;
  readonly exit: () => void;
}

export function stopping({ stop, say, exit }: Means): Stopping {
  let asked = false;
  let isTraining = false;
  /** The last step that a checkpoint has; undefined before training. */
  let saved: number | undefined;

  const end = (): void => {
    asked = true;
    stop();
  };
  const first = (): string => {
    if (!isTraining) return 'Stopping. Ctrl+C again ends at once, and loses what is not saved yet.';
    const lost = saved ? `the steps since step ${saved}` : 'all steps so far';
    return `Stopping after this step. Ctrl+C again ends at once, and loses ${lost}.`;
  };
  const second = (): string => {
    if (saved === undefined) return 'Ended at once.';
    return saved > 0
      ? `Ended at once. What came after step ${saved} is lost; --resume goes on from there.`
      : 'Ended at once. All steps are lost: there is no checkpoint yet.';
  };
  return {
    hear(event) {
      if (event.kind === 'step') {
        // A run that is resumed has a checkpoint of the step before its first one.
        saved ??= event.step - 1;
        isTraining = event.step < event.steps;
      }
      if (event.kind === 'checkpoint') saved = event.step;
    },
    interrupt() {
      if (asked) {
        say(second());
        exit();
        return;
      }
      end();
      say(first());
    },
    end,
  };
}
