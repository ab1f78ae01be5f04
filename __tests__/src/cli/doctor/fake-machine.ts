import type { Listener, Machine } from '../../../../src/cli/doctor/machine';
import { type Subject, subjectOf } from '../../../../src/cli/doctor/subject';
import { loadFleet } from '../../../../src/cli/fleet-file';
import type { Access } from '../../../../src/drivers/preflight';
import type { Hypervisor } from '../../../../src/model/hypervisor';
import { CommandError } from '../../../../src/process/run';
import { join } from 'node:path';

const RENDERED = join(__dirname, '../../../../rendered/fleet/fleet.json');

export const HOME = '/home/alice';
export const NODE = '/usr/bin/node';

/** What a program prints; `{ fails }` is what it says on standard error before it ends with 1. */
export type FakeAnswer = string | { readonly fails: string };

/** What there is on a machine; everything else is missing, and every port is free. */
export interface FakeParts {
  /** By command line. */
  readonly programs?: Readonly<Record<string, FakeAnswer>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly access?: Readonly<Record<string, Access>>;
  readonly directories?: readonly string[];
  readonly listeners?: Readonly<Record<number, Listener>>;
  readonly freeMebibytes?: number;
  readonly uid?: number;
  readonly homeOwner?: number;
  readonly localhost?: string | null;
  readonly kernel?: string;
  readonly nodeVersion?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

export function fakeMachine(parts: FakeParts = {}): Machine {
  const { programs = {}, files = {}, access = {}, directories = [], listeners = {} } = parts;
  return {
    run: (file, args) => {
      const answer = programs[[file, ...args].join(' ')];
      const fail = (stderr: string, exitCode: number | undefined, code: string | undefined) =>
        Promise.reject(new CommandError(`${file} failed`, file, '', stderr, exitCode, code, false, undefined));
      if (answer === undefined) return fail('', undefined, 'ENOENT');
      if (typeof answer !== 'string') return fail(answer.fails, 1, undefined);
      return Promise.resolve({ stdout: answer, stderr: '', exitCode: 0 });
    },
    environment: parts.environment ?? {},
    home: HOME,
    user: { name: 'alice', uid: parts.uid ?? 1000 },
    login: {
      account: { username: 'alice', uid: parts.uid ?? 1000 },
      home: HOME,
      homeOwner: parts.homeOwner ?? parts.uid ?? 1000,
      read: (path) => files[path] ?? null,
      localhost: () => Promise.resolve(parts.localhost === undefined ? '127.0.0.1' : parts.localhost),
    },
    nodeVersion: parts.nodeVersion ?? '20.19.4',
    nodeProgram: NODE,
    kernel: parts.kernel ?? '6.1.0-38-amd64',
    read: (path) => files[path] ?? null,
    access: (path) => access[path] ?? (path === '/' || directories.includes(path) ? 'usable' : 'missing'),
    isDirectory: (path) => directories.includes(path),
    freeMebibytes: () => parts.freeMebibytes ?? 100_000,
    listener: (port) => listeners[port] ?? null,
    listeningPorts: () => new Set(Object.keys(listeners).map(Number)),
  };
}

/** The rendered fleet as if it were deployed, its hosts of this hypervisor. */
export function fakeSubject(hypervisor: Hypervisor = 'qemu'): Subject {
  const bridgeAdapters = hypervisor === 'virtualbox' ? [null] : [];
  return { ...subjectOf(loadFleet(RENDERED, HOME), HOME), hypervisors: new Set([hypervisor]), bridgeAdapters };
}

/** A workstation without a fleet. */
export const FRESH = subjectOf(null, HOME);
