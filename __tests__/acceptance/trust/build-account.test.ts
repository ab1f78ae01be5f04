import { readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { commandWithTerminal } from '../../../src/cli/ssh/remote-command';
import { listenersOn } from '../../../src/process/port-owner';
import { signalProcess } from '../../../src/process/process-identity';
import { run } from '../../../src/process/run';
import { sshdSessions } from '../../../src/provider/services/sshd';
import { tunnelKeyLine } from '../../../src/rendering/authorized-keys';
import { renderGuestEnvironment } from '../../../src/rendering/guest-environment';
import { shellWord } from '../../../src/rendering/shell-word';
import { buildfleet } from '../../support/buildfleet';
import { writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { listenOn, makeTestWorkstation, type TestWorkstation, type WorkstationState } from '../../support/workstation';
import { cachedDebian } from '../image/cached-image';
import { Machine } from '../image/machine';

/** Takes the port of the hub as soon as it is free, as a build can; says so and keeps it. */
const TAKE_HUB_PORT = `
import socket, time
while True:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(("127.0.0.1", 18000))
        server.listen()
        break
    except OSError:
        server.close()
        time.sleep(0.005)
open("/build/taken", "w").close()
time.sleep(100000)`;

/** Files of the account's home that shells, sshd, PAM or systemd read before or beside a command. */
const READ_AT_LOGIN = [
  ...['.bash_aliases', '.bash_completion', '.bash_login', '.bash_logout', '.bash_profile', '.bashrc', '.inputrc'],
  ...['.pam_environment', '.profile', '.ssh/config', '.ssh/environment', '.ssh/rc', '.ghcup/env'],
  ...['.config/bash_completion', '.config/environment.d/x.conf', '.config/systemd/user/x.service'],
  ...['.local/share/systemd/user/x.service', '.local/share/bash-completion/completions/cabal'],
];

/** Programs that our own scripts and every build start. */
const PROGRAMS = ['ghc', 'cabal', 'flock', 'mkdir', 'sleep', 'id'];

jest.setTimeout(15 * 60_000);

describeWithTools(
  ['mmdebstrap', 'qemu-system-x86_64', 'xorriso', 'sshd', 'ssh', 'ssh-keygen'],
  'what a build can do to its VM',
  () => {
    let directory: string;
    let station: TestWorkstation;
    let state: WorkstationState;
    let machine: Machine;
    let fleet: string;

    beforeAll(async () => {
      directory = temporaryDirectory();
      station = await makeTestWorkstation();
      state = await station.handler.create(station.planned, station.context());
      const key = join(directory, 'tunnel');
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'alpha', '-f', key]);
      const publicKey = readFileSync(`${key}.pub`, 'utf8').trim();
      const port = state.tunnelPorts.first;
      writeFileSync(station.paths.tunnelAuthorizedKeys, tunnelKeyLine({ port, hubPort: state.hubPort, publicKey }), {
        mode: 0o600,
      });
      const environment = renderGuestEnvironment({
        ...{ hostName: 'haskell-build-alpha', tunnelPort: port, heartbeatSeconds: 1 },
        hub: { port: state.hubPort, domain: 'railiance' },
        relay: { host: '10.0.2.2', port: state.sshdPort, user: state.tunnelAccount },
      });
      machine = new Machine(join(directory, 'vm'), (await cachedDebian()).path);
      const seed = await machine.writeSeed([
        { path: '/etc/build-agent.env', permissions: '0600', content: environment },
        { path: '/etc/buildfleet/tunnel_key', permissions: '0600', content: readFileSync(key, 'utf8') },
        {
          ...{ path: '/etc/buildfleet/known_hosts', permissions: '0644' },
          content: `[10.0.2.2]:${state.sshdPort} ${state.sshdHostPublicKey}\n`,
        },
      ]);
      await machine.boot({ seed, network: true });
      await machine.ssh('cp /etc/ssh/authorized_keys.d/root /etc/ssh/authorized_keys.d/build');
      fleet = writeStandInFleet(join(directory, 'state'), join(directory, 'vm/login'), state.hubUrl, [
        { id: 'alpha', port: machine.sshPort, hostKey: readFileSync(join(directory, 'vm/host.pub'), 'utf8').trim() },
      ]);
      const sshConfig = join(directory, 'state/ssh-config');
      const asBuild = readFileSync(sshConfig, 'utf8').replaceAll(`User ${userInfo().username}`, 'User build');
      writeFileSync(sshConfig, asBuild);
    });

    afterAll(async () => {
      await machine.kill();
      await station.dispose();
    });

    /** Runs a command as build, as the CLI does it every time. @returns what it printed on both streams */
    async function exec(...command: string[]): Promise<string> {
      const { stdout, stderr } = await buildfleet(['exec', '--fleet', fleet, 'alpha', '--', ...command]);
      return `${stdout.toString()}${stderr}`;
    }

    async function heartbeat(): Promise<string | undefined> {
      const response = await fetch(`${state.hubUrl}/capability-catalog/?capability_type=haskell-build-agent`);
      const entries = (await response.json()) as { updated_at: string }[];
      return entries[0]?.updated_at;
    }

    async function newHeartbeat(): Promise<void> {
      const before = await heartbeat();
      await until('a new heartbeat', 120, async () => (await heartbeat()) !== before);
    }

    /** Ends sshd and its tunnels for as long as `body` takes. */
    async function withoutTunnel(body: () => Promise<void>): Promise<void> {
      process.kill(station.pid('supervisor'), 'SIGSTOP');
      try {
        process.kill(station.pid('sshd'), 'SIGKILL');
        await until('the end of all tunnels', 20, () => {
          for (const session of sshdSessions(state.sshdPort)) signalProcess(session, 'SIGKILL');
          return listenersOn(state.tunnelPorts.first).length === 0;
        });
        await body();
      } finally {
        process.kill(station.pid('supervisor'), 'SIGCONT');
      }
    }

    test('cannot take the port of the hub while the tunnel is down, so the tunnel comes back', async () => {
      await newHeartbeat();
      expect(await machine.ssh('ss -Hltnp "sport = :18000"')).toMatch(/"systemd",pid=1,/);
      writeFileSync(join(directory, 'take.py'), TAKE_HUB_PORT);
      await buildfleet(['exec', '--fleet', fleet, 'alpha', '--', 'sh', '-c', 'cat >/build/take.py'], {
        input: TAKE_HUB_PORT,
      });
      await exec('sh', '-c', 'setsid python3 /build/take.py >/dev/null 2>&1 & sleep 1; pgrep -f take.py >/dev/null');
      await withoutTunnel(async () => {
        await until('the end of ssh', 30, () =>
          machine.ssh('systemctl show -P SubState build-tunnel.service | grep -v running').catch(() => null),
        );
      });
      await newHeartbeat();
      expect(await machine.ssh('ls /build/taken 2>&1 || true')).toMatch(/No such file/);
      await machine.ssh('pkill -f take.py');
    });

    test('a tunnel whose port on the workstation is taken ends at once, and comes back with the port', async () => {
      let squatter: Server | undefined;
      const refused = 'journalctl -u build-tunnel -o cat | grep -c "remote port forwarding failed" || true';
      await withoutTunnel(async () => {
        squatter = await listenOn(state.tunnelPorts.first);
      });
      await until('a refused forward', 60, async () => Number(await machine.ssh(refused)) > 0, 1000);
      await new Promise((closed) => squatter?.close(closed));
      await newHeartbeat();
    });

    test('reaches neither the socket nor the directory through which the tunnel leads to the hub', async () => {
      await newHeartbeat();
      expect(await exec('ls', '/run/build-tunnel/')).toMatch(/Permission denied/);
      expect(await machine.ssh('stat -c "%U %a" /run/build-tunnel /run/build-tunnel/hub.sock')).toBe(
        'build-tunnel 700\nbuild-tunnel 600',
      );
    });

    test('leaves nothing that a later session reads', async () => {
      const attack = `cd
for path in "$@"; do
  for way in 'mkdir -p "$(dirname "$path")"' 'rm -rf "$path"' 'mv "$path" "$path.old"' \\
    'mv "$(dirname "$path")" "$(dirname "$path").old" && mkdir "$(dirname "$path")"'; do
    eval "$way" 2>/dev/null
    echo "echo ran $path; BASH_ENV=/build/x" 2>/dev/null >>"$path"
  done
  grep -qs "^echo ran" "$path" && echo "written $path"
done
exit 0`;
      expect(await exec('bash', '-c', attack, 'attack', ...READ_AT_LOGIN)).toBe('');
      expect(await exec('true')).toBe('');
      expect(await machine.ssh("su - build -c 'echo $BASH_ENV' 2>&1")).toBe('');
      const interactive = await machine.ssh(
        'echo exit | setpriv --reuid=build --regid=build --init-groups env HOME=/home/build bash -i 2>&1',
      );
      expect(interactive).not.toMatch(/ran /);
    });

    test('has no program of its own run in place of another', async () => {
      const attack = `for directory in ~/.local/bin ~/.cabal/bin ~/.ghcup/bin; do
  mkdir -p $directory
  for name in "$@"; do printf '#!/bin/sh\\necho hijacked\\n' >$directory/$name; chmod +x $directory/$name; done
done`;
      expect(await exec('bash', '-c', attack, 'attack', ...PROGRAMS)).toBe('');
      expect(await exec('ghc', '--numeric-version')).toMatch(/^9\.\d/);
      for (const shell of [
        ['sh', '-c'],
        ['bash', '-lc'],
      ]) {
        expect(await exec(...shell, `for name in ${PROGRAMS.join(' ')}; do command -v $name; done`)).toBe(
          PROGRAMS.map((name) => `/usr/bin/${name}\n`).join(''),
        );
      }
      await exec('sh', '-c', 'printf "#!/bin/sh\\necho own\\n" >~/.cabal/bin/own-tool; chmod +x ~/.cabal/bin/own-tool');
      expect(await exec('own-tool')).toBe('own\n');
      expect(await exec('bash', '-lc', 'own-tool')).toBe('own\n');
    });

    test('and has all the room that tools want in its home', async () => {
      const tools =
        'cd && mkdir -p .cabal .cache .config/cabal .local/bin .local/state .gnupg .ghc && touch .gitconfig';
      expect(await exec('sh', '-c', tools)).toBe('');
      expect(
        await exec('sh', '-c', 'ghc --version >/dev/null && cabal user-config init && rm ~/.config/cabal/config'),
      ).toMatch(/Writing default configuration/);
    });

    test('asks no neighbour for a name that DNS does not know', async () => {
      await until('resolved', 60, () => machine.ssh('systemctl is-active systemd-resolved').catch(() => null));
      // The multicast ports of LLMNR and of mDNS.
      expect(await machine.ssh('ss -Hlun "sport = :5355 or sport = :5353"; ss -Hltn "sport = :5355"')).toBe('');
      expect(await machine.ssh('resolvectl llmnr; resolvectl mdns')).not.toMatch(/: yes/);
    });

    test.each(['alacritty', 'foot', 'konsole-256color', 'tmux-256color', 'screen-256color'])(
      'the terminal type %s is known',
      async (type) => {
        expect(await exec('infocmp', type)).toMatch(new RegExp(`^${type}\\|`, 'm'));
      },
    );

    test('a terminal of a type that it does not know is treated as the one that most can do', async () => {
      const login = (type: string) =>
        machine.ssh(`su -w TERM - build -c 'tput colors' 2>&1`.replace('su', `TERM=${type} su`));
      expect(await login('xterm-ghostty')).toBe('256');
      expect(await login('vt100')).toBe('-1');
      const command = commandWithTerminal(['tput', 'colors']);
      const asBuild = (type: string) =>
        machine.ssh(
          `TERM=${type} setpriv --reuid=build --regid=build --init-groups bash -c ${shellWord(command)} 2>&1`,
        );
      expect(await asBuild('xterm-ghostty')).toBe('256');
      expect(await asBuild('vt100')).toBe('-1');
    });

    test('the kernel does not test a timer that an emulator may be late with', async () => {
      expect(await machine.ssh('cat /proc/cmdline')).toMatch(/ no_timer_check /);
    });
  },
);
