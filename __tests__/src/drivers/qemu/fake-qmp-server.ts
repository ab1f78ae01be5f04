import { createServer, type Server, type Socket } from 'node:net';

/** One command as the client sent it. */
export interface ReceivedCommand {
  readonly execute: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly id: number;
}

export const GREETING = '{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}\r\n';

/** Stands in for QEMU's end of the control socket. `answer` returns the lines to send, or null to hang up. */
export class FakeQmpServer {
  readonly received: ReceivedCommand[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly answer: (command: ReceivedCommand) => string | null,
  ) {}

  static async listen(
    path: string,
    answer: (command: ReceivedCommand) => string | null,
    greeting = GREETING,
  ): Promise<FakeQmpServer> {
    const server = createServer();
    const fake = new FakeQmpServer(server, answer);
    server.on('connection', (socket) => {
      fake.serve(socket, greeting);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return fake;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private serve(socket: Socket, greeting: string): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.setEncoding('utf8');
    socket.write(greeting);
    let text = '';
    socket.on('data', (chunk: string) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const command = JSON.parse(line) as ReceivedCommand;
        this.received.push(command);
        const answer = this.answer(command);
        if (answer === null) socket.destroy();
        else socket.write(answer);
      }
    });
  }
}
