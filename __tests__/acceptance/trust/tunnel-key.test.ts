import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createHubClient } from '../../../src/hub/client';
import { BUILD_AGENT_TYPE, instanceTitle } from '../../../src/model/capability';
import { run } from '../../../src/process/run';
import { listenersOn, parseTcpTable } from '../../../src/process/port-owner';
import { tunnelKeyLine } from '../../../src/rendering/authorized-keys';
import { sshdSessions } from '../../../src/provider/services/sshd';
import {
  freePorts,
  listenOn,
  makeTestWorkstation,
  type TestWorkstation,
  type WorkstationState,
} from '../../support/workstation';
import { describeWithTools, findProgram } from '../../support/tools';
import { until } from '../../support/until';

/** A connection that a test opened, and what ssh said about it. */
interface Connection {
  readonly child: ChildProcess;
  output(): string;
}

jest.setTimeout(30_000);

describeWithTools(
  ['sshd', 'ssh', 'sftp', 'scp', 'ssh-keygen', 'ssh-agent', 'xauth'],
  "what a VM's tunnel key can open",
  () => {
    let station: TestWorkstation;
    let state: WorkstationState;
    let own: number;
    let other: number;
    let scratch: string;
    /** A program on the workstation that listens on all addresses, and one that listens on 127.0.0.1. */
    let bystander: Server;
    let bystanderPort: number;
    let guest: Server;
    let guestPort: number;
    const connections: Connection[] = [];

    beforeAll(async () => {
      station = await makeTestWorkstation();
      state = await station.handler.create(station.planned, station.context());
      own = state.tunnelPorts.first;
      other = own + 1;
      scratch = join(station.home, 'guest');
      mkdirSync(scratch, { mode: 0o700 });
      const lines: string[] = [];
      for (const [name, port] of [
        ['alpha', own],
        ['beta', other],
      ] as const) {
        await run('ssh-keygen', [
          '-q',
          '-t',
          'ed25519',
          '-N',
          '',
          '-C',
          `buildfleet haskell-build-${name} tunnel_ed25519`,
          '-f',
          join(scratch, name),
        ]);
        lines.push(
          tunnelKeyLine({
            port,
            hubPort: state.hubPort,
            publicKey: readFileSync(join(scratch, `${name}.pub`), 'utf8').trim(),
          }),
        );
      }
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'nobody', '-f', join(scratch, 'foreign')]);
      writeFileSync(station.paths.tunnelAuthorizedKeys, lines.join(''), { mode: 0o600 });
      writeFileSync(join(scratch, 'known_hosts'), `[127.0.0.1]:${state.sshdPort} ${state.sshdHostPublicKey}\n`);
      bystander = await listenOn(0);
      bystanderPort = (bystander.address() as { port: number }).port;
      guest = await serve('guest sshd');
      guestPort = (guest.address() as { port: number }).port;
    }, 60_000);

    afterEach(async () => {
      for (const { child } of connections.splice(0)) child.kill('SIGKILL');
      await until('every connection has ended', 30, () => sshdSessions(state.sshdPort).length === 1);
    });

    afterAll(async () => {
      await Promise.all([bystander, guest].map((server) => new Promise((closed) => server.close(closed))));
      rmSync(station.paths.tunnelAuthorizedKeys, { force: true });
      await station.dispose();
    }, 60_000);

    /** Options of a VM's connection, with nothing switched off on the client's side that the server should refuse. */
    const options = (key = 'alpha') => [
      ...[
        '-F',
        'none',
        '-i',
        join(scratch, key),
        '-p',
        String(state.sshdPort),
        '-o',
        'IdentitiesOnly=yes',
        '-o',
        'BatchMode=yes',
      ],
      ...[
        '-o',
        `UserKnownHostsFile=${join(scratch, 'known_hosts')}`,
        '-o',
        'StrictHostKeyChecking=yes',
        '-o',
        'ConnectTimeout=10',
      ],
    ];
    const target = () => `${state.tunnelAccount}@127.0.0.1`;

    /** Runs ssh until it ends. */
    const ssh = (args: readonly string[], key?: string) =>
      run('ssh', [...options(key), ...args], {
        acceptExitCodes: Array.from({ length: 256 }, (_, code) => code),
        timeout: 20_000,
      });

    /** Holds a connection open without a session, as a VM does. */
    const hold = (args: readonly string[], key?: string): Connection => {
      const child = spawn('ssh', ['-v', '-N', '-T', ...options(key), ...args, target()], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const connection = { child, output: () => text };
      connections.push(connection);
      return connection;
    };
    const loggedIn = (connection: Connection) =>
      until(
        'logged in',
        10,
        () => connection.output().includes('Entering interactive session') || connection.output().includes('pledge:'),
      );
    const ended = (connection: Connection) =>
      until('ssh has ended', 15, () => connection.child.exitCode !== null || connection.child.signalCode !== null);

    /** Asks for a remote forward and expects the server to say no. */
    const expectRemoteForwardRefused = async (forward: string, key?: string) => {
      const connection = hold(['-o', 'ExitOnForwardFailure=yes', '-R', forward], key);
      await ended(connection);
      expect(connection.output()).toMatch(/remote port forwarding failed|remote forward failure|forwarding failed/);
    };

    /** Opens a local forward, uses it, and expects the server to refuse the channel. */
    const expectLocalForwardRefused = async (destination: string, refusal = 'administratively prohibited') => {
      const [port] = await freePorts(1);
      const connection = hold(['-L', `${port}:${destination}`]);
      await loggedIn(connection);
      expect(await ask(port!)).toBe('');
      await until('the refusal', 5, () => connection.output().includes(`open failed: ${refusal}`));
    };

    describe('allowed', () => {
      test('its own port leads to the VM', async () => {
        const connection = hold(['-o', 'ExitOnForwardFailure=yes', '-R', `${own}:127.0.0.1:${guestPort}`]);
        await until('the port answers', 10, async () => (await ask(own)) === 'guest sshd');
        expect(connection.child.exitCode).toBeNull();
        // On 127.0.0.1 and nowhere else.
        expect(listenersOn(own).map(({ localAddress }) => localAddress)).toEqual(['127.0.0.1']);
        const all = parseTcpTable(readFileSync('/proc/net/tcp6', 'utf8')).filter(
          (socket) => socket.localPort === own && socket.listening,
        );
        expect(all).toEqual([]);
      });

      test('the hub', async () => {
        const [port] = await freePorts(1);
        const connection = hold(['-L', `${port}:localhost:${state.hubPort}`]);
        await loggedIn(connection);
        expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
      });

      test('both in one connection, and the other VM beside it', async () => {
        const [port] = await freePorts(1);
        hold([
          '-o',
          'ExitOnForwardFailure=yes',
          '-R',
          `${own}:127.0.0.1:${guestPort}`,
          '-L',
          `${port}:localhost:${state.hubPort}`,
        ]);
        hold(['-o', 'ExitOnForwardFailure=yes', '-R', `${other}:127.0.0.1:${guestPort}`], 'beta');
        await until(
          'both answer',
          10,
          async () => (await ask(own)) === 'guest sshd' && (await ask(other)) === 'guest sshd',
        );
        expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
      });

      test("its own entry in the hub, and no other VM's", async () => {
        const hubs = await freePorts(2);
        const tunnels = [
          [own, 'alpha'],
          [other, 'beta'],
        ] as const;
        for (const [n, [port, key]] of tunnels.entries()) {
          const forwards = ['-R', `${port}:127.0.0.1:${guestPort}`, '-L', `${hubs[n]}:localhost:${state.hubPort}`];
          hold(['-o', 'ExitOnForwardFailure=yes', ...forwards], key);
          await until('the port answers', 10, async () => (await ask(port)) === 'guest sshd');
        }
        const [alphasHub, betasHub] = hubs.map((port) => createHubClient({ url: `http://127.0.0.1:${port}` }));
        const entry = (name: string, port: number) => ({
          ...{ domain: 'railiance', capability_type: BUILD_AGENT_TYPE, title: instanceTitle(`haskell-build-${name}`) },
          ...{ description: '', keywords: [`host:haskell-build-${name}`, `tunnel-port:${port}`] },
        });
        const { entry: alphas } = await alphasHub!.upsert(entry('alpha', own));
        await betasHub!.upsert(entry('beta', other));
        expect((await alphasHub!.upsert({ ...entry('alpha', own), description: 'again' })).outcome).toBe('updated');
        const refused = /not-its-own/;
        await expect(betasHub!.remove(alphas.id)).rejects.toThrow(refused);
        await expect(betasHub!.update(alphas.id, {})).rejects.toThrow(refused);
        await expect(betasHub!.create(entry('alpha', other))).rejects.toThrow(refused);
        // A connection that opens no port has no identity, and no other program of the workstation has one.
        const [port] = await freePorts(1);
        await loggedIn(hold(['-L', `${port}:localhost:${state.hubPort}`], 'beta'));
        for (const url of [`http://127.0.0.1:${port}`, state.hubUrl]) {
          await expect(createHubClient({ url }).remove(alphas.id)).rejects.toMatchObject({ code: 'hub-rejected' });
        }
        const operator = createHubClient({ url: state.hubUrl, services: station.paths.services });
        expect(await operator.remove(alphas.id)).toMatchObject({ supported: true });
      });

      test('its port again at once after a cut', async () => {
        const first = hold(['-o', 'ExitOnForwardFailure=yes', '-R', `${own}:127.0.0.1:${guestPort}`]);
        await until('the port answers', 10, async () => (await ask(own)) === 'guest sshd');
        first.child.kill('SIGKILL');
        await until('the port is free', 10, () => listenersOn(own).length === 0);
        hold(['-o', 'ExitOnForwardFailure=yes', '-R', `${own}:127.0.0.1:${guestPort}`]);
        await until('the port answers again', 10, async () => (await ask(own)) === 'guest sshd');
      });

      test('a tunnel survives a restart of the listener', async () => {
        hold(['-o', 'ExitOnForwardFailure=yes', '-R', `${own}:127.0.0.1:${guestPort}`]);
        await until('the port answers', 10, async () => (await ask(own)) === 'guest sshd');
        const listener = station.pid('sshd');
        process.kill(listener, 'SIGKILL');
        await until(
          'a new listener',
          10,
          () => ![undefined, listener].includes(station.recordedPid('sshd')) && listenersOn(state.sshdPort).length > 0,
        );
        expect(await ask(own)).toBe('guest sshd');
      });
    });

    test('hundreds of connections without a key, opened again as they end, keep no VM out', async () => {
      let on = true;
      let dropped = 0;
      let answered = 0;
      const strangers = new Set<Socket>();
      const open = () => {
        const socket = connect({ host: '127.0.0.1', port: state.sshdPort });
        strangers.add(socket);
        let greeted = false;
        socket.once('data', () => {
          greeted = true;
          answered += 1;
        });
        socket.on('error', () => socket.destroy());
        socket.once('close', () => {
          strangers.delete(socket);
          if (!on) return;
          dropped += greeted ? 0 : 1;
          open();
        });
      };
      for (let n = 0; n < 330; n += 1) open();
      try {
        await until('all of them were greeted', 60, () => answered >= 330);
        for (const [port, key] of [
          [own, 'alpha'],
          [other, 'beta'],
        ] as const) {
          // Once: a VM that was dropped would try again.
          hold(['-o', 'ExitOnForwardFailure=yes', '-R', `${port}:127.0.0.1:${guestPort}`], key);
          await until('the port answers', 20, async () => (await ask(port)) === 'guest sshd');
        }
        expect(dropped).toBe(0);
      } finally {
        on = false;
        for (const socket of strangers) socket.destroy();
      }
    }, 120_000);

    describe('refused', () => {
      test.each([
        ['a shell', []],
        ['a command', ['touch', 'MARK']],
        ['a shell with a terminal', ['-tt']],
        ['a command with a terminal', ['-tt', 'touch MARK']],
        ['a command in place of the forced one', ['-o', 'RemoteCommand=touch MARK']],
        ['the sftp subsystem', ['-s', 'sftp']],
        ['a subsystem of another name', ['-s', 'netconf']],
      ])('%s', async (_name, args) => {
        const mark = join(scratch, 'mark');
        const filled = args.map((arg) => arg.replace('MARK', mark));
        const at =
          filled[0] === 'touch'
            ? 0
            : filled.findIndex((arg, index) => !arg.startsWith('-') && filled[index - 1] !== '-o');
        const argv = at === -1 ? [...filled, target()] : [...filled.slice(0, at), target(), ...filled.slice(at)];
        const result = await ssh(argv);
        expect(result.exitCode).not.toBe(0);
        expect(result.stdout).toBe('');
        expect(existsSync(mark)).toBe(false);
      });

      test('sftp', async () => {
        const { stderr } = await run(
          'sftp',
          [...options().map((option) => (option === '-p' ? '-P' : option)), target()],
          {
            acceptExitCodes: [1, 255],
            timeout: 20_000,
          },
        );
        expect(stderr).toMatch(/Connection closed|Received message too long/);
      });

      test.each([
        ['scp over sftp', []],
        ['scp of old', ['-O']],
      ])('%s', async (_name, args) => {
        const copy = join(scratch, 'copied');
        const flags = options().map((option) => (option === '-p' ? '-P' : option));
        await run('scp', [...args, ...flags, join(scratch, 'alpha.pub'), `${target()}:${copy}`], {
          acceptExitCodes: [1, 255],
          timeout: 20_000,
        });
        expect(existsSync(copy)).toBe(false);
      });

      test("another VM's port while that VM is down", () =>
        expectRemoteForwardRefused(`${other}:127.0.0.1:${guestPort}`));
      test("its own port with another VM's key", () =>
        expectRemoteForwardRefused(`${own}:127.0.0.1:${guestPort}`, 'beta'));
      test('a port outside the range', async () =>
        expectRemoteForwardRefused(`${(await freePorts(1))[0]}:127.0.0.1:${guestPort}`));
      test('the port of the hub', () => expectRemoteForwardRefused(`${state.hubPort}:127.0.0.1:${guestPort}`));
      test('a privileged port', () => expectRemoteForwardRefused(`22:127.0.0.1:${guestPort}`));
      test.each(['0.0.0.0', '*', '127.0.0.2', '[::]', '[::1]', '127.0.0.1'])('its own port on %s', (address) =>
        expectRemoteForwardRefused(`${address}:${own}:127.0.0.1:${guestPort}`),
      );
      test('a port that the server chooses', async () => {
        const connection = hold(['-o', 'ExitOnForwardFailure=yes', '-R', `0:127.0.0.1:${guestPort}`]);
        await ended(connection);
        expect(connection.output()).not.toMatch(/Allocated port/);
        expect(connection.output()).toMatch(/forwarding failed|forward failure/);
      });
      test('a SOCKS proxy on the workstation', () => expectRemoteForwardRefused(String(other)));

      test('another program of the workstation', () => expectLocalForwardRefused(`localhost:${bystanderPort}`));
      test('the hub by another name', () => expectLocalForwardRefused(`127.0.0.1:${state.hubPort}`));
      test('the private sshd itself', () => expectLocalForwardRefused(`localhost:${state.sshdPort}`));
      test("another VM's tunnel", async () => {
        hold(['-o', 'ExitOnForwardFailure=yes', '-R', `${other}:127.0.0.1:${guestPort}`], 'beta');
        await until('beta answers', 10, async () => (await ask(other)) === 'guest sshd');
        await expectLocalForwardRefused(`localhost:${other}`);
      });
      test('another host on the hub port', () => expectLocalForwardRefused(`192.0.2.1:${state.hubPort}`));

      test('anything through a SOCKS proxy of its own', async () => {
        const [port] = await freePorts(1);
        const connection = hold(['-D', String(port)]);
        await loggedIn(connection);
        // SOCKS 4: connect to 127.0.0.1 on the bystander's port
        const request = Buffer.from([4, 1, bystanderPort >> 8, bystanderPort & 255, 127, 0, 0, 1, 0]);
        await ask(port!, request);
        await until('the refusal', 5, () => connection.output().includes('administratively prohibited'));
      });

      test('standard input and output through to a program', async () => {
        const result = await ssh(['-W', `localhost:${bystanderPort}`, target()]);
        expect(result.exitCode).not.toBe(0);
        expect(result.stderr).toContain('administratively prohibited');
      });

      test('a unix socket on the workstation', async () => {
        const path = join(scratch, 'made.sock');
        await expectRemoteForwardRefused(`${path}:127.0.0.1:${guestPort}`);
        expect(existsSync(path)).toBe(false);
      });

      test('a unix socket of another program', async () => {
        const path = join(scratch, 'other.sock');
        let reached = 0;
        const server = createServer((socket) => {
          reached += 1;
          socket.end('secret');
        });
        await new Promise<void>((done) => server.listen(path, done));
        try {
          await expectLocalForwardRefused(path, 'connect failed: open failed');
          expect(reached).toBe(0);
        } finally {
          await new Promise((closed) => server.close(closed));
        }
      });

      test('an agent', async () => {
        const { stdout } = await run('ssh-agent', ['-s']);
        const [, socket = ''] = /SSH_AUTH_SOCK=([^;]+)/.exec(stdout) ?? [];
        const [, pid = ''] = /SSH_AGENT_PID=(\d+)/.exec(stdout) ?? [];
        try {
          const result = await run('ssh', [...options(), '-v', '-A', target(), 'true'], {
            acceptExitCodes: [1, 255],
            env: { SSH_AUTH_SOCK: socket },
            timeout: 20_000,
          });
          expect(result.stderr).not.toMatch(
            /auth-agent-req@openssh.com.*success|Requesting authentication agent forwarding[\s\S]*true/,
          );
          expect(result.stderr).toMatch(/open failed|session open refused|prohibited/);
        } finally {
          process.kill(Number(pid), 'SIGTERM');
        }
      });

      test('X11', async () => {
        const result = await run('ssh', [...options(), '-v', '-X', target(), 'true'], {
          acceptExitCodes: [1, 255],
          env: { DISPLAY: ':77', XAUTHORITY: join(scratch, 'Xauthority') },
          timeout: 20_000,
        });
        expect(result.stderr).toMatch(/open failed|session open refused|prohibited/);
      });

      test('a tun device', async () => {
        // A client that may open no such device itself gives up before it asks: then the effective setting has to do.
        const connection = hold(['-o', 'Tunnel=point-to-point', '-w', '7:8', '-o', 'ExitOnForwardFailure=yes']);
        await ended(connection);
        expect(connection.output()).toMatch(/Tunnel device open failed|Could not request tunnel|open failed: /);
        expect(existsSync('/sys/class/net/tun8')).toBe(false);
        const config = join(station.paths.services, 'sshd_config');
        const { stdout } = await run(findProgram('sshd')!, ['-T', '-f', config]);
        expect(stdout).toContain('\npermittunnel no\n');
      });

      test('a session inside a connection that is open', async () => {
        const socket = join(scratch, 'm');
        const connection = hold(['-o', 'ControlMaster=yes', '-o', `ControlPath=${socket}`]);
        await until('the master listens', 10, () => existsSync(socket));
        const result = await ssh([
          '-o',
          `ControlPath=${socket}`,
          '-o',
          'ControlMaster=no',
          target(),
          'touch',
          join(scratch, 'mark'),
        ]);
        expect(result.exitCode).not.toBe(0);
        expect(existsSync(join(scratch, 'mark'))).toBe(false);
        expect(connection.output()).toMatch(/open failed|prohibited/);
      });

      test('environment variables', async () => {
        const result = await run('ssh', [...options(), '-o', 'SetEnv=LD_PRELOAD=/nonexistent', target(), 'true'], {
          acceptExitCodes: [1, 255],
          timeout: 20_000,
        });
        expect(result.exitCode).not.toBe(0);
      });

      test("the developer's key and any foreign key", async () => {
        const foreign = await ssh(['-N', target()], 'foreign');
        expect(foreign.stderr).toContain('Permission denied (publickey)');
        const developer = await ssh(['-N', '-i', join(station.home, '.ssh/id_build'), target()], 'foreign');
        expect(developer.stderr).toContain('Permission denied (publickey)');
      });

      test('another account', async () => {
        const result = await ssh(['-N', `${state.tunnelAccount === 'nobody' ? 'daemon' : 'nobody'}@127.0.0.1`]);
        expect(result.stderr).toContain('Permission denied (publickey)');
      });

      test('a password', async () => {
        const result = await ssh(['-N', '-o', 'PreferredAuthentications=password,keyboard-interactive', target()]);
        expect(result.stderr).toContain('Permission denied (publickey)');
      });
    });
  },
);

/** A server that greets and hangs up. */
function serve(greeting: string): Promise<Server> {
  return new Promise((done) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(greeting);
    });
    server.listen(0, '127.0.0.1', () => {
      done(server);
    });
  });
}

/** What a local port answers, empty if nothing. */
function ask(port: number, request?: Buffer): Promise<string> {
  return new Promise((done) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port });
    const finish = () => {
      socket.destroy();
      done(text);
    };
    socket.setTimeout(3000, finish);
    socket.once('error', finish);
    socket.once('end', finish);
    socket.once('connect', () => request && socket.write(request));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  });
}
