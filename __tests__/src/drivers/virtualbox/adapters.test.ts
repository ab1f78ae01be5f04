import { chooseAdapter, mayExist } from '../../../../src/drivers/virtualbox/adapters';
import type { HostAdapter } from '../../../../src/drivers/virtualbox/output';

const adapter = (name: string, changes: Partial<HostAdapter> = {}): HostAdapter => ({
  ...{ name, isUp: true, isWireless: false, hasAddress: true, ...changes },
});
const WLAN = adapter('wlan0', { isWireless: true });
const DOWN = adapter('eth1', { isUp: false });
const open = { name: 'vm', bridgeAdapter: null };

test('the first that is up, wired before wireless, with an address before without', () => {
  expect(chooseAdapter(open, [DOWN, WLAN, adapter('tap0', { hasAddress: false }), adapter('eth0')])).toBe('eth0');
  expect(chooseAdapter(open, [DOWN, WLAN])).toBe('wlan0');
  expect(chooseAdapter(open, [adapter('eth2'), adapter('eth3')])).toBe('eth2');
});

test('the one that was asked for, in any state, and an error that names the others', () => {
  expect(chooseAdapter({ ...open, bridgeAdapter: 'eth1' }, [adapter('eth0'), DOWN])).toBe('eth1');
  expect(() => chooseAdapter({ ...open, bridgeAdapter: 'eth9' }, [adapter('eth0'), DOWN])).toThrow(
    /eth0, eth1 \(down\)/,
  );
  expect(() => chooseAdapter(open, [DOWN])).toThrow(/no network adapter of the host is up; it has: eth1 \(down\)/);
  expect(() => chooseAdapter(open, [])).toThrow(/it has: none/);
});

test('an adapter that is gone is noticed where Linux shows its adapters', () => {
  expect(mayExist('lo', '/sys/class/net')).toBe(true);
  expect(mayExist('nosuch0', '/sys/class/net')).toBe(false);
  expect(mayExist('en0: Wi-Fi', '/no/such/directory')).toBe(true);
});
