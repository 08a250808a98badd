/** Loads the bombs that its parent names and answers what each cost; its memory's high-water mark never falls. */
import { HumanError } from '../../runtime/support/errors.js';
import { BOMBS } from './cases.js';

export interface Cost {
  /** What a person is told; undefined when it loaded. */
  error?: string;
  /** CPU time. */
  ms: number;
  /** Above the start of the process. */
  mb: number;
}

const start = process.resourceUsage().maxRSS;

process.on('message', ({ name, folder }: { name: string; folder: string }) => {
  void cost(name, folder).then((found) => process.send!(found));
});

async function cost(name: string, folder: string): Promise<Cost> {
  gc!();
  const began = process.cpuUsage();
  let error: string | undefined;
  try {
    await BOMBS.find((bomb) => bomb.name === name)!.load(folder);
  } catch (e) {
    error = e instanceof HumanError ? e.message : `internal: ${String(e instanceof Error ? e.stack : e)}`;
  }
  const { user, system } = process.cpuUsage(began);
  return { error, ms: (user + system) / 1000, mb: (process.resourceUsage().maxRSS - start) / 1024 };
}
