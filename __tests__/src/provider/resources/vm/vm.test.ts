import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { readPrivateKey } from '../../../../../src/provider/services/openssh-key';
import {
  BUILD_AGENT_TYPE,
  type Capability,
  CAPABILITY_DOMAIN,
  instanceTitle,
} from '../../../../../src/model/capability';
import { FleetPaths } from '../../../../../src/model/paths';
import { FleetError } from '../../../../../src/model/errors';
import type { Planned, State } from '../../../../../src/model/resource-shape';
import type { vmShape } from '../../../../../src/model/resources/vm';
import type { WarmStartSubject } from '../../../../../src/drivers/driver';
import { CommandError, type Run } from '../../../../../src/process/run';
import { VmResource } from '../../../../../src/provider/resources/vm';
import { agentKeywords } from '../../../../support/agent-keywords';
import { temporaryDirectory } from '../../../../support/temporary-directory';
import { FakeDriver } from './fake-driver';
import { FakeGuest } from './fake-guest';

type VmState = State<typeof vmShape>;

const NAME = 'haskell-build-alpha';
const PORT = 12221;

let root: string;
let paths: FleetPaths;
let driver: FakeDriver;
let guest: FakeGuest;
let entries: Capability[];
let hubIsDown: boolean;
let removed: string[];
let ports: { owner: { pid: number; program: string; user: string } | null; sshd: boolean };
let sshAnswers: string[];
let commands: string[][];
let planned: Planned<typeof vmShape>;
let warnings: string[];
let reviveServices: () => Promise<boolean>;
/** What was said of the progress. */
let steps: string[];
let prepared: WarmStartSubject[];
let kept: VmState | undefined;
let controller: AbortController;

const DENIED = 'build@127.0.0.1: Permission denied (publickey).';

/** Stands in for ssh and xorriso: the first answers as told, the second leaves a file. */
const recordedRun: Run = (file, args, options) => {
  commands.push([file, ...args]);
  if (options?.signal?.aborted) {
    return Promise.reject(new CommandError('cancelled', file, '', '', undefined, undefined, true, undefined));
  }
  if (file === 'xorriso') {
    const input = args.at(-1) ?? '';
    const output = args[args.indexOf('-output') + 1] ?? '';
    writeFileSync(output, readFileSync(join(input, 'user-data')));
    return Promise.resolve({ stdout: '', stderr: '', exitCode: 0 });
  }
  return Promise.resolve({ stdout: '', stderr: sshAnswers.shift() ?? DENIED, exitCode: 255 });
};

beforeAll(() => {
  root = temporaryDirectory();
  const keys = new FleetPaths(join(root, 'keys')).identity(NAME);
  mkdirSync(keys.directory, { recursive: true });
  for (const path of [keys.tunnelKey, keys.hostKey]) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path]);
  }
});

beforeEach(() => {
  paths = new FleetPaths(join(root, 'keys'));
  rmSync(paths.vm('.'), { recursive: true, force: true });
  driver = new FakeDriver(paths);
  guest = new FakeGuest(driver.calls);
  entries = [];
  hubIsDown = false;
  removed = [];
  ports = { owner: null, sshd: true };
  sshAnswers = [];
  commands = [];
  kept = undefined;
  warnings = [];
  reviveServices = () => Promise.resolve(false);
  steps = [];
  prepared = [];
  controller = new AbortController();
  const files = paths.identity(NAME);
  const key = (path: string) => readPrivateKey(readFileSync(path, 'utf8'));
  planned = {
    ...{ name: NAME, hypervisor: 'qemu', imageHash: 'hash', imagePath: '/cache/image.qcow2' },
    identity: { hostFingerprint: key(files.hostKey).fingerprint, tunnelFingerprint: key(files.tunnelKey).fingerprint },
    ...{
      cpus: 2,
      memoryMib: 2048,
      mac: '52:54:00:00:00:01',
      network: 'nat',
      bridgeAdapter: null,
      userNetwork: null,
      warmStart: null,
      tunnelPort: PORT,
    },
    relay: { host: '10.0.2.2', port: 12220, user: 'tunnel', hostPublicKey: key(files.hostKey).publicKey },
    hub: { url: 'http://127.0.0.1:8000', port: 8000, domain: CAPABILITY_DOMAIN, capabilityType: BUILD_AGENT_TYPE },
    developerPublicKeys: [key(files.tunnelKey).publicKey],
    ...{
      heartbeatSeconds: 30,
      readyTimeoutSeconds: 5,
      drainTimeoutSeconds: 1,
      developerKey: null,
      powerState: 'running',
      seed: 'removed',
      problem: '',
      id: undefined,
    },
  };
  driver.onStart = bootsWell;
});

/** A guest that opens its tunnel and registers. */
function bootsWell(): void {
  ports.owner = { pid: 1, program: 'sshd', user: 'root' };
  entries = [
    {
      ...{ id: '1', domain: CAPABILITY_DOMAIN, capability_type: BUILD_AGENT_TYPE, title: instanceTitle(NAME) },
      keywords: agentKeywords({ ghcVersions: ['9.6.6'], hostName: NAME, tunnelPort: PORT }),
      ...{ description: '', created_at: undefined, updated_at: undefined },
    },
  ];
}

function resource(): VmResource {
  return new VmResource({
    fleet: 'fleet',
    paths,
    run: recordedRun,
    hold: guest.hold,
    drainScript: "echo 'drain'",
    prepareWarmStart: (_hypervisor, subject) => Promise.resolve(void prepared.push(subject)),
    driver: () => driver,
    ports: {
      isListening: (port) => (port === planned.relay.port ? ports.sshd : ports.owner !== null),
      owner: () => ports.owner,
    },
    hub: () => ({
      list: () => (hubIsDown ? Promise.reject(new Error('refused')) : Promise.resolve(entries)),
      ensureAbsent: (entry) => {
        removed.push(entry.title);
        return Promise.resolve({ deleted: ['1'], left: [] });
      },
    }),
    reviveServices: () => reviveServices(),
  });
}

function context() {
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  return {
    signal: controller.signal,
    log,
    progress: { step: (text: string) => steps.push(text), amount: () => undefined },
    warn: (summary: string) => warnings.push(summary),
    keep: (state: VmState) => {
      kept = state;
    },
  };
}

const create = () => resource().create(planned, context());
const update = (state: VmState, changes: Partial<VmState> = {}) =>
  resource().update(state, { ...state, powerState: 'running', seed: 'removed', ...changes }, context());

test('services that end while a VM is waited for are started, and the VM becomes ready', async () => {
  driver.onStart = () => undefined;
  sshAnswers = [DENIED];
  let looks = 0;
  reviveServices = () => {
    looks++;
    // the guest dials in once there is something to dial
    if (looks === 2) bootsWell();
    return Promise.resolve(looks === 2);
  };
  expect(await resource().create(planned, context())).toMatchObject({ powerState: 'running', problem: '' });
  expect(looks).toBeGreaterThanOrEqual(2);
});

test('create makes, seeds, starts, waits, and takes the seed away', async () => {
  const state = await create();
  expect(driver.calls).toEqual(['create', 'attachSeed', 'start', 'removeSeed', 'confirmBoot']);
  expect(state).toEqual({ ...planned, id: state.id, powerState: 'running', seed: 'removed' });
  expect(state.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(kept).toMatchObject({ id: state.id, name: NAME });
  expect(await resource().read(state, context())).toEqual(state);
});

test('no private key is in state, argv or any file that stays', async () => {
  const state = await create();
  const secret = readFileSync(paths.identity(NAME).tunnelKey, 'utf8').split('\n')[2] ?? 'none';
  expect(JSON.stringify([state, kept, commands])).not.toContain(secret);
  const files = readdirSync(paths.vm(NAME)).map((file) => readFileSync(join(paths.vm(NAME), file), 'utf8'));
  expect(files.join()).not.toContain(secret);
});

test.each(['create', 'attachSeed', 'start', 'removeSeed', 'confirmBoot'])(
  'a create that is killed in %s is finished by the next one, as the same VM',
  async (method) => {
    driver.failIn = method;
    await expect(create()).rejects.toThrow('killed');
    const state = await create();
    expect(driver.vms.size).toBe(1);
    expect(driver.vms.get(NAME)).toMatchObject({ power: 'running', hasSeed: false });
    expect(driver.vms.get(NAME)?.spec.uuid).toBe(state.id);
    expect(await resource().read(state, context())).toEqual(state);
  },
);

test('a VM that a killed create left running is not restarted', async () => {
  driver.failIn = 'removeSeed';
  await expect(create()).rejects.toThrow('killed');
  driver.calls.length = 0;
  await create();
  expect(driver.calls).toEqual(['create', 'start', 'removeSeed', 'confirmBoot']);
});

test('a leftover of another image is replaced, a VM of another fleet is not touched', async () => {
  const spec = {
    ...planned,
    network: 'nat',
    userNetwork: 'isolated',
    relayPort: planned.relay.port,
    isWarm: false,
  } as const;
  await driver.create({ ...spec, uuid: 'older', fleet: 'fleet' });
  driver.calls.length = 0;
  const state = await create();
  expect(driver.calls.slice(0, 2)).toEqual(['destroy', 'create']);
  expect(driver.vms.get(NAME)?.spec.uuid).toBe(state.id);

  driver.vms.set(NAME, {
    spec: { ...spec, uuid: 'other', fleet: 'theirs' },
    power: 'running',
    detail: '',
    hasSeed: false,
  });
  await expect(resource().read(state, context())).rejects.toThrow('belongs to fleet theirs');
  driver.calls.length = 0;
  await resource().delete(state, context());
  expect(driver.calls).toEqual([]);
});

test('what a VM reaches is told to the driver, and a change of it restarts nothing', async () => {
  const state = await create();
  expect(driver.vms.get(NAME)?.spec).toMatchObject({
    userNetwork: 'isolated',
    relayPort: planned.relay.port,
    isWarm: true,
  });
  driver.calls.length = 0;
  expect(await update(state, { userNetwork: 'open' })).toMatchObject({ userNetwork: 'open' });
  expect(driver.calls).toEqual(['start', 'removeSeed', 'confirmBoot']);
});

describe('warm starts', () => {
  const warmStart = (isPrepared: () => Promise<boolean>) => ({
    isPrepared,
    prepare: () => Promise.resolve('made' as const),
  });
  const SUBJECT = { imagePath: '/cache/image.qcow2', imageHash: 'hash', cpus: 2, memoryMib: 2048 };

  test('are prepared once a VM has booted, unless they are', async () => {
    driver.warmStart = warmStart(() => Promise.resolve(false));
    const state = await create();
    expect(prepared).toEqual([SUBJECT]);
    // It runs, so nothing was booted.
    await update(state, { userNetwork: 'open' });
    expect(prepared).toHaveLength(1);
    driver.warmStart = warmStart(() => Promise.resolve(true));
    await update(state, { memoryMib: 4096 });
    expect(prepared).toHaveLength(1);
  });

  test('are not prepared for a VM that may have none', async () => {
    driver.warmStart = warmStart(() => Promise.resolve(false));
    planned = { ...planned, warmStart: false };
    await create();
    expect(driver.vms.get(NAME)?.spec.isWarm).toBe(false);
    expect(prepared).toEqual([]);
  });

  test('that cannot be prepared make no VM fail', async () => {
    driver.warmStart = warmStart(() => Promise.reject(new Error('no space')));
    expect(await create()).toMatchObject({ powerState: 'running', problem: '' });
  });
});

test('update stops the VM for new hardware and leaves the seed alone', async () => {
  const state = await create();
  driver.calls.length = 0;
  expect(await update(state, { memoryMib: 4096 })).toMatchObject({ memoryMib: 4096, id: state.id });
  expect(driver.calls).toEqual(['stop', 'update', 'start', 'removeSeed', 'confirmBoot']);
});

test('a hypervisor that changes the hardware of a running VM has it running on', async () => {
  const state = await create();
  driver.features = { ...driver.features, hardwareNeedsPowerOff: false };
  driver.calls.length = 0;
  expect(await update(state, { memoryMib: 4096 })).toMatchObject({ memoryMib: 4096 });
  expect(driver.calls).toEqual(['update', 'start', 'removeSeed', 'confirmBoot']);
  driver.calls.length = 0;
  await update(state, { memoryMib: 4096, heartbeatSeconds: 10 });
  expect(driver.calls).toContain('stop');
});

test('a network that the hypervisor does not have is refused before there is anything', async () => {
  driver.features = { ...driver.features, networks: [{ kind: 'nat', hostAddress: '10.0.2.2', canIsolate: true }] };
  planned = { ...planned, network: 'bridged' };
  await expect(create()).rejects.toMatchObject({ code: 'vm-network', remedy: 'use one of: nat' });
  expect(driver.calls).toEqual([]);
});

test('says what it is at, and nothing of what needs no work', async () => {
  const state = await create();
  expect(steps).toEqual([
    'making disk and definition',
    'writing the seed',
    'starting the VM',
    'waiting for the tunnel',
    'waiting for the hub entry',
    'removing the seed',
  ]);
  steps = [];
  await update(state, { memoryMib: 4096 });
  expect(steps.slice(0, 3)).toEqual(['waiting for the guest to power off', 'setting the hardware', 'starting the VM']);
  steps = [];
  await resource().delete(state, context());
  expect(steps).toEqual(['removing VM and disk', "removing the VM's hub entry"]);
});

test('update seeds again for new settings, with an instance-id that was never used', async () => {
  const state = await create();
  const instanceId = () =>
    (JSON.parse(readFileSync(join(paths.vm(NAME), 'seed.json'), 'utf8')) as { instanceId: string }).instanceId;
  const seen = [instanceId()];
  driver.calls.length = 0;
  const changed = await update(state, { heartbeatSeconds: 10 });
  expect(driver.calls).toEqual(['stop', 'attachSeed', 'start', 'removeSeed', 'confirmBoot']);
  seen.push(instanceId());
  await update(changed, { heartbeatSeconds: 30 });
  seen.push(instanceId());
  expect(new Set(seen).size).toBe(3);
});

test('update with nothing to change does not stop the VM', async () => {
  const state = await create();
  driver.calls.length = 0;
  await update(state, { readyTimeoutSeconds: 6 });
  expect(driver.calls).not.toContain('stop');
});

test.each(['stopped', 'paused', 'crashed'] as const)('a %s VM is seen and started again', async (power) => {
  const state = await create();
  const vm = driver.vms.get(NAME);
  if (!vm) throw new Error('none');
  vm.power = power;
  expect(await resource().read(state, context())).toEqual({ ...state, powerState: power });
  driver.calls.length = 0;
  await update(state);
  expect(driver.calls).toEqual(['start', 'removeSeed', 'confirmBoot']);
});

describe('a running VM whose tunnel is closed', () => {
  let state: VmState;

  beforeEach(async () => {
    state = await create();
    ports.owner = null;
    lastHeartbeat(301);
    driver.calls.length = 0;
  });

  function lastHeartbeat(seconds: number): void {
    entries = entries.map((entry) => ({ ...entry, updated_at: new Date(Date.now() - seconds * 1000).toISOString() }));
  }

  const found = async () => (await resource().read(state, context()))?.problem;

  test('is drift when it has been silent for five minutes, and a deploy starts it again', async () => {
    const problem = await found();
    expect(problem).toBe('its tunnel is closed, and its last heartbeat is 5 min old');
    const updated = await update({ ...state, problem: problem!, readyTimeoutSeconds: 1 }, { problem: '' });
    expect(updated).toMatchObject({ problem: '', powerState: 'running' });
    expect(driver.calls).toEqual(['stop', 'start', 'removeSeed', 'confirmBoot']);
  });

  test('is not started again when the tunnel is back by then', async () => {
    const problem = await found();
    bootsWell();
    await update({ ...state, problem: problem! }, { problem: '' });
    expect(driver.calls).not.toContain('stop');
  });

  test('is drift when the hub has no entry of it', async () => {
    entries = [];
    expect(await found()).toBe('its tunnel is closed, and the State Hub has no entry of the VM');
  });

  test.each([
    [
      'it was heard of lately',
      () => {
        lastHeartbeat(299);
      },
    ],
    ['its heartbeats are rare', () => (state = { ...state, heartbeatSeconds: 120 })],
    ['the sshd is down, with which all tunnels come back', () => (ports.sshd = false)],
    ['the hub cannot be asked', () => (hubIsDown = true)],
    ['the hub keeps no times', () => (entries = entries.map((entry) => ({ ...entry, updated_at: undefined })))],
    ['the tunnel is open', () => (ports.owner = { pid: 1, program: 'sshd', user: 'root' })],
  ])('is none when %s', async (_, arrange) => {
    arrange();
    expect(await found()).toBe('');
  });
});

test('a seed that an interrupted deploy left is seen and removed without a restart', async () => {
  const state = await create();
  const vm = driver.vms.get(NAME);
  if (!vm) throw new Error('none');
  vm.hasSeed = true;
  expect(await resource().read(state, context())).toEqual({ ...state, seed: 'attached' });
  driver.calls.length = 0;
  await update(state);
  expect(driver.calls).toEqual(['start', 'removeSeed', 'confirmBoot']);
});

test('an update of a VM that is gone by then creates it', async () => {
  const state = await create();
  driver.vms.clear();
  expect(await update(state)).toEqual(state);
});

test('delete removes the VM and its hub entry, and again does nothing', async () => {
  const state = await create();
  await resource().delete(state, context());
  expect(driver.vms.size).toBe(0);
  expect(removed).toEqual([instanceTitle(NAME)]);
  await resource().delete(state, context());
  expect(await resource().read(state, context())).toBeNull();
});

test('import by name gives back what create returned', async () => {
  const state = await create();
  expect(await resource().import(NAME)).toEqual({ ...state, readyTimeoutSeconds: 600, drainTimeoutSeconds: 600 });
  await expect(resource().import('nobody')).rejects.toThrow('there is no VM of this name');
  rmSync(join(paths.vm(NAME), 'seed.json'));
  await expect(resource().import(NAME)).rejects.toThrow('the VM never got its seed');
});

test('a seed record that is damaged is written anew by telling the VM again, and refused by import', async () => {
  const state = await create();
  const file = join(paths.vm(NAME), 'seed.json');
  writeFileSync(file, '{"formatVersion": 1, "digest"');
  const refused = { code: 'record-unreadable', place: file };
  await expect((async () => resource().import(NAME))()).rejects.toMatchObject(refused);
  driver.calls.length = 0;
  await update(state, {});
  expect(driver.calls).toEqual(['stop', 'attachSeed', 'start', 'removeSeed', 'confirmBoot']);
  expect(await resource().import(NAME)).toMatchObject({ tunnelPort: PORT });
});

test('a seed record of a newer version is refused, and the VM goes on', async () => {
  const state = await create();
  const file = join(paths.vm(NAME), 'seed.json');
  writeFileSync(file, '{"formatVersion": 2}');
  driver.calls.length = 0;
  await expect(update(state, { heartbeatSeconds: 10 })).rejects.toMatchObject({ code: 'record-unreadable' });
  expect(driver.calls).toEqual([]);
  expect(readFileSync(file, 'utf8')).toBe('{"formatVersion": 2}');
});

/** Why a VM that was created did not become ready. */
async function problem(): Promise<string> {
  const state = await create();
  expect(warnings).toEqual([`${NAME} is there and not ready`]);
  return state.problem;
}

test('not ready in time: the problem says what was seen and shows the end of the console', async () => {
  planned = { ...planned, readyTimeoutSeconds: 1 };
  driver.onStart = () => {
    writeFileSync(
      driver.consoleLog(NAME),
      '\u001b[0;32m[  OK  ]\u001b[0m Reached target\r\n[   12.3] link is down\r\n',
    );
  };
  expect(await problem()).toMatch(
    /tunnel port 12221: nothing listens; State Hub: not asked yet; .*console:\n {2}\| \[ {2}OK {2}\] Reached target\n {2}\| \[ {3}12.3\] link is down\n/,
  );
  expect(kept).toMatchObject({ name: NAME });
});

test('a heartbeat from before the start says nothing about a VM that has just started', async () => {
  const state = await create();
  const beat = (updated_at: string) => entries.map((entry) => ({ ...entry, updated_at }));
  entries = beat('2026-01-01T00:00:00.000Z');
  driver.vms.get(NAME)!.power = 'stopped';
  driver.onStart = () => undefined;
  await expect(update(state, { readyTimeoutSeconds: 1 })).rejects.toThrow('no heartbeat since the VM started');

  driver.onStart = () => {
    entries = beat('2026-01-01T00:01:00.000Z');
  };
  expect(await update(state)).toMatchObject({ powerState: 'running' });
});

test('a guest that dies while it boots is a problem at once, not after the time-out', async () => {
  planned = { ...planned, readyTimeoutSeconds: 600 };
  driver.onStart = (vm) => {
    vm.power = 'stopped';
    writeFileSync(driver.consoleLog(NAME), 'Kernel panic - not syncing: Attempted to kill init!\n');
  };
  expect(await problem()).toMatch(/switched itself off[^]*Kernel panic/);
});

test('a VM that QEMU halted for want of disk space says so', async () => {
  driver.onStart = (vm) => {
    vm.power = 'paused';
    vm.detail = 'qemu status io-error';
  };
  expect(await problem()).toMatch(/disk could not be written[^]*free some disk space/);
});

test('another host key on the port is not taken for the VM', async () => {
  planned = { ...planned, readyTimeoutSeconds: 1 };
  sshAnswers = ['Host key verification failed.', 'Host key verification failed.'];
  expect(await problem()).toContain('tunnel port 12221: wrong-host-key (Host key verification failed.)');
});

test('the entry must carry the port of the tunnel', async () => {
  planned = { ...planned, readyTimeoutSeconds: 1 };
  driver.onStart = () => {
    bootsWell();
    entries = entries.map((entry) => ({ ...entry, keywords: ['tunnel-port:12222'] }));
  };
  expect(await problem()).toContain('an entry of the VM without tunnel-port:12221');
});

test('a tunnel port that another program has is named before the VM is started', async () => {
  ports.owner = { pid: 4711, program: 'python3', user: 'alice' };
  await expect(create()).rejects.toThrow('python3 (pid 4711, user alice)');
  expect(driver.calls).toEqual([]);
});

test('a VM that could not be started is there, and the next deploy only starts it', async () => {
  driver.onStart = (vm) => {
    vm.power = 'stopped';
    throw new FleetError({
      code: 'virtualbox-driver-missing',
      problem: 'the kernel driver is missing',
      remedy: 'load it',
    });
  };
  const state = await create();
  expect(state).toMatchObject({
    powerState: 'stopped',
    seed: 'attached',
    problem: 'the kernel driver is missing: load it',
  });
  driver.onStart = bootsWell;
  driver.calls.length = 0;
  const found = await resource().read(state, context());
  expect(found).toEqual(state);
  expect(await update(found!)).toMatchObject({ powerState: 'running', seed: 'removed', problem: '' });
  expect(driver.calls).toEqual(['stop', 'start', 'removeSeed', 'confirmBoot']);
});

test('Ctrl-C ends the wait promptly and says what comes next', async () => {
  planned = { ...planned, readyTimeoutSeconds: 600 };
  driver.onStart = () => {
    setTimeout(() => {
      controller.abort();
    }, 50);
  };
  // The wait it ends would last ten minutes, longer than any test may.
  expect(await problem()).toContain('cancelled');
  expect(kept).toBeDefined();
});

test('keys that are missing or not the planned ones are refused', async () => {
  const identity = { ...planned.identity, hostFingerprint: 'SHA256:other' };
  await expect(resource().create({ ...planned, identity }, context())).rejects.toMatchObject({
    code: 'identity-changed',
  });
  await expect(resource().create({ ...planned, name: 'without-keys' }, context())).rejects.toMatchObject({
    code: 'identity-missing',
  });
});

describe('a VM that is built on', () => {
  const BUSY = { rounds: [['app-1 root@desk, pid 4']] };
  let state: VmState;

  beforeEach(async () => {
    planned = { ...planned, developerKey: '/keys/developer' };
    state = await create();
    driver.calls.length = 0;
  });

  const theVm = () => driver.vms.get(NAME)!;

  test('is drained before it is stopped for new hardware or a new seed', async () => {
    const changed = await update(state, { memoryMib: 4096 });
    expect(driver.calls.slice(0, 4)).toEqual(['drain', 'stop', 'released', 'update']);
    driver.calls.length = 0;
    await update(changed, { heartbeatSeconds: 10 });
    expect(driver.calls.slice(0, 4)).toEqual(['drain', 'stop', 'released', 'attachSeed']);
  });

  test('is drained before it is deleted, and before a leftover makes room', async () => {
    await resource().delete(state, context());
    expect(driver.calls).toEqual(['drain', 'destroy', 'released']);

    await create();
    theVm().spec = { ...theVm().spec, uuid: 'older' };
    driver.calls.length = 0;
    await create();
    expect(driver.calls.slice(0, 4)).toEqual(['drain', 'destroy', 'released', 'create']);
  });

  test('is drained before it is started anew because it was not ready', async () => {
    await update({ ...state, problem: 'was not ready' });
    expect(driver.calls.slice(0, 3)).toEqual(['drain', 'stop', 'released']);
  });

  test('stays as it is when its builds do not end', async () => {
    const before = structuredClone(theVm());
    guest.answers = [BUSY, BUSY];
    await expect(update(state, { memoryMib: 4096 })).rejects.toMatchObject({ code: 'vm-busy' });
    await expect(resource().delete(state, context())).rejects.toThrow('app-1 (root@desk, pid 4)');
    expect(driver.calls).toEqual(['drain', 'released', 'drain', 'released']);
    expect(theVm()).toEqual(before);
    expect(removed).toEqual([]);
  });

  test('stays when the operator gives up waiting', async () => {
    guest.answers = [BUSY];
    guest.onTold = () => {
      controller.abort();
    };
    const waiting = update({ ...state, drainTimeoutSeconds: 600 }, { memoryMib: 4096, drainTimeoutSeconds: 600 });
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    expect(driver.calls).toEqual(['drain', 'released']);
  });

  test.each(['stopped', 'paused', 'crashed'] as const)('is not asked when it is %s', async (power) => {
    theVm().power = power;
    await resource().delete(state, context());
    expect(driver.calls).toEqual(['destroy']);
  });

  test('is not asked when nothing stops it', async () => {
    await update(state, { drainTimeoutSeconds: 5 });
    expect(driver.calls).not.toContain('drain');
  });

  test('is asked on the port and with the keys that it knows, not only with those that it shall have', async () => {
    // what boots here goes on dialling the port that it had
    const changes = { tunnelPort: PORT + 1, developerKey: '/keys/another', readyTimeoutSeconds: 1 };
    await expect(update(state, changes)).rejects.toMatchObject({ code: 'vm-not-ready' });
    expect(guest.commands[0]).toEqual(
      expect.arrayContaining(['-p', String(PORT), 'IdentityFile="/keys/developer"', 'IdentityFile="/keys/another"']),
    );
  });
});
