import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { listProcesses } from '../../../src/process/process-identity';
import { run } from '../../../src/process/run';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { TestUserManager } from '../../support/user-manager';
import { describeAsRoot } from '../../support/as-root';
import { makeTestWorkstation, type TestWorkstation, type WorkstationState } from '../../support/workstation';

const TOOLS = ['systemctl', 'unshare', 'sshd', 'ssh-keygen', 'ip'];
jest.setTimeout(180_000);

const UNITS = { sshd: 'buildfleet-test-sshd.service', hub: 'buildfleet-test-hub.service' } as const;
type Name = keyof typeof UNITS;

let manager: TestUserManager;
let station: TestWorkstation;
let state: WorkstationState;
const ending: (() => Promise<void>)[] = [];

const unitPath = (name: Name) => join(manager.home, '.config/systemd/user', UNITS[name]);
const pid = async (name: Name) =>
  Number((await manager.systemctl('show', '--property=MainPID', '--value', UNITS[name])).trim());
const pids = () => Promise.all([pid('sshd'), pid('hub')]);
const read = (from = station) => from.handler.read(state, from.context());
const update = async (from = station, changes: Partial<WorkstationState> = {}) => {
  const healthy = { sshd: 'running', hub: 'running', configuration: 'intact' } as const;
  state = await from.handler.update!(state, { ...from.planned, ...state, ...healthy, ...changes }, from.context());
};
const processesOfOurs = () =>
  listProcesses().filter(({ argv }) => argv.join(' ').includes(`${station.paths.services}/`));
const isSupervised = () => processesOfOurs().some(({ argv }) => argv.join(' ').includes('/supervisor.js'));

/** As another deploy, started from a place where the manager cannot be reached. */
const elsewhere = () =>
  makeTestWorkstation({ home: manager.home, environment: { XDG_RUNTIME_DIR: join(manager.home, 'nowhere') } });

describeAsRoot('as root', () => {
  describeWithTools(TOOLS, 'services of the workstation as units of the operator', unitTests);
});

function unitTests(): void {
  beforeAll(async () => {
    manager = new TestUserManager();
    ending.push(() => manager.dispose());
    await manager.start();
    station = await makeTestWorkstation(manager);
    ending.push(() => station.dispose());
    state = await station.handler.create(station.planned, station.context());
  });
  afterAll(async () => {
    for (const end of ending.reverse()) await end();
  });

  test('run, and a plan without changes finds so', async () => {
    expect(await read()).toEqual(state);
    expect(state).toMatchObject({ sshd: 'running', hub: 'running', configuration: 'intact' });
    expect(isSupervised()).toBe(false);
    expect(
      processesOfOurs()
        .map((process) => process.pid)
        .sort(),
    ).toEqual((await pids()).sort());
  });

  test('systemd finds no fault with them and starts them with the manager', async () => {
    for (const name of ['sshd', 'hub'] as const) {
      const env = { ...manager.environment, HOME: manager.home } as Record<string, string>;
      const { stdout, stderr } = await run('systemd-analyze', ['--user', 'verify', unitPath(name)], { env });
      expect(stdout + stderr).toBe('');
      expect(await manager.systemctl('is-enabled', UNITS[name])).toBe('enabled\n');
    }
  });

  test('an unchanged second deploy restarts nothing', async () => {
    const before = await pids();
    await update();
    expect(await pids()).toEqual(before);
  });

  test('the operator is told that a log-out ends them where lingering cannot be had', () => {
    expect(station.warnings.at(-1)).toMatch(/end when you log out.*"loginctl enable-linger \w+"/);
  });

  test.each(['sshd', 'hub'] as const)('%s comes back after kill -9, and nothing else is restarted', async (name) => {
    const other = name === 'sshd' ? 'hub' : 'sshd';
    const [killed, untouched] = [await pid(name), await pid(other)];
    process.kill(killed, 'SIGKILL');
    await until(
      `${name} is back`,
      60,
      async () => (await read())?.[name] === 'running' && ![0, killed].includes(await pid(name)),
    );
    expect(await pid(other)).toBe(untouched);
  });

  test('both are back after the manager was stopped and started, as by a reboot', async () => {
    await manager.stop();
    expect(processesOfOurs()).toEqual([]);
    expect(await read()).toMatchObject({ sshd: 'dead', hub: 'dead' });
    await manager.start();
    await until('both answer', 60, async () => {
      const seen = await read();
      return seen?.sshd === 'running' && seen.hub === 'running';
    });
    expect(await read()).toEqual(state);
    expect(processesOfOurs()).toHaveLength(2);
  });

  test('an altered unit is seen and put right', async () => {
    const hub = await pid('hub');
    const text = readFileSync(unitPath('sshd'), 'utf8');
    appendFileSync(unitPath('sshd'), '[Service]\nEnvironment=ALTERED=1\n');
    expect(await read()).toMatchObject({ configuration: 'altered', sshd: 'running', hub: 'running' });
    await update();
    expect(readFileSync(unitPath('sshd'), 'utf8')).toBe(text);
    expect(await read()).toEqual(state);
    expect(await pid('hub')).toBe(hub);
  });

  test('a unit that was put back without a reload is seen and put right', async () => {
    const text = readFileSync(unitPath('hub'), 'utf8');
    appendFileSync(unitPath('hub'), '[Service]\nEnvironment=ALTERED=1\n');
    await manager.systemctl('daemon-reload');
    await manager.systemctl('restart', UNITS.hub);
    rmSync(unitPath('hub'));
    appendFileSync(unitPath('hub'), text);
    expect(await read()).toMatchObject({ configuration: 'altered' });
    await update();
    expect(readFileSync(`/proc/${await pid('hub')}/environ`, 'utf8')).not.toContain('ALTERED');
    expect(await read()).toEqual(state);
  });

  const ALTERATIONS: readonly (readonly [how: string, alter: () => unknown])[] = [
    [
      'removed',
      () => {
        rmSync(unitPath('hub'));
      },
    ],
    ['disabled', () => manager.systemctl('disable', UNITS.hub)],
    [
      'masked',
      () => {
        rmSync(unitPath('hub'));
        symlinkSync('/dev/null', unitPath('hub'));
      },
    ],
  ];

  test.each(ALTERATIONS)('a unit that was %s is seen and put right', async (_, alter) => {
    await alter();
    expect(await read()).toMatchObject({ configuration: 'altered' });
    await update();
    expect(await read()).toEqual(state);
    expect(await manager.systemctl('is-enabled', UNITS.hub)).toBe('enabled\n');
    expect(processesOfOurs()).toHaveLength(2);
  });

  test('a stopped unit is dead, and a deploy starts it', async () => {
    await manager.systemctl('stop', UNITS.hub);
    expect(await read()).toMatchObject({ configuration: 'intact', sshd: 'running', hub: 'dead' });
    await update();
    expect(await read()).toEqual(state);
  });

  test('a service that hangs is dead, and a deploy replaces it', async () => {
    const hanging = await pid('hub');
    process.kill(hanging, 'SIGSTOP');
    expect(await read()).toMatchObject({ hub: 'dead', sshd: 'running' });
    await update();
    expect(await pid('hub')).not.toBe(hanging);
    expect(await read()).toEqual(state);
  });

  test('a newer hub is outdated until a deploy, which restarts the hub only', async () => {
    const [sshd, hub] = await pids();
    appendFileSync(join(station.programs, 'hub.js'), '\n// newer\n');
    expect(await read()).toMatchObject({ configuration: 'outdated', hub: 'running' });
    await update();
    expect(await pid('sshd')).toBe(sshd);
    expect(await pid('hub')).not.toBe(hub);
    expect(await read()).toEqual(state);
  });

  test('a deploy that was cut before any of its commands is finished by the next one', async () => {
    const { first, last } = state.tunnelPorts;
    let isCut = true;
    for (let commands = 0; isCut; commands++) {
      let left = commands;
      isCut = false;
      const cut = await makeTestWorkstation({
        home: manager.home,
        environment: manager.environment,
        beforeRun: (file) => {
          if (file !== 'systemctl' || left-- > 0) return;
          isCut = true;
          throw new Error('cut');
        },
      });
      await cut.handler.update!(
        state,
        { ...station.planned, ...state, tunnelPorts: { first, last: last + 1 + (commands % 2) } },
        cut.context(),
      ).catch(() => undefined);
      const before = await pids();
      await update(station, { tunnelPorts: { first, last: last + 1 + (commands % 2) } });
      expect(await read()).toEqual(state);
      expect((await pids())[1]).toBe(before[1]);
      const sshd = processesOfOurs().find(({ pid: seen }) => seen !== before[1]);
      expect(sshd?.argv.join(' ')).toContain('sshd');
      expect(processesOfOurs()).toHaveLength(2);
    }
  });

  test('what a killed manager has left is replaced when its successor runs', async () => {
    const before = await pids();
    await manager.kill();
    expect(processesOfOurs()).toHaveLength(2);
    await manager.start();
    await update();
    expect(await read()).toEqual(state);
    expect((await pids()).filter((now) => before.includes(now))).toEqual([]);
    expect(processesOfOurs()).toHaveLength(2);
  });

  test('a manager that cannot be reached from a deploy is not worked against', async () => {
    const before = await pids();
    const away = await elsewhere();
    await expect(update(away)).rejects.toMatchObject({ code: 'user-manager-unreachable' });
    await expect(away.handler.delete(state, away.context())).rejects.toMatchObject({
      code: 'user-manager-unreachable',
    });
    expect(await pids()).toEqual(before);
    await update();
    expect(await read()).toEqual(state);
  });

  test('where the manager has gone a supervisor takes over, and no unit comes back', async () => {
    await manager.stop();
    const away = await elsewhere();
    expect(await read(away)).toMatchObject({ sshd: 'dead', hub: 'dead', configuration: 'outdated' });
    await update(away);
    expect(await read(away)).toEqual(state);
    expect(isSupervised()).toBe(true);
    await manager.start();
    expect(existsSync(join(manager.home, '.config'))).toBe(false);
    expect(processesOfOurs()).toHaveLength(3);
  });

  test('where a manager has come a deploy hands the services over to it', async () => {
    expect(await read()).toMatchObject({ sshd: 'running', hub: 'running', configuration: 'outdated' });
    await update();
    expect(await read()).toEqual(state);
    expect(isSupervised()).toBe(false);
    expect(readdirSync(station.paths.services).filter((name) => /supervisor|services\.json/.test(name))).toEqual([]);
    expect(
      processesOfOurs()
        .map((process) => process.pid)
        .sort(),
    ).toEqual((await pids()).sort());
  });

  test('sshd waits for an address that the machine does not have yet', async () => {
    const address = '192.0.2.77';
    await expect(update(station, { address })).rejects.toMatchObject({
      code: 'service-does-not-start',
      place: UNITS.sshd,
      message: expect.stringContaining('/proc/net/fib_trie'),
    });
    await run('ip', ['address', 'add', `${address}/32`, 'dev', 'lo']);
    try {
      state = { ...state, address };
      await until('sshd runs', 60, async () => (await read())?.sshd === 'running');
    } finally {
      await run('ip', ['address', 'delete', `${address}/32`, 'dev', 'lo']);
    }
    await update(station, { address: null });
    expect(await read()).toEqual(state);
  });

  test('destroy leaves no process, no unit and no file, and is content with nothing', async () => {
    await station.handler.delete(state, station.context());
    expect(processesOfOurs()).toEqual([]);
    expect(await manager.systemctl('list-units', '--all', '--no-legend', 'buildfleet-*')).toBe('');
    expect(await manager.systemctl('list-unit-files', '--no-legend', 'buildfleet-*')).toBe('');
    expect(readdirSync(manager.home).filter((name) => name !== 'output')).toEqual(['.local']);
    expect(existsSync(join(manager.home, '.local/state/buildfleet'))).toBe(false);
    await station.handler.delete(state, station.context());
    expect(await read()).toBeNull();
  });
}
