import type { ErrorCode } from '../../model/error-codes';
import { FleetError, isFleetError } from '../../model/errors';
import { CommandError } from '../../process/run';
import { features } from './features';

const INSTALL = `install it, on Debian and Ubuntu with \`apt-get install ${features.packages.join(' ')}\``;

/** The opt-out. */
const OPEN = "give the host `userNetwork: 'open'` in main.ts, which lets its VMs reach all of them";

/** Messages of QEMU and of the file system, with their remedies. The first that matches counts. */
const KNOWN: readonly {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly problem: string;
  readonly remedy: string;
}[] = [
  {
    pattern: /failed to execute pasta|^pasta is not installed/,
    code: 'pasta-missing',
    problem: 'pasta is not installed, which keeps VMs from the services of the workstation',
    remedy: `install it, on Debian and Ubuntu with \`apt-get install passt\`, or ${OPEN}`,
  },
  {
    pattern: /user namespace|detached namespaces|unshare failed|tun socket|ip: not found/,
    code: 'network-isolation-failed',
    problem: 'no network namespace could be made, which keeps VMs from the services of the workstation',
    remedy: `allow user namespaces and /dev/net/tun to this user (\`buildfleet doctor\` tries it), or ${OPEN}`,
  },
  {
    pattern: /failed to execute \S*qemu/,
    code: 'qemu-missing',
    problem: 'qemu is not installed',
    remedy: INSTALL,
  },
  {
    pattern: /No space left on device|ENOSPC|Disk quota exceeded|EDQUOT/,
    code: 'disk-full',
    problem: 'there is no space left for the disk of the VM',
    remedy: 'free some space there (`df -h`), then deploy again',
  },
  {
    pattern: /Read-only file system|EROFS|EACCES|EPERM/,
    code: 'state-directory-not-writable',
    problem: 'the directory of the VM cannot be written',
    remedy: 'make the state directory writable for this user, or choose another one, then deploy again',
  },
  {
    pattern: /Failed to get .*lock/,
    code: 'disk-in-use',
    problem: 'another process uses the disk of the VM',
    remedy: 'end that process (`fuser -v` on the disk shows it), then deploy again',
  },
  {
    pattern:
      /not in qcow2 format|Image is corrupt|L1 table|Invalid argument.*qcow2|Could not open backing|unexpected end/i,
    code: 'image-damaged',
    problem: 'the image or the disk of the VM is damaged',
    remedy: 'deploy again: an image whose content changed is built anew',
  },
  {
    pattern: /Cannot allocate memory|cannot set up guest memory/,
    code: 'not-enough-memory',
    problem: 'the workstation has not enough free memory for the VM',
    remedy: 'give the VM less memory, or end something else, then deploy again',
  },
];

/** The error to report for a failure of QEMU, qemu-img or the file system. What was cancelled stays as it is. */
export function explainFailure(error: unknown, what: string, place: string): unknown {
  if (isFleetError(error)) return error;
  if ((error as { name?: unknown } | undefined)?.name === 'AbortError') return error;
  if (error instanceof CommandError && error.cancelled) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOENT' && syscallOf(error) === 'spawn pasta') {
    return explainText('pasta is not installed', what, place, error);
  }
  if (code === 'ENOENT' && (error instanceof CommandError || syscallOf(error).startsWith('spawn'))) {
    return new FleetError({
      code: 'qemu-missing',
      problem: `${what}, because qemu is not installed`,
      place,
      remedy: INSTALL,
      cause: error,
    });
  }
  const said = error instanceof Error ? error.message : String(error);
  return explainText(said, what, place, error);
}

/** The error to report for what QEMU printed before it gave up. */
export function explainText(said: string, what: string, place: string, cause?: unknown): FleetError {
  const known = KNOWN.find(({ pattern }) => pattern.test(said));
  return new FleetError({
    code: known?.code ?? 'qemu-failed',
    problem: `${what}${known ? `, because ${known.problem}` : ''}: ${said.trim()}`,
    place,
    remedy: known?.remedy ?? 'read the message above, correct its cause and deploy again',
    cause,
  });
}

/** What was printed by a start, without what pasta says where everything went well. */
export function withoutRemarks(said: string): string {
  return said.replace(
    /^(?:Failed to send \d+ bytes to syslog|Couldn't (?:write to \/proc\/self\/uid_map|configure user mappings).*)\n/gm,
    '',
  );
}

function syscallOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.syscall ?? '';
}
