import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { FleetError } from '../../../model/errors';
import { QEMU_FILES } from '../arguments';
import { connectIn } from '../unix-socket';

/** Identity that a resumed machine is given beside its seed. */
export interface MachineIdentity {
  readonly name: string;
  readonly uuid: string;
  readonly mac: string;
}

/** Milliseconds for the connection: QEMU has made the socket before it answers anything. */
const CONNECT_TIMEOUT = 10_000;

/**
 * Waits until a template has nothing left to do but to wait for an identity. The lines are explained in
 * `assets/debian/files/await_identity.py`.
 *
 * @throws FleetError `snapshot-failed` when that takes too long or QEMU ends
 */
export async function waitUntilWaiting(directory: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  await withPort(directory, timeoutMs, signal, async (next) => {
    while ((await next()) !== 'waiting');
  });
}

/**
 * Gives a machine that was resumed its identity. Its seed is attached as a CD.
 *
 * @throws FleetError `snapshot-failed` when the guest refuses or does not answer
 */
export async function giveIdentity(
  directory: string,
  { name, uuid, mac }: MachineIdentity,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  await withPort(directory, timeoutMs, signal, async (next, say) => {
    say(JSON.stringify({ machineId: uuid.replaceAll('-', ''), mac, random: randomBytes(32).toString('base64') }));
    for (;;) {
      const line = await next();
      if (line === 'applied') return;
      if (line === 'time?') say((Date.now() / 1000).toFixed(3));
      else if (line.startsWith('refused ')) throw failed(`the guest refused its identity: ${line.slice(8)}`, name);
    }
  });
}

type Exchange = (next: () => Promise<string>, say: (line: string) => void) => Promise<void>;

async function withPort(directory: string, timeoutMs: number, signal: AbortSignal, body: Exchange): Promise<void> {
  const socket = await connectIn(directory, QEMU_FILES.identity, CONNECT_TIMEOUT);
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    await body(lineReader(socket, AbortSignal.any([signal, limit])), (line) => socket.write(`${line}\n`));
  } catch (error) {
    if (signal.aborted || !limit.aborted) throw error;
    throw failed(`the guest did not answer within ${timeoutMs / 1000} s`, directory, error);
  } finally {
    socket.destroy();
  }
}

/** Answers with one line after the other. */
function lineReader(socket: Socket, signal: AbortSignal): () => Promise<string> {
  const pieces = socket.setEncoding('utf8').iterator({ destroyOnReturn: false }) as AsyncIterator<string>;
  let received = '';
  return async () => {
    for (;;) {
      const end = received.indexOf('\n');
      if (end !== -1) {
        const line = received.slice(0, end);
        received = received.slice(end + 1);
        return line;
      }
      const piece: IteratorResult<string, unknown> = await unlessAborted(pieces.next(), signal);
      if (piece.done === true) throw failed('the guest ended', '');
      received += piece.value;
    }
  };
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}

function failed(problem: string, place: string, cause?: unknown): FleetError {
  const remedy = 'deploy again: a VM that cannot be resumed is started cold';
  return new FleetError({ code: 'snapshot-failed', problem, place, remedy, cause });
}
