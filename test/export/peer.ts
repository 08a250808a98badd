import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * A program of test/peers, asked one request after the other (see serve.mjs there). One that has ended is started anew.
 */
export class Peer<Reply> {
  private running?: { child: ChildProcess; next(): Promise<string> };

  constructor(private readonly script: string) {}

  /** @throws Error with what the program wrote when it ends instead of answering */
  async ask(request: object): Promise<Reply> {
    this.running ??= this.start();
    this.running.child.stdin!.write(`${JSON.stringify(request)}\n`);
    return JSON.parse(await this.running.next()) as Reply;
  }

  private start() {
    const child = spawn(process.execPath, [this.script], { stdio: 'pipe' });
    child.stdin.on('error', () => undefined); // that it has ended is said below
    const lines = createInterface({ input: child.stdout });
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said += data.toString()));
    const ended = once(child, 'close').then(([code, signal]) => {
      this.running = undefined;
      throw new Error(`${this.script} ended with ${code ?? signal}: ${said}`);
    });
    ended.catch(() => undefined);
    return { child, next: async () => ((await Promise.race([once(lines, 'line'), ended])) as [string])[0] };
  }

  async close(): Promise<void> {
    const child = this.running?.child;
    if (!child) return;
    child.stdin!.end();
    await once(child, 'close');
  }
}
