import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { run } from '../../src/process/run';
import type { Accelerator } from '../../src/drivers/qemu/accelerator';

/** A machine that buildfleet does not manage. */
export interface BareMachine {
  /** Disk (qcow2) to boot an empty overlay of. */
  readonly imagePath: string;
  readonly accelerator: Accelerator;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Port on 127.0.0.1 that leads to its sshd. */
  readonly sshPort: number;
}

/** Far more than the slowest boot takes. */
const LONGEST_BOOT_MS = 300_000;

/** Milliseconds from one attempt to the next: guests refuse clients that connect too often. */
const ATTEMPT_MS = 250;

/**
 * Boots the machines side by side and ends them.
 *
 * @param directory for their disks, which are removed again
 * @returns seconds from the start of the first to the last one's ssh banner
 */
export async function secondsUntilBanners(
  machines: readonly BareMachine[],
  directory: string,
  signal: AbortSignal,
): Promise<number> {
  const own = mkdtempSync(join(directory, 'bare-'));
  const end = new AbortController();
  const running: Promise<unknown>[] = [];
  try {
    const disks = machines.map((_, index) => join(own, `${index}.qcow2`));
    for (const [index, { imagePath }] of machines.entries()) {
      await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', imagePath, disks[index] ?? ''], {
        signal,
      });
    }
    const begin = performance.now();
    const banners = machines.map((machine, index) => {
      const serial = join(own, `${index}.log`);
      const over = AbortSignal.any([signal, end.signal]);
      const qemu = run('qemu-system-x86_64', bareArguments(machine, disks[index] ?? '', serial), { signal: over });
      running.push(qemu.catch(() => undefined));
      const ended = qemu.then(
        () => Promise.reject(new Error(`the bare machine switched itself off:\n${tail(serial)}`)),
        (error: unknown) => Promise.reject(new Error(`the bare machine ended:\n${tail(serial)}`, { cause: error })),
      );
      return Promise.race([
        banner(machine.sshPort, AbortSignal.any([over, AbortSignal.timeout(LONGEST_BOOT_MS)])),
        ended,
      ]);
    });
    await Promise.all(banners);
    return (performance.now() - begin) / 1000;
  } finally {
    end.abort();
    await Promise.all(running);
    rmSync(own, { recursive: true, force: true });
  }
}

function bareArguments({ accelerator, cpus, memoryMib, sshPort }: BareMachine, disk: string, serial: string): string[] {
  return [
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-machine', 'q35', '-accel', accelerator],
    // see src/drivers/qemu/arguments.ts: with cmpxchg16b one boot in two dies under TCG
    ...['-cpu', accelerator === 'kvm' ? 'host' : 'qemu64,-cx16', '-smp', String(cpus), '-m', `${memoryMib}M`],
    ...['-drive', `file=${disk.replaceAll(',', ',,')},format=qcow2,if=virtio`],
    ...['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${sshPort}-:22`],
    ...['-device', 'virtio-net-pci,netdev=net,romfile=', '-device', 'virtio-rng-pci'],
    ...['-serial', `file:${serial.replaceAll(',', ',,')}`],
  ];
}

/** Resolves when an sshd has identified itself on the port. QEMU accepts connections long before the guest does. */
async function banner(port: number, signal: AbortSignal): Promise<void> {
  const found = new AbortController();
  const over = AbortSignal.any([signal, found.signal]);
  const attempts: Promise<void>[] = [];
  while (!found.signal.aborted) {
    signal.throwIfAborted();
    attempts.push(
      speaks(port, over).then((isSsh) => {
        if (isSsh) found.abort();
      }),
    );
    await pause(ATTEMPT_MS, undefined, { signal: over }).catch(() => undefined);
  }
  await Promise.all(attempts);
}

function speaks(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const stop = (answer: boolean) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answer);
    };
    const onAbort = () => {
      stop(false);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.setTimeout(2000, onAbort);
    socket.once('error', onAbort);
    socket.once('close', onAbort);
    socket.once('data', (data) => {
      stop(data.toString('latin1').startsWith('SSH-2.0-'));
    });
  });
}

function tail(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(-20).join('\n');
  } catch {
    return '';
  }
}
