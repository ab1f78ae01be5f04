import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../files/atomic';
import type { FleetVm } from '../../model/fleet';
import { durationText } from '../../model/units';
import type { LoadedFleet } from '../fleet-file';
import { runtimeDirectory } from '../../files/runtime-directory';

/** How long a VM that did not answer is not asked again. */
const DEAD_MS = 60_000;

/** How long a lost connection counts when a VM is chosen. */
const RECENT_MS = 600_000;

/** An event of a VM, and its time in milliseconds since 1970. */
interface Event {
  readonly vm: string;
  readonly at: number;
  readonly answered: boolean;
  readonly reason: string;
  /** Whether a connection that worked was lost. Absent: no. */
  readonly lost?: boolean;
}

/** Remembers from one command to the next which VMs made trouble, so that a dead one is waited for once. */
export class Trouble {
  private readonly file: string;

  constructor(
    loaded: LoadedFleet,
    environment: NodeJS.ProcessEnv,
    private readonly now: () => number = Date.now,
  ) {
    const name = createHash('sha256').update(loaded.paths.stateDirectory).digest('hex').slice(0, 16);
    this.file = join(runtimeDirectory(environment), `trouble-${name}.json`);
  }

  /** Why a VM need not be asked, or undefined. */
  dead(vm: FleetVm): string | undefined {
    const last = this.read().findLast((one) => one.vm === vm.name);
    if (last === undefined || last.answered || this.now() - last.at > DEAD_MS) return undefined;
    return `${last.reason} (${durationText((this.now() - last.at) / 1000)} ago)`;
  }

  /** How often a connection to a VM was lost lately. That this workstation waited too long for an answer is no loss. */
  recentFailures(vm: FleetVm): number {
    return this.read().filter((one) => one.vm === vm.name && one.lost === true).length;
  }

  /** The VM did not answer. */
  remember(vm: FleetVm, reason: string): void {
    this.write([...this.read(), { vm: vm.name, at: this.now(), answered: false, reason }]);
  }

  /** A connection to the VM was lost. */
  rememberLost(vm: FleetVm, reason: string): void {
    this.write([...this.read(), { vm: vm.name, at: this.now(), answered: false, reason, lost: true }]);
  }

  /** The VM has answered: it may be asked again. */
  forgive(vm: FleetVm): void {
    const memory = this.read();
    if (memory.findLast((one) => one.vm === vm.name)?.answered !== false) return;
    this.write([...memory, { vm: vm.name, at: this.now(), answered: true, reason: '' }]);
  }

  /** Events that are too old to count or cannot be read are left out. */
  private read(): readonly Event[] {
    try {
      const memory: unknown = JSON.parse(readFileSync(this.file, 'utf8'));
      return Array.isArray(memory) ? memory.filter(isEvent).filter(({ at }) => this.now() - at < RECENT_MS) : [];
    } catch {
      return [];
    }
  }

  private write(memory: readonly Event[]): void {
    // Two commands at once may forget what the other one saw, which costs one wait.
    writeFileAtomically(this.file, JSON.stringify(memory.slice(-200)), { mode: 0o600 });
  }
}

/** By hand, because zod would take longer to load than all of this. */
function isEvent(value: unknown): value is Event {
  const { vm, at, answered, reason } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof vm === 'string' && typeof at === 'number' && typeof answered === 'boolean' && typeof reason === 'string'
  );
}
