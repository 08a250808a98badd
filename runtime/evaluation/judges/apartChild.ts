/** The process of a classifier: opens one file and runs it as it is asked. Ends with its parent. */
import { watchMemory } from '../../support/memory.js';
import { openFile, tensor, type FileSession } from '../../device/session.js';
import type { Question, Reply } from './apart.js';

let session: FileSession | undefined;

async function answer(question: Question): Promise<Reply> {
  if ('open' in question) {
    watchMemory(question.memoryBytes, '', process.ppid);
    session = await openFile(question.open, { threads: question.threads, manyShapes: true });
    const { inputs, outputs, type } = session;
    const types = [...inputs, ...outputs].flatMap((name) => {
      const found = type(name);
      return found === undefined ? [] : [[name, found] as const];
    });
    return { opened: { inputs, outputs, types: Object.fromEntries(types) } };
  }
  const feeds = Object.entries(question.run).map(([name, { data, dims }]) => [name, tensor(data, dims)] as const);
  const { data, dims } = (await session!.run(Object.fromEntries(feeds))).logits;
  return { logits: { data, dims } };
}

process.on('message', (question: Question) => {
  void answer(question)
    .catch((error: unknown): Reply => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((reply) => process.send!(reply));
});
process.on('disconnect', () => process.exit(0));
