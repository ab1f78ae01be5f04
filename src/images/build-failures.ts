import { dirname } from 'node:path';
import type { ErrorCode } from '../model/error-codes';
import { FleetError, isFleetError } from '../model/errors';
import type { ImageDefinition } from '../model/image-definition';
import { CommandError } from '../process/run';

/** Directories of a build. */
export interface BuildPlace {
  readonly definition: ImageDefinition;
  readonly stage: string;
  readonly workDirectory: string;
}

/** Output of a failed command, its meaning, and the remedy. */
export interface KnownFailure {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly problem: string;
  readonly remedy: (place: BuildPlace) => string;
}

export const DISK_FULL: KnownFailure = {
  pattern: /No space left on device|ENOSPC|Disk quota exceeded/,
  code: 'disk-full',
  problem: 'the disk is full',
  remedy: (place) => `free some space under ${lastingDirectories(place).join(' and ')}, then deploy again`,
};

/** Of a build with mmdebstrap. The first that matches counts. */
const DEBIAN_FAILURES: readonly KnownFailure[] = [
  DISK_FULL,
  {
    pattern: /newuidmap|newgidmap|subuid|subgid|unshare(\(\)| syscall)? failed|Operation not permitted.*unshare/,
    code: 'user-namespaces-unavailable',
    problem: 'mmdebstrap cannot work without root here',
    remedy: () =>
      'apt-get install uidmap, give the user a range in /etc/subuid and /etc/subgid (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER) and allow user namespaces, or deploy as root',
  },
  {
    pattern:
      /^install-haskell: .*(cannot be downloaded|cannot install|can be had from|has the checksum|answers with the key)/m,
    code: 'ghcup-failed',
    problem: 'GHCup did not bring the compilers',
    remedy: () =>
      'see that this machine reaches downloads.haskell.org and keyserver.ubuntu.com, or name hosts that it reaches, ghcup({ mirror: { … } }), and that GHCup has these versions; then deploy again',
  },
  {
    pattern: /NO_PUBKEY|not signed|The following signatures|EXPKEYSIG/,
    code: 'mirror-not-trusted',
    problem: 'the mirror is not signed by a key of the keyring debian-archive-keyring',
    remedy: () => "upgrade the package debian-archive-keyring, and check the mirror's address",
  },
  {
    pattern:
      /Could not resolve|Temporary failure resolving|Could not connect|Cannot initiate the connection|Connection (timed out|refused|failed)|Unable to connect|Network is unreachable|Failed to fetch|does not have a Release file|File not found|Hash Sum mismatch/,
    code: 'mirror-unreachable',
    problem: 'the Debian mirror could not be read',
    remedy: () => "check the network, or set the image's mirror to one that is reachable, then deploy again",
  },
  {
    pattern: /Unable to locate package (\S+)|has no installation candidate/,
    code: 'package-unknown',
    problem: 'a package of the image is not in the suite',
    remedy: () => "correct the image's packages",
  },
];

const PACKAGES: Readonly<Record<string, string>> = {
  mmdebstrap: 'mmdebstrap',
  'qemu-img': 'qemu-utils',
  setpriv: 'util-linux',
  'qemu-system-x86_64': 'qemu-system-x86',
  'ssh-keygen': 'openssh-client',
  VBoxManage: 'virtualbox',
};

/** Turns the failure of a build into an error that says what to do. A FleetError stays as it is. */
export function explainBuildFailure(
  cause: unknown,
  place: BuildPlace,
  failures: readonly KnownFailure[] = DEBIAN_FAILURES,
): FleetError {
  if (isFleetError(cause)) return cause;
  const where = `image ${place.definition.name}`;
  const output = cause instanceof CommandError ? `${cause.stderr}\n${cause.stdout}\n${cause.message}` : String(cause);
  if (cause instanceof CommandError && cause.code === 'ENOENT') {
    const program = cause.command.split(' ')[0] ?? '';
    return new FleetError({
      code: 'program-missing',
      problem: `${program} is not installed`,
      place: where,
      remedy: `apt-get install ${PACKAGES[program] ?? program}`,
      cause,
    });
  }
  const known = failures.find(({ pattern }) => pattern.test(output));
  if (known !== undefined) {
    return new FleetError({
      code: known.code,
      problem: `${known.problem}: ${evidence(output, known.pattern)}`,
      place: where,
      remedy: known.remedy(place),
      cause,
    });
  }
  return new FleetError({
    code: 'image-build-failed',
    problem: `the build failed: ${output.trim().split('\n').slice(-15).join('\n')}`,
    place: where,
    remedy: 'correct what the output names, then deploy again',
    cause,
  });
}

/** Directories around the build's own ones, which are gone when the operator reads the message. */
function lastingDirectories({ stage, workDirectory }: BuildPlace): string[] {
  const isStageInside = stage.startsWith(`${workDirectory}/`);
  return [...(isStageInside ? [] : [dirname(stage)]), dirname(workDirectory)];
}

/** The line of the output that matches. */
function evidence(output: string, pattern: RegExp): string {
  return (
    output
      .split('\n')
      .find((line) => pattern.test(line))
      ?.trim()
      .slice(0, 300) ?? ''
  );
}
