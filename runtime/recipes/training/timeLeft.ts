/** How long a training will still take, from what its steps and measurements took. */
interface TimeLeft {
  /** A step took so long. */
  stepped(ms: number): void;
  /** The probes were measured, or measured and the state saved, in so long. */
  measured(ms: number): void;
  /** Seconds from the end of this step to the end of training, which measures the probes once more. */
  after(step: number): number;
}

/** @param every steps from one measurement to the next; the last step is followed by one, too */
export function timeLeft(steps: number, every: number): TimeLeft {
  /** The first step of a process also makes the graphs: it counts as long as there is no other. */
  let first: number | undefined;
  const others = { ms: 0, count: 0 };
  let measuredMs = 0;
  return {
    stepped(ms) {
      if (first === undefined) first = ms;
      else {
        others.ms += ms;
        others.count++;
      }
    },
    measured(ms) {
      measuredMs = ms;
    },
    after(step) {
      const stepMs = others.count > 0 ? others.ms / others.count : (first ?? 0);
      const measurements = Math.ceil(steps / every) - Math.floor((step - 1) / every);
      return ((steps - step) * stepMs + measurements * measuredMs) / 1000;
    },
  };
}
