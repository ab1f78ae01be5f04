import { BuildVm } from '../../constructs/build-vm';
import { type LocalVmHostProps, VmHost } from '../../constructs/vm-host';
import { Duration } from '../../src/model/duration';
import { Size } from '../../src/model/size';
import { TestFleet, planned } from '../support/test-fleet';

test('a VM is wired to its keys, its image and the workstation by references', () => {
  const fleet = new TestFleet();
  new BuildVm(fleet.stack, 'alpha', {
    ...fleet.standard,
    memory: Size.mebibytes(3072),
    heartbeat: Duration.seconds(5),
    drainTimeout: Duration.minutes(2),
  });
  const plan = fleet.plan();
  expect(planned(plan, 'buildfleet_vm.alpha')).toMatchObject({
    name: 'haskell-build-alpha',
    hypervisor: 'qemu',
    image_path: '${buildfleet_image.haskell.artifact_path}',
    image_hash: fleet.image.definitionHash,
    identity: {
      host_fingerprint: '${buildfleet_identity.alpha_identity.host_fingerprint}',
      tunnel_fingerprint: '${buildfleet_identity.alpha_identity.tunnel_fingerprint}',
    },
    cpus: 2,
    memory_mib: 3072,
    tunnel_port: 12221,
    relay: {
      host: '10.0.2.2',
      port: 12220,
      user: '${buildfleet_workstation.workstation.tunnel_account}',
      host_public_key: '${buildfleet_workstation.workstation.sshd_host_public_key}',
    },
    hub: { url: 'http://127.0.0.1:8000', port: 8000, domain: 'railiance', capability_type: 'haskell-build-agent' },
    developer_public_keys: '${buildfleet_workstation.workstation.developer_public_keys}',
    heartbeat_seconds: 5,
    ready_timeout_seconds: 600,
    drain_timeout_seconds: 120,
    developer_key: '~/.ssh/id_build',
  });
});

test('builds have ten minutes to end, or no time at all, and never less than that', () => {
  const planOf = (props: { readonly drainTimeout?: Duration }) => {
    const fleet = new TestFleet();
    new BuildVm(fleet.stack, 'alpha', { ...fleet.standard, ...props });
    return planned(fleet.plan(), 'buildfleet_vm.alpha');
  };
  expect(planOf({})).toMatchObject({ drain_timeout_seconds: 600 });
  expect(planOf({ drainTimeout: Duration.seconds(0) })).toMatchObject({ drain_timeout_seconds: 0 });
  expect(() => planOf({ drainTimeout: Duration.seconds(-1) })).toThrow('must be whole seconds, 0 or more');
});

test('what a VM reaches of its host is planned where the host says it, and only where the hypervisor can tell', () => {
  const planOf = (props: Partial<LocalVmHostProps>) => {
    const fleet = new TestFleet();
    const capacity = { cpus: 4, memory: Size.gibibytes(8) };
    const host = VmHost.local(fleet.stack, 'other', { capacity, ...props });
    new BuildVm(fleet.stack, 'alpha', { ...fleet.standard, host });
    return planned(fleet.plan(), 'buildfleet_vm.alpha');
  };
  expect(planOf({})).not.toHaveProperty('user_network');
  expect(planOf({ userNetwork: 'open' })).toMatchObject({ user_network: 'open' });
  expect(() => planOf({ hypervisor: 'virtualbox', network: 'nat', userNetwork: 'isolated' })).toThrow(
    'virtualbox cannot tell what VMs on network nat reach of this machine (received "isolated"): leave userNetwork out',
  );
});

test('a VM is made after what it dials into and what pins it, and destroyed before', () => {
  const fleet = new TestFleet();
  new BuildVm(fleet.stack, 'alpha', fleet.standard);
  const plan = fleet.plan();
  expect(planned(plan, 'buildfleet_vm.alpha').depends_on).toEqual([
    'buildfleet_managed_file.workstation_tunnel-keys',
    'buildfleet_managed_file.workstation_client_known-hosts',
  ]);
  expect(planned(plan, 'buildfleet_managed_file.workstation_tunnel-keys').depends_on).toEqual([
    'buildfleet_workstation.workstation',
  ]);
});

test('a further VM changes nothing of the ones there are', () => {
  const ofAlpha = (others: readonly string[]): unknown => {
    const fleet = new TestFleet();
    for (const id of ['alpha', ...others]) new BuildVm(fleet.stack, id, fleet.standard);
    const plan = fleet.plan();
    return Object.values(plan.resource).flatMap((type) =>
      Object.entries(type).filter(([address]) => address.startsWith('alpha')),
    );
  };
  expect(ofAlpha(['beta', 'gamma'])).toEqual(ofAlpha([]));
});

test('the MAC address follows from the names, and differs between VMs', () => {
  const macs = (): string[] => {
    const fleet = new TestFleet();
    return ['alpha', 'beta'].map((id) => new BuildVm(fleet.stack, id, fleet.standard).mac);
  };
  expect(macs()).toEqual(macs());
  expect(new Set(macs()).size).toBe(2);
  for (const mac of macs()) expect(mac).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
});

test('the first VM is the default one unless another says so', () => {
  const hostLine = (defaults: readonly boolean[]): string => {
    const fleet = new TestFleet();
    defaults.forEach(
      (isDefault, index) => new BuildVm(fleet.stack, `vm${index}`, { ...fleet.standard, default: isDefault }),
    );
    fleet.plan();
    return /^Host .* haskell-build$/m.exec(fleet.rendered('ssh-config'))![0];
  };
  expect(hostLine([false, false])).toBe('Host haskell-build-vm0 vm0 haskell-build');
  expect(hostLine([false, true])).toBe('Host haskell-build-vm1 vm1 haskell-build');
});

test('the smoke test runs the synthesized script with the VM as argument, and again when the VM changes', () => {
  const fleet = new TestFleet();
  new BuildVm(fleet.stack, 'alpha', fleet.standard);
  new BuildVm(fleet.stack, 'beta', { ...fleet.standard, smokeTest: false });
  const plan = fleet.plan();
  expect(Object.keys(plan.resource['null_resource'] ?? {})).toEqual(['alpha_smoke']);
  const test = planned(plan, 'null_resource.alpha_smoke');
  expect(test.provisioner).toEqual([
    { 'local-exec': { command: 'haskell-build-alpha', interpreter: ['bash', './smoke-test.sh'] } },
  ]);
  expect(test.triggers).toEqual({
    vm: '${buildfleet_vm.alpha.id}',
    image: '${buildfleet_vm.alpha.image_hash}',
    cpus: '${buildfleet_vm.alpha.cpus}',
    memory_mib: '${buildfleet_vm.alpha.memory_mib}',
    tunnel_port: '${buildfleet_vm.alpha.tunnel_port}',
  });
  expect(test.depends_on).toEqual(['buildfleet_managed_file.workstation_client_ssh-config']);
});
