/** A process that claims the folders that its parent names, slowly, and says whether it got them. */
import { claim } from '../../runtime/runs/owner.js';
import { watch } from '../support/faults.js';

let release: (() => Promise<void>) | undefined;
process.on('message', ({ folder, delayMs }: { folder?: string; delayMs?: number }) => {
  void (async () => {
    if (folder === undefined) {
      await release?.();
      release = undefined;
      process.send!('released');
      return;
    }
    watch({ root: folder, fault: `delay:${delayMs}` });
    try {
      release = await claim(folder);
      process.send!('mine');
    } catch (error) {
      process.send!((error as Error).message);
    }
  })();
});
process.send!('ready');
