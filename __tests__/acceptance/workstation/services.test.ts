import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createHubClient } from '../../../src/hub/client';
import { instanceTitle, typeEntry } from '../../../src/model/capability';
import { reviveServices } from '../../../src/provider/services/runners';
import { agentKeywords } from '../../support/agent-keywords';
import { namesFileIn } from '../../../src/files/links';
import { startDetached } from '../../../src/process/detached';
import { listProcesses, readProcess } from '../../../src/process/process-identity';
import { makeTestWorkstation, listenOn, type TestWorkstation, type WorkstationState } from '../../support/workstation';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';

describeWithTools(['sshd', 'ssh-keygen'], 'services of the workstation', () => {
  let station: TestWorkstation;
  let state: WorkstationState;

  beforeAll(async () => {
    station = await makeTestWorkstation();
    state = await station.handler.create(station.planned, station.context());
  }, 60_000);
  afterAll(() => station.dispose(), 60_000);

  const read = () => station.handler.read(state, station.context());
  const update = async () => {
    state = await station.handler.update!(
      state,
      { ...station.planned, ...state, sshd: 'running', hub: 'running', configuration: 'intact' },
      station.context(),
    );
  };
  const pids = () => [station.pid('supervisor'), station.pid('sshd'), station.pid('hub')];
  const processesOfOurs = () =>
    listProcesses().filter(({ argv }) => argv.join(' ').includes(`${station.paths.services}/`));

  test('run, and a plan without changes finds so', async () => {
    expect(await read()).toEqual(state);
    expect(state).toMatchObject({
      sshd: 'running',
      hub: 'running',
      configuration: 'intact',
      hubUrl: `http://127.0.0.1:${state.hubPort}`,
    });
  });

  test('are detached: own session, cwd /, nothing inherited', () => {
    for (const pid of pids()) {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
      expect(stat[3]).toBe(String(pid)); // session
      expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      expect(environment).not.toMatch(/JEST|npm_/i);
    }
    const open = readdirSync(`/proc/${station.pid('supervisor')}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${station.pid('supervisor')}/fd/${fd}`);
      } catch {
        return '';
      }
    });
    expect(
      open.filter(
        (target) => target.startsWith('/') && !target.startsWith('/dev/') && !target.startsWith(station.paths.services),
      ),
    ).toEqual([]);
  });

  test('an unchanged second deploy restarts nothing', async () => {
    const before = pids();
    await update();
    expect(pids()).toEqual(before);
  });

  test.each(['sshd', 'hub'] as const)('%s comes back after kill -9, and nothing else is restarted', async (name) => {
    const before = { supervisor: station.pid('supervisor'), sshd: station.pid('sshd'), hub: station.pid('hub') };
    process.kill(before[name], 'SIGKILL');
    await until(
      `${name} is back`,
      10,
      async () => (await read())?.[name] === 'running' && station.pid(name) !== before[name],
    );
    const other = name === 'sshd' ? 'hub' : 'sshd';
    expect(station.pid(other)).toBe(before[other]);
    expect(station.pid('supervisor')).toBe(before.supervisor);
  });

  test('a killed supervisor is seen, and its successor takes over what runs', async () => {
    const [supervisor, ...services] = pids();
    process.kill(supervisor!, 'SIGKILL');
    await until('supervisor is gone', 5, () => readProcess(supervisor!) === undefined);
    expect(await read()).toMatchObject({ sshd: 'dead', hub: 'dead' });
    await update();
    expect(await read()).toEqual(state);
    expect(pids().slice(1)).toEqual(services);
    expect(processesOfOurs()).toHaveLength(3);
  });

  test('a service that died without a supervisor is started, and adopted ones are watched', async () => {
    process.kill(station.pid('supervisor'), 'SIGKILL');
    process.kill(station.pid('hub'), 'SIGKILL');
    await until('both are gone', 5, () => processesOfOurs().length === 1);
    await update();
    const adopted = station.pid('sshd');
    process.kill(adopted, 'SIGKILL');
    await until(
      'adopted sshd is replaced',
      10,
      async () => (await read())?.sshd === 'running' && station.pid('sshd') !== adopted,
    );
    expect(processesOfOurs()).toHaveLength(3);
  });

  test('a deploy that waits for a VM starts services and supervisor that died meanwhile, once, however many wait', async () => {
    for (const pid of pids()) process.kill(pid, 'SIGKILL');
    await until('all are gone', 5, () => processesOfOurs().length === 0);
    const revived = await Promise.all([reviveServices(station.paths), reviveServices(station.paths)]);
    expect(revived).toContain(true);
    await until('all run', 15, async () => {
      const found = await read();
      return found?.sshd === 'running' && found.hub === 'running';
    });
    expect(await read()).toEqual(state);
    await until('there is one supervisor', 5, () => processesOfOurs().length === 3);
    expect(await reviveServices(station.paths)).toBe(false);
  }, 30_000);

  test('the entry of a VM that was deleted while the hub was down goes with the next deploy, those of others stay', async () => {
    const client = createHubClient({ url: state.hubUrl, services: station.paths.services });
    const register = (name: string, tunnelPort: number) => {
      const { domain, capability_type } = typeEntry();
      const keywords = agentKeywords({ ghcVersions: ['9.6.6'], hostName: name, tunnelPort });
      const entry = { domain, capability_type, title: instanceTitle(name), description: 'heartbeat=1s', keywords };
      return client.upsert(entry);
    };
    const [first] = [state.tunnelPorts.first];
    mkdirSync(station.paths.vm('haskell-build-here'), { recursive: true });
    await register('haskell-build-gone', first);
    await register('haskell-build-here', first + 1);
    await register('haskell-build-elsewhere', first - 1);
    expect(await read()).toEqual(state);
    await until('the heartbeats have ended', 15, async () => (await read())?.configuration === 'outdated');
    expect(station.warnings.at(-1)).toContain('haskell-build-gone');
    await update();
    expect(await read()).toEqual(state);
    const { domain, capability_type: capabilityType } = typeEntry();
    const titles = (await client.list({ domain, capabilityType })).map(({ title }) => title);
    expect(titles.sort()).toEqual(['haskell-build-elsewhere', 'haskell-build-here'].map(instanceTitle));
    rmSync(station.paths.vms, { recursive: true });
  }, 30_000);

  test('a lost record doubles nothing', async () => {
    process.kill(station.pid('supervisor'), 'SIGKILL');
    rmSync(join(station.paths.services, 'supervisor.json'));
    await update();
    expect(await read()).toEqual(state);
    expect(processesOfOurs()).toHaveLength(3);
  });

  test('a service that hangs is dead, and a deploy replaces it', async () => {
    const hanging = station.pid('hub');
    process.kill(hanging, 'SIGSTOP');
    expect(await read()).toMatchObject({ hub: 'dead', sshd: 'running' });
    await update();
    expect(station.pid('hub')).not.toBe(hanging);
    expect(await read()).toEqual(state);
  }, 30_000);

  test('an edited configuration is seen and put right', async () => {
    const path = join(station.paths.services, 'sshd_config');
    appendFileSync(path, 'PermitTTY yes\n');
    expect(await read()).toMatchObject({ configuration: 'altered', sshd: 'running' });
    await update();
    expect(await read()).toEqual(state);
    expect(readFileSync(path, 'utf8')).not.toContain('PermitTTY yes');
  });

  test('a newer hub is outdated until a deploy, which restarts the hub only', async () => {
    const [, sshd, hub] = pids();
    appendFileSync(join(station.programs, 'hub.js'), '\n// newer\n');
    expect(await read()).toMatchObject({ configuration: 'outdated', hub: 'running' });
    await update();
    expect(station.pid('sshd')).toBe(sshd);
    expect(station.pid('hub')).not.toBe(hub);
    expect(await read()).toEqual(state);
  });

  test('a newer supervisor takes over without a restart of the services', async () => {
    const [supervisor, sshd, hub] = pids();
    appendFileSync(join(station.programs, 'supervisor.js'), '\n// newer\n');
    await update();
    expect(station.pid('supervisor')).not.toBe(supervisor);
    expect([station.pid('sshd'), station.pid('hub')]).toEqual([sshd, hub]);
  });

  test('the output of the fleet may go away', async () => {
    rmSync(station.programs, { recursive: true });
    expect(await read()).toEqual(state);
    await update();
    expect(await read()).toEqual(state);
  });

  test('other tunnel ports restart sshd only', async () => {
    const hub = station.pid('hub');
    const sshd = station.pid('sshd');
    const { first, last } = state.tunnelPorts;
    state = await station.handler.update!(
      state,
      { ...state, tunnelPorts: { first, last: last + 1 } },
      station.context(),
    );
    expect(station.pid('hub')).toBe(hub);
    expect(station.pid('sshd')).not.toBe(sshd);
    expect(await read()).toEqual(state);
  });

  test('the program that took a port is named, on reading and on deploying', async () => {
    process.kill(station.pid('supervisor'), 'SIGTERM');
    await until('all have ended', 15, () => processesOfOurs().length === 0);
    const thief = await listenOn(state.hubPort);
    try {
      expect(await read()).toMatchObject({ hub: 'dead' });
      expect(station.warnings.at(-1)).toContain(`pid ${process.pid}`);
      await expect(update()).rejects.toMatchObject({
        code: 'port-taken',
        attribute: 'hubPort',
        message: expect.stringContaining(`pid ${process.pid}`),
      });
    } finally {
      await new Promise((closed) => thief.close(closed));
    }
    await update();
    expect(await read()).toEqual(state);
  }, 30_000);

  test('a missing host key is made anew, and the plan says that it will be another', async () => {
    const path = join(station.paths.services, 'ssh_host_ed25519_key');
    rmSync(path);
    const found = (await read())!;
    expect(found).toMatchObject({ configuration: 'altered', sshdHostPublicKey: '' });
    expect(station.handler.plan!(found, { ...found, configuration: 'intact' }).unknown).toEqual(['sshdHostPublicKey']);
    const before = state.sshdHostPublicKey;
    await update();
    expect(state.sshdHostPublicKey).not.toBe(before);
    expect(await read()).toEqual(state);
  });

  test('a missing developer key of ours is made anew', async () => {
    rmSync(join(station.home, '.ssh/id_build'));
    rmSync(join(station.home, '.ssh/id_build.pub'));
    const found = (await read())!;
    expect(found).toMatchObject({ configuration: 'altered', developerPublicKeys: [] });
    expect(station.handler.plan!(found, { ...found, configuration: 'intact' }).unknown).toEqual([
      'developerPublicKeys',
    ]);
    await update();
    expect(await read()).toEqual(state);
  });

  test('logs stay readable for the operator alone', () => {
    for (const name of ['sshd.log', 'hub.log', 'supervisor.log']) {
      expect((statSync(join(station.paths.services, name)).mode & 0o077).toString(8)).toBe('0');
    }
  });

  test('can be imported', async () => {
    const imported = await station.handler.import!('workstation', station.context());
    expect(await station.handler.read(imported, station.context())).toEqual(state);
  });

  test('destroy leaves no process and no file, and is content with nothing', async () => {
    await station.handler.delete(state, station.context());
    expect(processesOfOurs()).toEqual([]);
    expect(existsSync(station.paths.stateDirectory)).toBe(false);
    expect(existsSync(join(station.home, '.ssh'))).toBe(false);
    expect(existsSync(join(station.home, '.local/state/buildfleet'))).toBe(false);
    await station.handler.delete(state, station.context());
    expect(await read()).toBeNull();
  }, 30_000);
});

describeWithTools(['sshd', 'ssh-keygen'], 'a home directory that is reached through a link', () => {
  let station: TestWorkstation;
  let linked: TestWorkstation;
  let state: WorkstationState;

  beforeAll(async () => {
    station = await makeTestWorkstation();
    const link = join(temporaryDirectory(), 'home');
    symlinkSync(station.home, link);
    linked = await makeTestWorkstation({ home: link });
    state = await station.handler.create(station.planned, station.context());
  }, 60_000);
  afterAll(() => station.dispose(), 60_000);

  const processesOfOurs = () =>
    listProcesses().filter(({ argv }) => namesFileIn(station.paths.services, argv.join(' ')));

  test('is the same fleet: nothing differs and nothing is restarted', async () => {
    const before = processesOfOurs();
    expect(before).toHaveLength(3);
    expect(await linked.handler.read(state, linked.context())).toEqual(state);
    expect(await linked.handler.update!(state, state, linked.context())).toEqual(state);
    expect(processesOfOurs()).toEqual(before);
    expect(linked.warnings).toEqual([]);
  });

  test('services that earlier versions started by the link are known, and replaced', async () => {
    const { services } = station.paths;
    process.kill(station.pid('supervisor'), 'SIGTERM');
    await until('all have ended', 15, () => processesOfOurs().length === 0);
    const list = readFileSync(join(services, 'services.json'), 'utf8');
    writeFileSync(join(services, 'services.json'), list.replaceAll(station.home, linked.home));
    const linkedServices = services.replace(station.home, linked.home);
    await startDetached(process.execPath, [join(linkedServices, 'supervisor.js'), linkedServices], {
      ...{ cwd: '/', outputPath: join(services, 'supervisor.log'), append: true },
    });
    await until('all run', 15, () => processesOfOurs().length === 3);

    expect(await linked.handler.read(state, linked.context())).toMatchObject({
      sshd: 'dead',
      configuration: 'altered',
    });
    expect(linked.warnings).toEqual([]);
    await linked.handler.update!(state, state, linked.context());
    expect(await station.handler.read(state, station.context())).toEqual(state);
    expect(processesOfOurs()).toHaveLength(3);
  }, 30_000);

  test('is taken away by either spelling, keys included', async () => {
    await linked.handler.delete(state, linked.context());
    expect(processesOfOurs()).toEqual([]);
    expect(existsSync(station.paths.stateDirectory)).toBe(false);
    expect(existsSync(join(station.home, '.ssh'))).toBe(false);
  }, 30_000);
});

describeWithTools(['sshd', 'ssh-keygen'], "developers' keys", () => {
  let station: TestWorkstation;
  beforeEach(async () => {
    station = await makeTestWorkstation();
  }, 60_000);
  afterEach(() => station.dispose(), 60_000);

  const keyPath = () => join(station.home, '.ssh/id_build');

  test('a key that was there is used and never removed', async () => {
    mkdirSync(join(station.home, '.ssh'), { mode: 0o700 });
    writeFileSync(
      `${keyPath()}.pub`,
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQZiie5XnNn8/ciLywlNx/cXkTuBNQtRttqfimP8uOX mine\n',
    );
    const state = await station.handler.create(station.planned, station.context());
    expect(state.developerPublicKeys).toEqual([
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQZiie5XnNn8/ciLywlNx/cXkTuBNQtRttqfimP8uOX mine',
    ]);
    await station.handler.delete(state, station.context());
    expect(readdirSync(join(station.home, '.ssh'))).toEqual(['id_build.pub']);
  }, 30_000);

  test('a key of ours that was changed stays', async () => {
    const state = await station.handler.create(station.planned, station.context());
    writeFileSync(`${keyPath()}.pub`, `${state.developerPublicKeys[0]} changed\n`);
    await station.handler.delete(state, station.context());
    expect(readdirSync(join(station.home, '.ssh')).sort()).toEqual(['id_build', 'id_build.pub']);
  }, 30_000);

  test('a missing further key is an error that names it, and nothing runs', async () => {
    const planned = { ...station.planned, developers: ['~/.ssh/id_build.pub', '~/.ssh/other.pub'] };
    await expect(station.handler.create(planned, station.context())).rejects.toMatchObject({
      code: 'developer-key-missing',
      place: join(station.home, '.ssh/other.pub'),
      attribute: 'developers',
    });
    expect(station.kept).toEqual([]);
  });
});
