import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { makeDirectories } from '../../files/directories';
import { type ReadText, readText, RecordFile } from '../../files/record';
import { reportStep } from '../../process/progress';
import { CommandError, type Run } from '../../process/run';

export type Accelerator = 'kvm' | 'tcg';

export interface AcceleratorOptions {
  readonly run: Run;
  /** A bootable disk (qcow2) whose kernel and init print to the serial console. It is not changed. */
  readonly imagePath: string;
  /** {@link ACCELERATOR_FILE} in the directory that keeps the answer: it holds until the workstation boots again. */
  readonly cacheFile: string;
  readonly signal: AbortSignal;
  /** Default `/dev/kvm`. */
  readonly device?: string;
  /** Milliseconds without any output after which the guest counts as hung. Default 8000. */
  readonly silenceMs?: number;
}

/** Name of the file in the cache directory that keeps the answer. */
export const ACCELERATOR_FILE = 'accelerator.json';

/** An unreadable record counts as absent: the proof is made again. */
const proof = new RecordFile({
  file: ACCELERATOR_FILE,
  shape: z.object({ bootId: z.string(), accelerator: z.enum(['kvm', 'tcg']), reason: z.string() }),
  mode: 0o644,
});

/** Printed by a Linux guest that has reached user space; boot loader and early kernel do not print it. */
const USER_SPACE = /systemd\[1\]|Welcome to|login:|Run \/\S+ as init process|\/init: running/;

const LONGEST_PROOF_MS = 30_000;

/**
 * KVM if it is proven to run a guest, else TCG. A device that opens proves nothing: on some machines every stock kernel
 * hangs or QEMU aborts, so the fleet's own image is booted until its user space speaks. With a good KVM that takes
 * two seconds, with a bad one until the silence is long enough; the answer is kept until the next boot.
 */
export async function chooseAccelerator(options: AcceleratorOptions): Promise<Accelerator> {
  if (!canOpen(options.device ?? '/dev/kvm')) return 'tcg';
  const known = knownAccelerator(options.cacheFile);
  if (known) return known;
  reportStep('proving that KVM runs a guest');
  const reason = await proveKvm(options);
  reportStep('starting the VM');
  const accelerator = reason === undefined ? 'kvm' : 'tcg';
  try {
    makeDirectories(dirname(options.cacheFile));
    const why = reason ?? 'a guest reached user space';
    proof.write(dirname(options.cacheFile), { bootId: bootId(readText), accelerator, reason: why });
  } catch {
    // Without the cache the proof is made again: slower, not wrong.
  }
  return accelerator;
}

/** @returns why KVM is not to be used, or undefined when a guest reached user space. */
async function proveKvm({ run, imagePath, signal, silenceMs = 8000 }: AcceleratorOptions): Promise<string | undefined> {
  const finished = new AbortController();
  const guest = { hasSpoken: false, isProven: false };
  const silence = setTimeout(() => {
    finished.abort();
  }, silenceMs);
  try {
    await run('qemu-system-x86_64', kvmProofArguments(imagePath), {
      signal: AbortSignal.any([signal, finished.signal]),
      timeout: LONGEST_PROOF_MS,
      onLine: (line) => {
        if (line.startsWith('qemu-system')) return;
        guest.hasSpoken = true;
        clearTimeout(silence);
        guest.isProven ||= USER_SPACE.test(line);
        if (guest.isProven) finished.abort();
      },
    });
    return guest.isProven ? undefined : 'the guest powered off before it reached user space';
  } catch (error) {
    signal.throwIfAborted();
    if (guest.isProven) return undefined;
    if (!(error instanceof CommandError) || error.code === 'ENOENT') throw error;
    if (error.cancelled) return 'the guest printed nothing';
    return `${guest.hasSpoken ? 'the guest did not reach user space' : 'qemu gave up'}: ${error.message}`;
  } finally {
    clearTimeout(silence);
  }
}

/** A guest without network, whose writes go to a temporary file that is deleted already. */
export function kvmProofArguments(imagePath: string): string[] {
  return [
    ...['-no-user-config', '-nodefaults', '-display', 'none', '-no-reboot'],
    ...[
      '-machine',
      'type=q35,usb=off,vmport=off',
      '-accel',
      'kvm',
      '-cpu',
      'host',
      '-smp',
      'cpus=2',
      '-m',
      'size=512M',
    ],
    ...['-drive', `file=${imagePath.replaceAll(',', ',,')},format=qcow2,if=virtio,snapshot=on`],
    ...['-serial', 'stdio'],
  ];
}

/** The accelerator that was proven since the workstation booted, or undefined. */
export function knownAccelerator(cacheFile: string, read: ReadText = readText): Accelerator | undefined {
  const cached = proof.read(dirname(cacheFile), read);
  return cached.status === 'value' && cached.value.bootId === bootId(read) ? cached.value.accelerator : undefined;
}

function bootId(read: ReadText): string {
  return read('/proc/sys/kernel/random/boot_id').trim();
}

function canOpen(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
