import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalPath } from '../../files/links';
import { listProcesses, readProcess, type ProcessSeen } from '../../process/process-identity';
import { type QemuMachineSeen, readQemuArguments } from './arguments';

/** Name of a VM's own disk in its directory. */
export const DISK_FILE = 'disk.qcow2';

/** Name of the file with the process id of a VM's QEMU, written by the driver: in its namespace QEMU has another one. */
export const PID_FILE = 'qemu.pid';

/** A running QEMU that was started for a VM in this state directory. */
export interface QemuProcess extends ProcessSeen {
  readonly machine: QemuMachineSeen;
}

/** Finds the QEMU of a VM by what its argv says, never by a pid alone. */
export interface QemuDiscovery {
  /** Starts no program. The pid file is a hint only: it may be gone or name another process by now. */
  find(directory: string): Promise<QemuProcess | undefined>;
}

/** Searches of all processes that are asked for at the same time share one pass over /proc. */
export function createDiscovery(): QemuDiscovery {
  let pending: Promise<readonly QemuProcess[]> | undefined;
  const scan = (): Promise<readonly QemuProcess[]> => {
    // Begins after the current turn, so that all callers in it get processes no older than their call.
    pending ??= new Promise((resolve) =>
      setImmediate(() => {
        pending = undefined;
        resolve(
          listProcesses()
            .map(asQemu)
            .filter((seen) => seen !== undefined),
        );
      }),
    );
    return pending;
  };
  return {
    find: async (directory) => {
      const disk = canonicalDisk(directory);
      const isOurs = (seen: QemuProcess | undefined): seen is QemuProcess => seen?.machine.diskPath === disk;
      const hinted = fromPidFile(directory);
      return isOurs(hinted) ? hinted : (await scan()).find(isOurs);
    },
  };
}

/** Path of the VM's disk as QEMU is told it: without symbolic links, so that every spelling finds the process. */
export function canonicalDisk(directory: string): string {
  return join(canonicalPath(directory), DISK_FILE);
}

function fromPidFile(directory: string): QemuProcess | undefined {
  try {
    const pid = Number(readFileSync(join(directory, PID_FILE), 'utf8').trim());
    const seen = Number.isInteger(pid) && pid > 0 ? readProcess(pid) : undefined;
    return seen && asQemu(seen);
  } catch {
    return undefined;
  }
}

function asQemu(seen: ProcessSeen): QemuProcess | undefined {
  const machine = readQemuArguments(seen.argv);
  return machine && { ...seen, machine };
}
