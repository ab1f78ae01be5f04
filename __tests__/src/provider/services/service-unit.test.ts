import { renderServiceUnit, serviceUnitName, type ServiceUnit } from '../../../../src/provider/services/service-unit';

const unit: ServiceUnit = {
  description: 'hub of the fleet fleet',
  argv: ['/usr/bin/node', '/home/alice/hub.js', '--port', '8000'],
  directories: [],
  address: null,
  revision: 'abc',
};

test('a whole unit', () => {
  expect(renderServiceUnit({ ...unit, directories: ['/run/sshd'], address: '192.168.1.10' })).toMatchInlineSnapshot(`
   "[Unit]
   Description=hub of the fleet fleet
   StartLimitIntervalSec=0

   [Service]
   Type=exec
   ExecStartPre="grep" "-qwF" "--" "192.168.1.10" "/proc/net/fib_trie"
   ExecStartPre="mkdir" "-p" "-m" "0755" "--" "/run/sshd"
   ExecStart="/usr/bin/node" "/home/alice/hub.js" "--port" "8000"
   WorkingDirectory=/
   Environment=LC_ALL=C
   UnsetEnvironment=NODE_OPTIONS NODE_PATH
   Restart=always
   RestartSec=1
   KillMode=process
   TimeoutStopSec=5

   [Install]
   WantedBy=default.target

   [X-Buildfleet]
   Revision=abc
   "
  `);
});

test('what systemd would read otherwise is escaped', () => {
  const text = renderServiceUnit({ ...unit, argv: ['/opt/a b/node', 'a "b"', 'c\\d', '100%', '$HOME'] });
  expect(text).toContain(String.raw`ExecStart="/opt/a b/node" "a \"b\"" "c\\d" "100%%" "$$HOME"` + '\n');
});

test('a line break is refused', () => {
  expect(() => renderServiceUnit({ ...unit, argv: ['/usr/bin/node', 'a\nExecStart=b'] })).toThrow(
    expect.objectContaining({ code: 'unit-text' }) as Error,
  );
});

test('another revision is another text, and nothing else may differ', () => {
  const [one, other] = ['abc', 'abd'].map((revision) => renderServiceUnit({ ...unit, revision }).split('\n'));
  expect(other!.filter((line, index) => line !== one![index])).toEqual(['Revision=abd']);
});

test('the name of a unit', () => {
  expect(serviceUnitName('buildfleet-fleet', 'sshd')).toBe('buildfleet-fleet-sshd.service');
});
