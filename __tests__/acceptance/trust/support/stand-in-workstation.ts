import { type ChildProcess, type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { writeFileSync } from 'node:fs';
import { inIsolatedNetwork, RESOLV_CONF } from '../../../../src/drivers/qemu/user-network';
import { workstationNetwork } from '../../../../src/drivers/qemu/workstation-network';

// Stands in for a workstation: runs as root of a network and mount namespace without any network, and makes one, with a
// machine beyond it. What a command reaches that is started as QEMU is, is printed as JSON.
// usage: stand-in-workstation.ts SCRATCH_DIRECTORY

const RELAY = 12220;
const SERVICE = 4000;
const scratch = process.argv[2] ?? '';
const ip = (line: string) => execFileSync('ip', line.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });

/** Answers each line `HOST PORT` with whether something there says something, and `name NAME` with its address. */
const PROBE = `
while read -r host port; do
  if [ "$host" = name ]; then getent ahostsv4 "$port" | cut -d ' ' -f 1 | head -n 1; continue; fi
  if timeout 5 bash -c 'read -r line <"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null; then echo answers; else echo silent; fi
done`;

const children: ChildProcess[] = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

async function listen(host: string, port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('hello\n');
  });
  server.listen(port, host);
  await once(server, 'listening');
}

/** A resolver that gives every name the same address. */
async function resolveNames(host: string): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const head = Buffer.concat([query.subarray(0, 2), Buffer.from('81800001000100000000', 'hex')]);
    socket.send(Buffer.concat([head, question, Buffer.from('c00c00010001000000010004cb007105', 'hex')]), port, address);
  });
  socket.bind(53, host);
  await once(socket, 'listening');
}

class Probe {
  private readonly answers: AsyncIterator<string>;

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    this.answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static start(): Probe {
    const resolvConf = `${scratch}/namespace-resolv.conf`;
    writeFileSync(resolvConf, RESOLV_CONF);
    const network = { ...workstationNetwork(), relayPort: RELAY, resolvConf, isRoot: true };
    const [file = '', ...args] = inIsolatedNetwork(network, ['bash', '-c', PROBE]);
    const child = spawn(file, args);
    children.push(child);
    return new Probe(child);
  }

  async ask(line: string): Promise<string> {
    this.child.stdin.write(`${line}\n`);
    return String((await this.answers.next()).value);
  }

  async reach(targets: readonly string[]): Promise<Record<string, string>> {
    const answers: Record<string, string> = {};
    for (const target of targets) answers[target] = await this.ask(target);
    return answers;
  }

  async end(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.stdin.end();
    await ended;
  }
}

/** A cable to another machine, which has an address of the internet. */
async function connect(): Promise<void> {
  const outside = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(outside);
  await once(outside.stdout, 'data');
  const inside = (line: string) =>
    execFileSync('nsenter', ['--target', String(outside.pid), '--net', 'ip', ...line.split(' ')]);
  ip(`link add eth0 type veth peer name eth0 netns ${outside.pid}`);
  ip('address add 192.168.9.2/24 dev eth0');
  ip('address add 2001:db8:9::2/64 dev eth0 nodad');
  ip('link set eth0 up');
  inside('address add 192.168.9.1/24 dev eth0');
  inside('address add 2001:db8:9::1/64 dev eth0 nodad');
  inside('link set eth0 up');
  inside('address add 203.0.113.5/32 dev lo');
  inside('address add 2001:db8:77::5/128 dev lo nodad');
  ip('route add default via 192.168.9.1');
  ip('route add default via 2001:db8:9::1');
  const serve = `require('net').createServer((s) => { s.on('error', () => 0); s.end('hello\\n') }).listen(${SERVICE}, () => console.log())`;
  const server = spawn('nsenter', ['--target', String(outside.pid), '--net', process.execPath, '-e', serve], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(server);
  await once(server.stdout, 'data');
  // until the cable carries: the kernel brings addresses of IPv6 up a moment later
  while (!execFileSync('ip', ['-6', 'route', 'get', '2001:db8:77::5']).toString().includes('eth0')) await pause(50);
}

async function main(): Promise<void> {
  ip('link set lo up');
  writeFileSync(`${scratch}/resolv.conf`, 'nameserver 127.0.0.53\n');
  execFileSync('mount', ['--bind', `${scratch}/resolv.conf`, '/etc/resolv.conf']);
  await listen('127.0.0.1', RELAY);
  await listen('::', SERVICE);
  await resolveNames('127.0.0.53');

  const relay = `127.0.0.1 ${RELAY}`;
  const outside = [`203.0.113.5 ${SERVICE}`, `192.168.9.1 ${SERVICE}`];
  const early = Probe.start();
  const offline = { ...(await early.reach([relay, ...outside])), name: await early.ask('name build.example') };
  await connect();
  const later = await early.reach([relay, ...outside, `192.168.9.2 ${SERVICE}`]);
  await early.end();

  ip('link add br0 type bridge');
  ip('address add 172.30.0.1/16 dev br0');
  ip('link set br0 up');
  const probe = Probe.start();
  const [linkLocal = ''] = /fe80:[^/]*/.exec(execFileSync('ip', ['-6', 'address', 'show', 'eth0']).toString()) ?? [];
  const own = ['127.0.0.1', '127.0.0.53', '::1', '::ffff:127.0.0.1', '192.168.9.2', '172.30.0.1', '2001:db8:9::2'];
  const gateways = ['192.0.0.1', '192.0.0.2', '192.0.0.3', 'fd62:7569:6c64::1', linkLocal, `${linkLocal}%uplink`];
  const online = {
    reached: await probe.reach([relay, ...outside, `2001:db8:77::5 ${SERVICE}`]),
    kept: await probe.reach([...own, ...gateways].map((address) => `${address} ${SERVICE}`)),
    name: await probe.ask('name build.example'),
  };
  await probe.end();
  process.stdout.write(JSON.stringify({ offline, later, online }));
  process.exit(0);
}

void main();
