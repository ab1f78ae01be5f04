import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../files/atomic';
import type { RunnerKind } from './service-runner';
import type { SshdFacts } from './sshd';

/** `workstation.json`: what was found out and chosen at the last deploy, so that a plan need not find it out again. */
export interface WorkstationRecord {
  readonly formatVersion: 1;
  /** Where VMs that are machines of their own on the network find the sshd. */
  readonly address: string | null;
  readonly sshdPort: number;
  readonly hubPort: number;
  readonly tunnelPorts: { readonly first: number; readonly last: number };
  readonly developers: readonly string[];
  readonly sshd: SshdFacts;
  /** Absolute path of the Node that runs the hub. */
  readonly node: string;
  /** sha256 of the hub's files as copied. */
  readonly hubRevision: string;
  /** What keeps the services running. */
  readonly runner: RunnerKind;
  /** Whether `/run/sshd` was made for our sshd. */
  readonly madeRunDirectory: boolean;
}

export function workstationRecordPath(directory: string): string {
  return join(directory, 'workstation.json');
}

/** @returns null if there is none, or one of another format */
export function readWorkstationRecord(directory: string): WorkstationRecord | null {
  try {
    const record = JSON.parse(readFileSync(workstationRecordPath(directory), 'utf8')) as Partial<WorkstationRecord>;
    return record.formatVersion === 1
      ? ({ address: null, runner: 'supervisor', ...record } as WorkstationRecord)
      : null;
  } catch {
    return null;
  }
}

export function writeWorkstationRecord(directory: string, record: WorkstationRecord): void {
  writeFileAtomically(workstationRecordPath(directory), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}
