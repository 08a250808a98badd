/** A way to a server that can be interrupted: nothing listens there meanwhile. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface Way {
  readonly address: string;
  interrupt(): Promise<void>;
  restore(): Promise<void>;
}

/** @param to address of the server */
export async function interruptible(to: string): Promise<Way> {
  const target = Number(new URL(to).port);
  const sockets = new Set<Socket>();
  let server: Server;
  const listen = (port: number): Promise<void> => {
    server = createServer((from) => {
      const on = connect(target, '127.0.0.1');
      for (const socket of [from, on]) {
        sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => [from, on].forEach((one) => one.destroy()));
      }
      from.pipe(on).pipe(from);
    });
    return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  };
  await listen(0);
  const { port } = server!.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    interrupt: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        sockets.clear();
      }),
    restore: () => listen(port),
  };
}
