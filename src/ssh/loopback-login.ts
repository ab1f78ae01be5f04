import { lookup } from 'node:dns/promises';
import { readFileSync, statSync } from 'node:fs';
import type { FleetErrorParts } from '../model/errors';
import { account, type Account } from '../process/account';

/** What decides whether the private sshd lets a VM in that arrives at 127.0.0.1. Looking changes nothing. */
export interface LoginMachine {
  readonly account: Account;
  readonly home: string;
  /** User id that the home directory belongs to; null where there is none. */
  readonly homeOwner: number | null;
  /** Null when the file is not there or cannot be read. */
  read(path: string): string | null;
  /** IPv4 address that `localhost` stands for; null for none. */
  localhost(): Promise<string | null>;
}

/** The machine that this process runs on. @throws FleetError `account-missing` */
export function loginMachine(home: string): LoginMachine {
  return {
    account: account(),
    home,
    homeOwner: orNull(() => statSync(home).uid),
    read: (path) => orNull(() => readFileSync(path, 'latin1')),
    localhost: () =>
      lookup('localhost', { family: 4 }).then(
        ({ address }) => address,
        () => null,
      ),
  };
}

/** What keeps VMs out, or the operator's ssh from its configuration: parts of the error that names it. */
export async function loginObstacles(machine: LoginMachine): Promise<FleetErrorParts[]> {
  const address = await machine.localhost();
  return [
    ...foreignHome(machine),
    ...(address?.startsWith('127.') === true ? [] : [unresolved(address)]),
    ...refusedByTcpWrappers(machine),
  ];
}

/** OpenSSH asks the account for its home directory, and not the environment. */
function foreignHome({ account: { uid, username }, home, homeOwner }: LoginMachine): FleetErrorParts[] {
  if (homeOwner === null || homeOwner === uid) return [];
  return [
    {
      code: 'home-foreign',
      problem: `the home directory belongs to user id ${homeOwner}, and this is ${username} (${uid})`,
      value: home,
      remedy: `deploy as its owner, or set HOME to the home directory of ${username} (sudo -H)`,
    },
  ];
}

/** Tunnels and the permissions of their keys name it. */
function unresolved(address: string | null): FleetErrorParts {
  return {
    code: 'localhost-unresolved',
    problem: 'localhost does not stand for 127.0.0.1, so tunnels do not find the State Hub',
    place: '/etc/hosts',
    value: address,
    remedy: 'write the line "127.0.0.1 localhost" there',
  };
}

/** An sshd that is built with libwrap hangs up without a word, and logs it where only root looks. */
function refusedByTcpWrappers(machine: LoginMachine): FleetErrorParts[] {
  const rule = rulesFor(machine.read('/etc/hosts.deny'))[0];
  if (rule === undefined || rulesFor(machine.read('/etc/hosts.allow')).length > 0) return [];
  return [
    {
      code: 'sshd-wrapped',
      problem: 'tcp wrappers refuse connections from 127.0.0.1 to sshd',
      place: '/etc/hosts.deny',
      value: rule,
      remedy: 'write the line "sshd: 127.0.0.1" to /etc/hosts.allow',
    },
  ];
}

const LOOPBACK = /^(ALL|LOCAL|localhost|127\.|127\.0\.|127\.0\.0\.|127\.0\.0\.1|127\.0\.0\.0\/(8|255\.0\.0\.0))$/i;

/** Rules of hosts_access(5) that hold for sshd and 127.0.0.1, or may: what stands behind EXCEPT is not looked at. */
function rulesFor(text: string | null): string[] {
  return (text ?? '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => {
      const [daemons = '', clients = ''] = line.replace(/#.*/, '').split(':');
      const names = (list: string) => (list.split(/\bEXCEPT\b/i)[0] ?? '').split(/[\s,]+/);
      return (
        names(daemons).some((name) => /^(ALL|sshd)$/i.test(name)) && names(clients).some((one) => LOOPBACK.test(one))
      );
    })
    .map((line) => line.trim());
}

function orNull<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}
