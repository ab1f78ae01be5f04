import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BUILD_TIME_ACCOUNT, BUILD_TIME_SUDOERS } from '../../../src/images/packer/autoinstall-schema';
import { run } from '../../../src/process/run';
import { checkAutoinstall, fillBuildKey, renderAutoinstall } from '../../../src/images/packer/autoinstall';
import { AUTOINSTALL, BUILD_KEY } from '../../src/images/packer/support/autoinstall';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';

const LIMIT = 120_000;
let directory: string;
beforeAll(() => {
  directory = temporaryDirectory('buildfleet autoinstall-');
});
describeWithTools(['cloud-init'], "the installer's user-data before cloud-init", () => {
  async function verdict(userData: string): Promise<string> {
    const file = join(directory, 'user-data');
    writeFileSync(file, userData);
    const { stdout, stderr } = await run('cloud-init', ['schema', '--config-file', file], {
      acceptExitCodes: [0, 1],
    });
    return stdout + stderr;
  }

  test(
    'it is valid, as rendered and with a key',
    async () => {
      const text = renderAutoinstall(AUTOINSTALL);
      expect(await verdict(text)).toContain('Valid');
      expect(await verdict(fillBuildKey(text, BUILD_KEY))).toContain('Valid');
    },
    LIMIT,
  );

  test(
    'what cloud-init lets pass is refused here',
    async () => {
      const misspelt = renderAutoinstall(AUTOINSTALL).replace('storage:', 'storgae:');
      expect(await verdict(misspelt)).toContain('Valid');
      expect(() => checkAutoinstall(misspelt)).toThrow(/autoinstall\.storage/);
    },
    LIMIT,
  );
});

describeWithTools(['sh', 'install'], "the installer's last command", () => {
  test(
    'lets the account become root by a file that sudo accepts',
    async () => {
      const target = join(directory, 'target');
      const sudoers = join(target, BUILD_TIME_SUDOERS);
      mkdirSync(dirname(sudoers), { recursive: true });
      const { autoinstall } = checkAutoinstall(renderAutoinstall(AUTOINSTALL));
      for (const command of autoinstall['late-commands']) {
        const [program = '', ...args] = typeof command === 'string' ? ['sh', '-c', command] : command;
        // the installed system is at /target while the installer runs
        await run(
          program,
          args.map((arg) => arg.replaceAll('/target/', `'${target}'/`)),
        );
      }
      // sudo ignores files that others may write, and visudo complains about any other mode
      expect((statSync(sudoers).mode & 0o7777).toString(8)).toBe('440');
      expect(readFileSync(sudoers, 'utf8')).toBe(`${BUILD_TIME_ACCOUNT} ALL=(ALL) NOPASSWD: ALL\n`);
    },
    LIMIT,
  );
});
