import { mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { removeAbandonedWrites, writeFileAtomically } from '../../../files/atomic';
import type { CreatedPaths } from '../created-paths';

/** Where units are that start with the manager, seen from the directory of units. */
const WANTS = 'default.target.wants';

/**
 * Units of buildfleet among those of the operator, and the links that `systemctl --user enable` would make. They are
 * files: they can be put right and taken away also while no manager runs.
 */
export class UnitFiles {
  /** @param directory `~/.config/systemd/user`, or where `XDG_CONFIG_HOME` has it */
  constructor(
    private readonly directory: string,
    private readonly created: CreatedPaths,
    /** Name in the record of created directories. */
    private readonly holder: string,
  ) {}

  /** Whether the unit has this text, so that nothing has to be written and what runs was started from it. */
  hasText(unit: string, text: string): boolean {
    return this.read(unit) === text;
  }

  isEnabled(unit: string): boolean {
    try {
      return readlinkSync(this.link(unit)) !== '';
    } catch {
      return false;
    }
  }

  /** Whether there is anything of this unit. */
  isPresent(unit: string): boolean {
    return this.read(unit) !== null || this.isEnabled(unit);
  }

  /** Makes the directories that are missing. */
  async prepare(signal: AbortSignal): Promise<void> {
    await this.created.holdDirectories(join(this.directory, WANTS), this.holder, signal);
    mkdirSync(join(this.directory, WANTS), { recursive: true, mode: 0o700 });
  }

  write(unit: string, text: string): void {
    removeAbandonedWrites(this.directory, unit);
    writeFileAtomically(join(this.directory, unit), text, { mode: 0o644 });
  }

  enable(unit: string): void {
    if (this.isEnabled(unit)) return;
    rmSync(this.link(unit), { force: true });
    symlinkSync(join(this.directory, unit), this.link(unit));
  }

  /** Removes units and links, and the directories that were made for them if they have no other use. */
  async remove(units: readonly string[], signal: AbortSignal): Promise<void> {
    for (const unit of units) {
      removeAbandonedWrites(this.directory, unit);
      // The link first: a link without a unit is a complaint at every start of the manager.
      for (const path of [this.link(unit), join(this.directory, unit)]) rmSync(path, { force: true });
    }
    await this.created.releaseDirectories(join(this.directory, WANTS), this.holder, signal);
  }

  private link(unit: string): string {
    return join(this.directory, WANTS, unit);
  }

  private read(unit: string): string | null {
    try {
      return readFileSync(join(this.directory, unit), 'utf8');
    } catch {
      return null;
    }
  }
}

/** The directory of the operator's own units. */
export function unitDirectory(home: string, environment: NodeJS.ProcessEnv): string {
  const configured = environment['XDG_CONFIG_HOME'] ?? '';
  return join(configured.startsWith('/') ? configured : join(home, '.config'), 'systemd/user');
}

/** The directory in which the operator's manager has its sockets, also for a deploy that no session started. */
export function runtimeDirectory(environment: NodeJS.ProcessEnv, uid: number): string {
  const given = environment['XDG_RUNTIME_DIR'] ?? '';
  return given.startsWith('/') ? given : `/run/user/${uid}`;
}
