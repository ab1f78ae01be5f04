import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { FleetError } from '../../../model/errors';
import { QEMU_FILES } from '../arguments';
import type { QmpConnection } from '../qmp';
import { connectIn, listenIn } from '../unix-socket';

/** Memory that is in a file is left there. QEMU 7.2 has the capability by this name only. */
const LEAVE_SHARED_MEMORY = { capabilities: [{ capability: 'x-ignore-shared', state: true }] };

/** Milliseconds between two looks at a state that changes within some hundredths of a second. */
const INTERVAL = 5;

/** Milliseconds for half a megabyte. */
const TRANSFER_TIMEOUT = 30_000;

/** Saves the state of devices of a machine, whose directory this is, to a file. The machine is stopped afterwards. */
export async function saveState(
  qmp: QmpConnection,
  directory: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  await qmp.execute('stop');
  await qmp.execute('migrate-set-capabilities', LEAVE_SHARED_MEMORY);
  const server = await listenIn(directory, QEMU_FILES.incoming);
  try {
    const connected = once(server, 'connection', { signal }) as Promise<[Socket]>;
    await qmp.execute('migrate', { uri: `unix:${QEMU_FILES.incoming}` });
    const [socket] = await connected;
    const written = pipeline(socket, createWriteStream(path, { mode: 0o600, flush: true }), { signal });
    await whileMigrating(qmp, signal);
    await written;
  } finally {
    server.close();
  }
}

/** Gives a machine that waits for it the state of devices from a file, and lets it go on. */
export async function loadState(
  qmp: QmpConnection,
  directory: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  await qmp.execute('migrate-set-capabilities', LEAVE_SHARED_MEMORY);
  await qmp.execute('migrate-incoming', { uri: `unix:${QEMU_FILES.incoming}` });
  const socket = await connectIn(directory, QEMU_FILES.incoming, TRANSFER_TIMEOUT);
  try {
    await pipeline(createReadStream(path), socket, { signal });
    const deadline = Date.now() + TRANSFER_TIMEOUT;
    while (((await qmp.execute('query-status')) as { status?: string }).status === 'inmigrate') {
      if (Date.now() > deadline) throw failed('QEMU does not take the saved state', directory);
      await pause(INTERVAL, undefined, { signal });
    }
  } finally {
    socket.destroy();
  }
  await qmp.execute('cont');
}

async function whileMigrating(qmp: QmpConnection, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + TRANSFER_TIMEOUT;
  for (;;) {
    const answer = (await qmp.execute('query-migrate')) as { status?: string; 'error-desc'?: string };
    if (answer.status === 'completed') return;
    if (answer.status === 'failed' || Date.now() > deadline) {
      throw failed(`QEMU could not save the machine: ${answer['error-desc'] ?? answer.status ?? 'no answer'}`, '');
    }
    await pause(INTERVAL, undefined, { signal });
  }
}

function failed(problem: string, place: string): FleetError {
  return new FleetError({ code: 'snapshot-failed', problem, place, remedy: 'deploy again: VMs are started cold' });
}
