import type { Socket } from 'node:net';
import { z } from 'zod';
import { connectIn } from './unix-socket';

/** QEMU answered a command with an error of its own. */
export class QmpError extends Error {
  constructor(
    readonly command: string,
    /** `GenericError`, `DeviceNotFound`, … */
    readonly errorClass: string,
    readonly description: string,
  ) {
    super(`qemu refused ${command}: ${description}`);
    this.name = 'QmpError';
  }
}

/** No process listens on the socket, or QEMU did not answer in time or hung up. */
export class QmpUnavailableError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'QmpUnavailableError';
  }
}

/** An open connection to one QEMU. It serves a single client at a time: hold it briefly. */
export interface QmpConnection {
  /** @throws QmpError, QmpUnavailableError */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  close(): void;
}

export interface QmpOptions {
  /** Milliseconds for connecting, and again for each command. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const messageSchema = z.looseObject({
  QMP: z.unknown().optional(),
  event: z.string().optional(),
  id: z.number().optional(),
  return: z.unknown().optional(),
  error: z.looseObject({ class: z.string(), desc: z.string() }).optional(),
});

type Message = z.infer<typeof messageSchema>;

/** Longer than any answer to buildfleet's commands; a longer one is not QEMU's. */
const LONGEST_LINE = 1024 * 1024;

/**
 * Connects to the QMP socket in a directory and negotiates capabilities.
 *
 * @throws QmpUnavailableError
 */
export async function connectQmp(directory: string, socketName: string, options: QmpOptions): Promise<QmpConnection> {
  const socket = await openSocket(directory, socketName, options);
  const connection = new Connection(socket, options);
  try {
    await connection.greeted;
    await connection.execute('qmp_capabilities');
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Connects, runs the body, and hangs up, also after an error. */
export async function withQmp<T>(
  directory: string,
  socketName: string,
  options: QmpOptions,
  body: (connection: QmpConnection) => Promise<T>,
): Promise<T> {
  const connection = await connectQmp(directory, socketName, options);
  try {
    return await body(connection);
  } finally {
    connection.close();
  }
}

async function openSocket(directory: string, socketName: string, options: QmpOptions): Promise<Socket> {
  options.signal?.throwIfAborted();
  try {
    return await connectIn(directory, socketName, options.timeoutMs);
  } catch (error) {
    throw new QmpUnavailableError('the control socket cannot be reached', error);
  }
}

class Connection implements QmpConnection {
  readonly greeted: Promise<void>;
  private received = '';
  private nextId = 1;
  private readonly waiting = new Map<
    number | 'greeting',
    { readonly succeed: (message: Message) => void; readonly fail: (error: Error) => void }
  >();

  constructor(
    private readonly socket: Socket,
    private readonly options: QmpOptions,
  ) {
    this.greeted = this.answerTo('greeting').then(() => undefined);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      this.receive(chunk);
    });
    // 'close' follows, which ends every wait.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.failAll(new QmpUnavailableError('qemu hung up'));
    });
  }

  async execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = this.nextId++;
    const answer = this.answerTo(id);
    this.socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    const message = await answer;
    if (message.error) throw new QmpError(command, message.error.class, message.error.desc);
    return message.return;
  }

  close(): void {
    this.socket.destroy();
  }

  private answerTo(id: number | 'greeting'): Promise<Message> {
    const { signal, timeoutMs } = this.options;
    return new Promise<Message>((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.waiting.delete(id);
      };
      const fail = (error: Error) => {
        done();
        reject(error);
      };
      const onAbort = () => {
        fail(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        fail(new QmpUnavailableError('qemu did not answer in time'));
      }, timeoutMs);
      if (this.socket.destroyed) {
        fail(new QmpUnavailableError('qemu hung up'));
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      const succeed = (message: Message) => {
        done();
        resolve(message);
      };
      this.waiting.set(id, { succeed, fail });
    });
  }

  private receive(chunk: string): void {
    this.received += chunk;
    const lines = this.received.split('\n');
    this.received = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') this.dispatch(line);
    if (this.received.length > LONGEST_LINE) this.socket.destroy();
  }

  private dispatch(line: string): void {
    const message = parseMessage(line);
    // Anything but a QMP message comes from another program than QEMU: nothing after it can be trusted.
    if (!message) this.socket.destroy();
    else if (message.QMP !== undefined) this.waiting.get('greeting')?.succeed(message);
    else if (message.id !== undefined) this.waiting.get(message.id)?.succeed(message);
  }

  private failAll(error: Error): void {
    for (const wait of [...this.waiting.values()]) wait.fail(error);
  }
}

function parseMessage(line: string): Message | undefined {
  try {
    return messageSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
