import { chmodSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { syncToDisk } from '../../../files/atomic';
import { makeDirectories } from '../../../files/directories';
import { withLock } from '../../../files/lock';
import { FleetError } from '../../../model/errors';
import { startDetached } from '../../../process/detached';
import { endingWithUs } from '../../../process/ending-with-us';
import { isRunning, type ProcessIdentity, signalProcess, waitForEnd } from '../../../process/process-identity';
import { readProcessStat } from '../../../process/process-stat';
import type { Run } from '../../../process/run';
import { reportStep } from '../../../process/progress';
import { QEMU_FILES, qemuArguments } from '../arguments';
import { withoutRemarks } from '../failures';
import { createOverlay } from '../overlay';
import { type QmpConnection, QmpUnavailableError, withQmp } from '../qmp';
import { waitUntilWaiting } from './identity-port';
import {
  findSnapshot,
  type Snapshot,
  snapshotDirectory,
  snapshotIn,
  type SnapshotSubject,
  templateMachine,
  writeSnapshotRecord,
} from './snapshot';
import { saveState } from './transfer';

/** Milliseconds from the start of a template until it waits: a cold boot on a busy workstation. */
const BOOT_TIMEOUT = 600_000;

/** Milliseconds until a template that waits has become idle; it is saved then in any case. */
const IDLE_TIMEOUT = 60_000;

/** Seconds of processor time within a second below which a template counts as idle. */
const IDLE_SECONDS = 0.15;

const QMP_TIMEOUT = 30_000;
const START_TIMEOUT = 30_000;
const QUIT_TIMEOUT = 10_000;

export interface SnapshotMaking {
  readonly subject: SnapshotSubject;
  readonly run: Run;
  readonly signal: AbortSignal;
}

/**
 * Makes the snapshot of a subject, unless it is there: boots a template on a layer of its own, waits until it waits for
 * an identity and is idle, and saves its memory. The snapshot appears complete or not at all. One process makes it,
 * others wait.
 *
 * @throws FleetError `snapshot-failed`; the reason of the signal
 */
export async function makeSnapshot(making: SnapshotMaking): Promise<'made' | 'present'> {
  const directory = snapshotDirectory(making.subject);
  return withLock(
    `${directory}.lock`,
    async () => {
      if (!('missing' in findSnapshot(making.subject))) return 'present';
      // What an earlier attempt left, whose machine has ended with it, or what is damaged.
      const unfinished = `${directory}.making`;
      await rm(unfinished, { recursive: true, force: true });
      try {
        makeDirectories(unfinished, 0o700);
        await saveTemplate(making, snapshotIn(unfinished));
        writeSnapshotRecord(unfinished, making.subject);
        syncToDisk(unfinished);
        await rm(directory, { recursive: true, force: true });
        await rename(unfinished, directory);
        return 'made';
      } catch (cause) {
        making.signal.throwIfAborted();
        throw explained(cause, making.subject);
      } finally {
        await rm(unfinished, { recursive: true, force: true });
      }
    },
    { signal: making.signal },
  );
}

async function saveTemplate({ subject, run, signal }: SnapshotMaking, target: Snapshot): Promise<void> {
  const { directory } = target;
  await createOverlay(run, subject.imagePath, target.diskPath, signal);
  reportStep('booting a template');
  const command = endingWithUs('qemu-system-x86_64', ...qemuArguments(templateMachine(subject, directory)));
  const outputPath = `${directory}/qemu.log`;
  const child = await startDetached('setpriv', command, { cwd: directory, outputPath });
  const { identity } = child;
  const end = new AbortController();
  void child.ended.then(() => {
    end.abort();
  });
  const both = AbortSignal.any([signal, end.signal]);
  try {
    await whenReachable(directory, both);
    await waitUntilWaiting(directory, BOOT_TIMEOUT, both);
    reportStep('waiting until the template is idle');
    await waitUntilIdle(identity, both);
    reportStep('saving the template');
    await control(directory, both, (qmp) => saveState(qmp, directory, target.statePath, both));
    await control(directory, signal, (qmp) => qmp.execute('quit')).catch((error: unknown) => {
      if (!(error instanceof QmpUnavailableError)) throw error;
    });
    await waitForEnd(identity, QUIT_TIMEOUT, signal);
  } catch (error) {
    if (!end.signal.aborted) throw error;
    throw new Error(withoutRemarks(readFileSync(outputPath, 'utf8')) || 'QEMU ended', { cause: error });
  } finally {
    signalProcess(identity, 'SIGKILL');
    await waitForEnd(identity, QUIT_TIMEOUT);
  }
  // QEMU before 8.2 opens the memory for writing, and writes to a copy.
  for (const path of [target.memoryPath, target.statePath, target.diskPath]) chmodSync(path, 0o600);
  for (const name of [QEMU_FILES.control, QEMU_FILES.identity, QEMU_FILES.incoming, QEMU_FILES.console, 'qemu.log']) {
    await rm(`${directory}/${name}`, { force: true });
  }
}

function control<T>(directory: string, signal: AbortSignal, body: (qmp: QmpConnection) => Promise<T>): Promise<T> {
  return withQmp(directory, QEMU_FILES.control, { timeoutMs: QMP_TIMEOUT, signal }, body);
}

async function whenReachable(directory: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    try {
      await control(directory, signal, (qmp) => qmp.execute('query-status'));
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof QmpUnavailableError) || Date.now() > deadline) throw error;
    }
    await pause(50, undefined, { signal });
  }
}

/** Two quiet seconds in a row. A machine that never rests is saved as it is. */
async function waitUntilIdle(identity: ProcessIdentity, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + IDLE_TIMEOUT;
  let quiet = 0;
  let before = processorSeconds(identity);
  while (quiet < 2 && Date.now() < deadline && isRunning(identity)) {
    await pause(1000, undefined, { signal });
    const now = processorSeconds(identity);
    quiet = now - before < IDLE_SECONDS ? quiet + 1 : 0;
    before = now;
  }
}

/** Nothing more, once it has ended. */
function processorSeconds({ pid }: ProcessIdentity): number {
  return readProcessStat(pid)?.processorSeconds ?? 0;
}

function explained(cause: unknown, { imagePath }: SnapshotSubject): FleetError {
  if (cause instanceof FleetError) return cause;
  return new FleetError({
    code: 'snapshot-failed',
    problem: `the snapshot of an image could not be made: ${cause instanceof Error ? cause.message : String(cause)}`,
    place: imagePath,
    remedy: 'correct the cause; until then VMs are started cold, which takes longer and changes nothing else',
    cause,
  });
}
