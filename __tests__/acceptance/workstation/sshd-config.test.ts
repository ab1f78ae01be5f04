import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { renderSshdConfig } from '../../../src/provider/services/sshd-config';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools, findProgram } from '../../support/tools';

describeWithTools(['sshd', 'ssh-keygen'], "the private sshd's configuration as sshd reads it", () => {
  let directory: string;
  beforeAll(() => {
    directory = temporaryDirectory('buildfleet sshd 100%-');
  });
  test('every setting arrives', async () => {
    const hostKey = join(directory, 'host');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]);
    const file = join(directory, 'sshd_config');
    writeFileSync(
      file,
      renderSshdConfig({
        address: null,
        port: 12220,
        hostKey,
        authorizedKeys: join(directory, 'authorized_keys'),
        pidFile: join(directory, 'sshd.pid'),
        operator: 'alice',
        operatorIsRoot: true,
        usePam: false,
        strictModes: true,
        hasPerSourcePenalties: false,
        tunnelPorts: { first: 12221, last: 12320 },
        hubPort: 8000,
      }),
    );
    const { stdout } = await run(findProgram('sshd')!, ['-T', '-f', file]);
    const effective = stdout.split('\n');
    const ports = Array.from({ length: 100 }, (_, index) => `localhost:${12221 + index}`).join(' ');
    expect(effective).toEqual(
      expect.arrayContaining([
        'addressfamily inet',
        'listenaddress 127.0.0.1:12220',
        `hostkey ${hostKey}`,
        `authorizedkeysfile ${join(directory, 'authorized_keys').replaceAll('%', '%%')}`,
        'allowusers alice',
        'permitrootlogin without-password',
        'authenticationmethods publickey',
        'passwordauthentication no',
        'kbdinteractiveauthentication no',
        'usepam no',
        'strictmodes yes',
        'maxsessions 0',
        'forcecommand /bin/false',
        'permittty no',
        'permituserrc no',
        'permituserenvironment no',
        'x11forwarding no',
        'allowagentforwarding no',
        'allowstreamlocalforwarding no',
        'permittunnel no',
        'gatewayports no',
        `permitlisten ${ports}`,
        'permitopen localhost:8000',
        'clientaliveinterval 2',
        'clientalivecountmax 2',
        'logingracetime 15',
        'maxstartups 450:30:600',
        'persourcemaxstartups 400',
      ]),
    );
    expect(effective.filter((line) => /^(subsystem|acceptenv) /.test(line))).toEqual([]);
  });
});
