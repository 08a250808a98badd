/** Which device a run has: the one that is asked for, or the one that a trial finds the fastest. */
import { formatDuration } from '../contract/format.js';
import { DEVICE_NAMES, type Device, type DeviceChoice } from '../contract/recipeWords.js';
import { elementsOf } from '../onnx/shapes.js';
import { HumanError } from '../support/errors.js';
import { DEVICES } from './devices.js';
import { backend, float32, type Backend } from './session.js';
import { FEW_NUMBERS, secondsOf, speedOf, stepWork, type StepWork, type TimedRuns } from './trial.js';

/** What `auto` goes by where no model is known. */
const TYPICAL = stepWork(135e6, 30, 'a model of 135 million weights');
/** How much faster than the CPU a GPU must be to be chosen: it has to compile its programs first. */
const FASTER = 1.5;

/**
 * Opens a device. `auto` tries those that are there, and takes a GPU if a step is expected to be faster there than on
 * the CPU: a driver in software answers, too, and a small model spends its time between the operators. The reason says
 * what was expected.
 * @throws HumanError when a device is asked for by name and there is none.
 */
export async function openBackend(device: DeviceChoice, threads = 0, work: StepWork = TYPICAL): Promise<Backend> {
  if (device === 'cpu') return backend('cpu', threads);
  if (device !== 'auto') {
    const found = await answers(device);
    if (!('failure' in found)) return backend(device, threads);
    throw new HumanError(`${DEVICE_NAMES[device]} is not available: ${found.failure}.`, {
      place: 'device',
      remedy: DEVICES[device].remedy,
    });
  }
  const failures: string[] = [];
  let best: { device: Device; seconds: number } | undefined;
  for (const name of Object.keys(DEVICES) as Device[]) {
    if (name === 'cpu' || !DEVICES[name].auto) continue;
    const found = await speed(name);
    if ('failure' in found) failures.push(found.failure);
    else if (!best || secondsOf(work, found) < best.seconds) best = { device: name, seconds: secondsOf(work, found) };
  }
  if (!best) return backend('cpu', threads, `no GPU: ${failures[0]}`);
  const cpu = await speed('cpu');
  if ('failure' in cpu) throw new Error(`the CPU computes nothing: ${cpu.failure}`);
  const onCpu = secondsOf(work, cpu);
  const said = `a GPU answers through ${DEVICE_NAMES[best.device]}: a training step of ${work.of} would take about ${secondsText(best.seconds)} there, ${secondsText(onCpu)} on the CPU`;
  return backend(onCpu > FASTER * best.seconds ? best.device : 'cpu', threads, said);
}

const secondsText = (seconds: number): string =>
  seconds < 10 ? `${Number(seconds.toPrecision(2))} s` : formatDuration(seconds);

/** What a device computes, or why it computes nothing: asked once, as a device does not change while a process lives. */
function trial<T>(compute: (timed: TimedRuns) => Promise<T>): (device: Device) => Promise<T | { failure: string }> {
  const trials = new Map<Device, Promise<T | { failure: string }>>();
  const attempt = async (device: Device): Promise<T | { failure: string }> => {
    const { missing, absent } = DEVICES[device];
    const why = missing();
    if (why !== undefined) return { failure: why };
    try {
      return await compute(timedRuns(backend(device, 0)));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { failure: absent.pattern.test(message) ? absent.words : message.split('\n')[0] };
    }
  };
  return (device) => {
    const known = trials.get(device) ?? attempt(device);
    trials.set(device, known);
    return known;
  };
}

/** Runs graphs on a device, each in a session of its own. */
const timedRuns =
  (on: Backend): TimedRuns =>
  async (graph, dims, tries) => {
    const session = await on.session(graph);
    const x = float32(new Float32Array(elementsOf(dims)).fill(1), dims);
    const run = async (): Promise<number> => {
      const began = performance.now();
      await session.run({ x });
      return (performance.now() - began) / 1000;
    };
    let least = await run(); // the first compiles
    for (let i = 0; i < tries; i++) least = Math.min(least, await run());
    await session.dispose();
    return least;
  };

/** How fast a device is: that takes a driver in software several seconds. */
const speed = trial(speedOf);
/** Whether a device computes at all. */
const answers = trial(async (timed) => ({ seconds: await timed(...FEW_NUMBERS, 0) }));
