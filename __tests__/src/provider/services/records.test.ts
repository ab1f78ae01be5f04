import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetPaths } from '../../../../src/model/paths';
import type { State } from '../../../../src/model/resource-shape';
import type { workstationShape } from '../../../../src/model/resources/workstation';
import { seedRecord } from '../../../../src/provider/resources/vm/seed-record';
import { workstationResource } from '../../../../src/provider/resources/workstation';
import { CreatedPaths } from '../../../../src/provider/services/created-paths';
import { serviceList, supervisorRecord } from '../../../../src/provider/services/service-list';
import { workstationRecord } from '../../../../src/provider/services/workstation-record';
import { recordingContext } from '../resources/support/context';
import { temporaryDirectory } from '../../../support/temporary-directory';

const SIGNAL = new AbortController().signal;

let home: string;
beforeEach(() => {
  home = temporaryDirectory();
});
describe('records as earlier commits wrote them are read', () => {
  const sshd = {
    ...{ program: '/usr/sbin/sshd', operator: 'root', operatorIsRoot: true },
    ...{ usePam: false, strictModes: true, hasPerSourcePenalties: true },
  };
  const workstation = {
    ...{
      sshdPort: 12220,
      hubPort: 8000,
      tunnelPorts: { first: 12221, last: 12319 },
      developers: ['~/.ssh/id_build.pub'],
    },
    ...{ sshd, node: '/usr/bin/node', hubRevision: 'aa', madeRunDirectory: true },
  };

  test.each([
    [
      'without runner and address',
      { ...workstation, supervisorRevision: 'bb' },
      { address: null, runner: 'supervisor' },
    ],
    ['with an address', { ...workstation, address: '192.168.1.10' }, { address: '192.168.1.10', runner: 'supervisor' }],
    ['with a runner', { ...workstation, address: null, runner: 'user-units' }, { address: null, runner: 'user-units' }],
    ['of today', { ...workstation, hubExpiryDays: 30 }, { address: null, runner: 'supervisor', hubExpiryDays: 30 }],
  ])('workstation.json %s', (_form, content, added) => {
    writeFileSync(workstationRecord.path(home), JSON.stringify({ formatVersion: 1, ...content }));
    expect(workstationRecord.read(home)).toEqual({
      status: 'value',
      value: { ...workstation, hubExpiryDays: null, ...added },
    });
  });

  test.each([
    ['without hypervisor and network', {}],
    ['of a bridged VM', { hypervisor: 'virtualbox', network: 'bridged', bridgeAdapter: 'eth0' }],
  ])('seed.json %s', (_form, added) => {
    const told = {
      ...{
        digest: 'aa',
        instanceId: 'alpha-1',
        identity: { hostFingerprint: 'SHA256:h', tunnelFingerprint: 'SHA256:t' },
      },
      ...{ tunnelPort: 12221, relay: { host: '10.0.2.2', port: 12220, user: 'me', hostPublicKey: 'ssh-ed25519 A' } },
      hub: { url: 'http://127.0.0.1:8000', port: 8000, domain: 'd', capabilityType: 't' },
      ...{ developerPublicKeys: ['ssh-ed25519 B'], heartbeatSeconds: 30 },
    };
    writeFileSync(seedRecord.path(home), JSON.stringify({ formatVersion: 1, ...told, ...added }));
    const value = { hypervisor: 'qemu', network: 'nat', bridgeAdapter: null, ...told, ...added };
    expect(seedRecord.read(home)).toEqual({ status: 'value', value });
  });

  test('services.json and supervisor.json, which are also written byte for byte as before', () => {
    const service = { name: 'hub', argv: ['/usr/bin/node', 'hub.js'], log: '/log', directories: [], revision: 'aa' };
    const running = { pid: 7, startTime: '123' };
    const record = { supervisor: running, revision: 'bb', services: [{ ...running, name: 'hub', fingerprint: 'cc' }] };
    const text = (content: object) => `${JSON.stringify({ formatVersion: 1, ...content }, null, 2)}\n`;
    writeFileSync(serviceList.path(home), text({ services: [service] }));
    writeFileSync(supervisorRecord.path(home), text(record));
    expect(serviceList.read(home)).toEqual({ status: 'value', value: { services: [service] } });
    expect(supervisorRecord.read(home)).toEqual({ status: 'value', value: record });
    const definition = { ...service, address: null };
    expect(serviceList.render({ services: [definition] })).toBe(text({ services: [definition] }));
    expect(supervisorRecord.render(record)).toBe(text(record));
    writeFileSync(serviceList.path(home), text({ services: [{ ...service, argv: 'node' }] }));
    expect(serviceList.read(home)).toMatchObject({ status: 'unreadable', reason: 'wrong-shape' });
  });
});

describe('created.json', () => {
  const file = () => join(home, '.local/state/buildfleet/created.json');
  const held = () => join(home, 'held');
  beforeEach(() => {
    mkdirSync(join(home, '.local/state/buildfleet'), { recursive: true });
  });

  test('is read with and without a version', () => {
    const created = [{ path: held(), holders: ['fleet'] }];
    for (const content of [{ created }, { formatVersion: 1, created }]) {
      writeFileSync(file(), JSON.stringify(content));
      expect(new CreatedPaths(home).find(held())).toEqual(created[0]);
    }
  });

  test.each([
    ['damaged', '{"formatVersion": 1, "created": [{'],
    ['of a newer version', '{"formatVersion": 2, "created": {}}'],
  ])('that is %s is refused, and what it speaks of stays', async (_how, content) => {
    writeFileSync(file(), content);
    const paths = new CreatedPaths(home);
    const refused = { code: 'record-unreadable', place: file() };
    await expect(paths.hold(held(), 'fleet', SIGNAL)).rejects.toMatchObject(refused);
    const remove = jest.fn();
    await expect(paths.release(held(), 'fleet', SIGNAL, remove)).rejects.toMatchObject(refused);
    expect(() => paths.find(held())).toThrow(expect.objectContaining(refused) as Error);
    expect(remove).not.toHaveBeenCalled();
    expect(readFileSync(file(), 'utf8')).toBe(content);
  });

  test('that cannot be opened is refused, so that no other holder is forgotten', async () => {
    mkdirSync(file());
    await expect(new CreatedPaths(home).hold(held(), 'fleet', SIGNAL)).rejects.toMatchObject({
      code: 'record-unreadable',
    });
    expect(existsSync(held())).toBe(false);
  });
});

describe('workstation.json in the handler', () => {
  const state: State<typeof workstationShape> = {
    ...{
      address: null,
      sshdPort: 1,
      hubPort: 2,
      hubExpiryDays: null,
      tunnelPorts: { first: 3, last: 4 },
      developers: [],
    },
    ...{ sshd: 'running', hub: 'running', configuration: 'intact', tunnelAccount: 'me', sshdHostPublicKey: 'key' },
    ...{ developerPublicKeys: [], hubUrl: 'http://127.0.0.1:2' },
  };
  let services: string;
  const handler = () =>
    workstationResource(
      { fleet: 'test', stateDirectory: join(home, 'state'), cacheDirectory: null },
      {
        ...{ home, programs: join(home, 'programs'), environment: { XDG_RUNTIME_DIR: join(home, 'none') } },
        run: (file) => Promise.reject(new Error(`${file} was started`)),
      },
    );
  beforeEach(() => {
    ({ services } = new FleetPaths(join(home, 'state')));
    mkdirSync(services, { recursive: true });
  });

  test('that is absent, with the keys, means that the workstation is gone', async () => {
    expect(await handler().read(state, recordingContext())).toBeNull();
  });

  test('that is damaged means a workstation that the next deploy puts right', async () => {
    writeFileSync(workstationRecord.path(services), '{');
    const read = await handler().read(state, recordingContext());
    expect(read).toMatchObject({ configuration: 'altered', sshd: 'dead', hub: 'dead' });
    await expect((async () => handler().import?.('any', recordingContext()))()).rejects.toMatchObject({
      code: 'record-unreadable',
      place: workstationRecord.path(services),
    });
  });

  test('of a newer version is refused by read, update and delete, and stays', async () => {
    writeFileSync(workstationRecord.path(services), '{"formatVersion": 2}');
    const refused = { code: 'record-unreadable', remedy: 'use the buildfleet that wrote it, or a newer one' };
    const context = recordingContext<typeof workstationShape>();
    await expect(handler().read(state, context)).rejects.toMatchObject(refused);
    await expect(handler().update?.(state, state, context)).rejects.toMatchObject(refused);
    await expect(handler().delete(state, context)).rejects.toMatchObject(refused);
    expect(readFileSync(workstationRecord.path(services), 'utf8')).toBe('{"formatVersion": 2}');
  });
});
