import os from 'node:os';
import { BuildVm } from '../../constructs/build-vm';
import { TestFleet, planned } from '../support/test-fleet';

test('a tunnel key may open the port of its VM and reach the hub, with the public key that deploy makes', () => {
  const fleet = new TestFleet({ workstation: { hubPort: 8123 } });
  new BuildVm(fleet.stack, 'alpha', fleet.standard);
  new BuildVm(fleet.stack, 'beta', fleet.standard);
  const keys = planned(fleet.plan(), 'buildfleet_managed_file.workstation_tunnel-keys');
  expect(keys).toMatchObject({ path: '~/.local/state/buildfleet/fleet/workstation/authorized_keys', mode: '0600' });
  expect(keys.content.split('\n')).toEqual([
    'restrict,port-forwarding,permitlisten="localhost:12221",permitopen="localhost:8123",command="/bin/false" ${buildfleet_identity.alpha_identity.tunnel_public_key}',
    'restrict,port-forwarding,permitlisten="localhost:12222",permitopen="localhost:8123",command="/bin/false" ${buildfleet_identity.beta_identity.tunnel_public_key}',
    '',
  ]);
});

test('ports are allocated once: a VM that is declared after that is an error', () => {
  const fleet = new TestFleet();
  const alpha = new BuildVm(fleet.stack, 'alpha', fleet.standard);
  expect(alpha.tunnelPort).toBe(12221);
  expect(() => new BuildVm(fleet.stack, 'beta', fleet.standard)).toThrow('declare every VM before synth');
});

test('host keys are pinned by alias', () => {
  const fleet = new TestFleet();
  new BuildVm(fleet.stack, 'alpha', fleet.standard);
  expect(planned(fleet.plan(), 'buildfleet_managed_file.workstation_client_known-hosts')).toMatchObject({
    path: '~/.local/state/buildfleet/fleet/known_hosts',
    content: 'haskell-build-alpha ${buildfleet_identity.alpha_identity.host_public_key}\n',
  });
});

test("the operator's own configuration gets one block that includes ours", () => {
  const fleet = new TestFleet({ stack: { stateDirectory: '/srv/build fleet' } });
  expect(planned(fleet.plan(), 'buildfleet_managed_file.workstation_client_ssh-include')).toMatchObject({
    path: '~/.ssh/config',
    block: 'buildfleet fleet',
    content: 'Include "/srv/build fleet/ssh-config"\n',
    expand_home: true,
  });
});

test('what the files hold stands in them alone, not in the plan', () => {
  const fleet = new TestFleet();
  new BuildVm(fleet.stack, 'alpha', fleet.standard);
  const plan = fleet.plan();
  expect(planned(plan, 'buildfleet_managed_file.workstation_client_fleet-file').content).toBe('${file("fleet.json")}');
  expect(planned(plan, 'buildfleet_managed_files.workstation_client_tunnel-catalog').files).toEqual({
    'haskell-build-alpha.yml': '${file("ops-bridge/tunnels/haskell-build-alpha.yml")}',
  });
});

test('the id that the hub gives reaches the deployed refs, and the rendered ones say that there is none yet', () => {
  const fleet = new TestFleet();
  const refs = planned(fleet.plan(), 'buildfleet_managed_file.workstation_client_state-hub-refs');
  expect(refs.content).toContain('id: "${buildfleet_capability.workstation_capability.id}"');
  expect(fleet.rendered('state-hub-refs.yml')).toContain('id: null');
});

test.each([
  ['stateDirectory', { stack: { stateDirectory: '/srv/${USER}' } }, '${'],
  ['stateDirectory', { stack: { stateDirectory: '/srv/a"b' } }, '\\"'],
  ['developers', { workstation: { developers: ['~/${KEYS}/id.pub'] } }, '${'],
])('a path in %s that ssh would read otherwise is refused before anything is rendered', (_, options, unspeakable) => {
  expect(new TestFleet(options).app.problems()).toEqual([
    expect.stringContaining(`ssh or its server cannot be told a path with "${unspeakable}" in it`),
  ]);
});

test('so is a home directory', () => {
  const homedir = jest.spyOn(os, 'homedir').mockReturnValue('/home/${USER}');
  expect(new TestFleet().app.problems()[0]).toContain('received "/home/${USER}/.ssh/id_build"');
  homedir.mockRestore();
});
