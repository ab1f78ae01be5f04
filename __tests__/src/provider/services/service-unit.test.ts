import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { run } from '../../../../src/process/run';
import { renderServiceUnit, serviceUnitName, type ServiceUnit } from '../../../../src/provider/services/service-unit';
import { describeWithTools } from '../../../support/tools';
import { temporaryDirectory } from '../../../support/temporary-directory';

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

describeWithTools(['systemd-analyze'], 'a unit as systemd reads it', () => {
  test('is accepted with programs and arguments of any name', async () => {
    const names = fc
      .array(fc.constantFrom(...Array.from(' \'"\\\\#$%*?[](){};&|<>!~=,:@+-ä')), { minLength: 1, maxLength: 8 })
      .map((characters) => `a${characters.join('')}`);
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const directory = join(temporaryDirectory(), name);
        mkdirSync(directory);
        const program = join(directory, 'node');
        cpSync('/bin/true', program);
        const file = join(temporaryDirectory(), 'buildfleet-test.service');
        writeFileSync(file, renderServiceUnit({ ...unit, argv: [program, join(directory, 'hub.js'), name] }));
        const { stdout, stderr } = await run('systemd-analyze', ['verify', '--user', '--man=no', file], {
          env: { XDG_RUNTIME_DIR: temporaryDirectory() },
        });
        const said = `${stdout}\n${stderr}`.split('\n').filter((line) => line.includes('buildfleet-test'));
        expect(said).toEqual([]);
      }),
      { numRuns: 10, examples: [['a b'], ['100%'], ['$HOME ${X}'], ['"q" \\ \'']] },
    );
  });
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
