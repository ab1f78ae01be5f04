import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StandInMachine } from '../../support/stand-in-machine';
import { describeWithTools } from '../../support/tools';
import { SmallFleet, Squatter } from './support/small-fleet';

jest.setTimeout(120_000);

describeWithTools(['sshd', 'ssh', 'ssh-keygen'], 'what status and doctor say of each fault', () => {
  let fleet: SmallFleet;

  beforeAll(async () => {
    fleet = await SmallFleet.create();
  });

  afterAll(() => fleet.dispose());

  const doctor = () => fleet.say(['doctor']);

  /** What the hypervisor says, from a fake QEMU; that the real one says it is tested with the driver. */
  const qemuSays = (status: string) => () => {
    fleet.qemu.status = status;
  };

  test('VM off', () =>
    fleet.goThrough({
      symptom: 'The VM is off',
      provoke: () => fleet.qemu.stop(),
      repair: () => fleet.qemu.start(),
    }));

  test.each([
    ['The VM is paused', 'paused'],
    ['The disk of the host is full', 'io-error'],
    ['The VM has crashed', 'guest-panicked'],
  ])('%s', (symptom, status) => fleet.goThrough({ symptom, provoke: qemuSays(status), repair: qemuSays('running') }));

  test('VM missing', () =>
    fleet.goThrough({
      symptom: 'The VM is missing',
      provoke: () => {
        fleet.qemu.remove();
      },
      repair: () => {
        fleet.qemu.makeDisk('none', 0);
      },
    }));

  test('image outdated', () =>
    fleet.goThrough({
      symptom: 'The image is outdated',
      provoke: () => {
        fleet.qemu.makeDisk('another', 12);
      },
      repair: () => {
        fleet.qemu.makeDisk('none', 0);
      },
    }));

  test('little room on the VM', () =>
    fleet.goThrough({
      symptom: 'The disk of the VM is nearly full',
      provoke: () => fleet.heartbeat({ diskFreeMib: 512 }),
      repair: () => fleet.heartbeat(),
    }));

  test('another time on the VM', () =>
    fleet.goThrough({
      symptom: 'The clock of the VM differs',
      provoke: () => fleet.heartbeat({ clockAheadSeconds: -61 }),
      repair: () => fleet.heartbeat(),
    }));

  test('tunnel not up', () =>
    fleet.goThrough({
      symptom: 'The tunnel is not up',
      provoke: () => fleet.machine.dispose(),
      repair: () => fleet.machine.start(),
      also: { 'buildfleet exec alpha -- true': () => fleet.say(['exec', 'alpha', '--', 'true']) },
    }));

  /** Another program listens where the machine's tunnel ends. */
  const squatted = (greeting: string, heartbeatAge: number) => {
    const squatter = new Squatter(greeting);
    return {
      provoke: async () => {
        await fleet.heartbeat({ secondsAgo: heartbeatAge });
        await fleet.machine.dispose();
        await squatter.take(fleet.machine.port);
      },
      repair: async () => {
        await squatter.leave();
        await fleet.machine.start();
        await fleet.heartbeat();
      },
    };
  };

  test('VM hangs', () => fleet.goThrough({ symptom: 'The tunnel is open and no sshd answers', ...squatted('', 60) }));

  test('VM slow', () => fleet.goThrough({ symptom: 'The VM is slow', ...squatted('', 10) }));

  test('port taken by another program', () =>
    fleet.goThrough({
      symptom: 'Another program has the port',
      ...squatted('HTTP/1.1 400 Bad Request\r\n\r\n', 0),
      also: { 'buildfleet doctor': doctor },
    }));

  test('host key changed', async () => {
    const other = await StandInMachine.create(join(fleet.directory, 'other'));
    await other.stop();
    const config = join(other.directory, 'sshd_config');
    writeFileSync(config, readFileSync(config, 'utf8').replace(`:${other.port}\n`, `:${fleet.machine.port}\n`));
    await fleet.goThrough({
      symptom: 'The host key has changed',
      provoke: async () => {
        await fleet.machine.dispose();
        await other.start();
      },
      repair: async () => {
        await other.dispose();
        await fleet.machine.start();
      },
      also: { 'buildfleet exec alpha -- true': () => fleet.say(['exec', 'alpha', '--', 'true']) },
    });
  });

  test('sshd of the workstation down', () =>
    fleet.goThrough({
      symptom: 'The sshd of the workstation is down',
      // The tunnels go with it.
      provoke: () => Promise.all([fleet.workstation.dispose(), fleet.machine.dispose()]),
      repair: () => Promise.all([fleet.workstation.start(), fleet.machine.start()]),
      also: { 'buildfleet doctor': doctor },
    }));

  test('ssh configuration broken', () => {
    const config = join(fleet.directory, 'state/ssh-config');
    const whole = readFileSync(config, 'utf8');
    return fleet.goThrough({
      symptom: 'The tunnel could not be tried',
      provoke: () => {
        appendFileSync(config, 'NoSuchOption yes\n');
      },
      repair: () => {
        writeFileSync(config, whole);
      },
    });
  });

  test('hub down', () =>
    fleet.goThrough({
      symptom: 'The State Hub is down',
      provoke: () => fleet.hub.stop(),
      repair: () => fleet.hub.start(),
      also: {
        'buildfleet doctor': doctor,
        'buildfleet discover': () => fleet.say(['discover']),
      },
    }));

  test('no capability entry', () =>
    fleet.goThrough({
      symptom: 'There is no capability entry',
      provoke: () => fleet.forget(),
      repair: () => fleet.heartbeat(),
    }));

  test('stale entry', () =>
    fleet.goThrough({
      symptom: 'The capability entry is stale',
      provoke: () => fleet.heartbeat({ secondsAgo: 600 }),
      repair: () => fleet.heartbeat(),
    }));

  test('entry with another port', () =>
    fleet.goThrough({
      symptom: 'The capability entry names another port',
      provoke: () => fleet.heartbeat({ tunnelPort: fleet.machine.port - 1 }),
      repair: () => fleet.heartbeat(),
    }));
});
