import { parseUnitStates } from '../../../../../src/provider/services/units/user-manager';

/** Printed by systemd 252. */
const OUTPUT = `Id=buildfleet-fleet-sshd.service
LoadState=loaded
ActiveState=active
MainPID=4711
NeedDaemonReload=no

Id=buildfleet-fleet-hub.service
LoadState=loaded
ActiveState=activating
MainPID=0
NeedDaemonReload=yes

Id=buildfleet-other-hub.service
LoadState=not-found
ActiveState=inactive
MainPID=0
NeedDaemonReload=no
`;

test('states of several units', () => {
  expect([...parseUnitStates(OUTPUT)]).toEqual([
    ['buildfleet-fleet-sshd.service', { isLoaded: true, isStale: false, pid: 4711 }],
    ['buildfleet-fleet-hub.service', { isLoaded: true, isStale: true, pid: null }],
    ['buildfleet-other-hub.service', { isLoaded: false, isStale: false, pid: null }],
  ]);
});

test('a program that is still ending does not run', () => {
  const text = 'Id=a.service\nLoadState=loaded\nActiveState=deactivating\nMainPID=12\nNeedDaemonReload=no\n';
  expect(parseUnitStates(text).get('a.service')?.pid).toBeNull();
});
