import { userInfo } from 'node:os';
import { join } from 'node:path';
import { account } from '../../../src/process/account';
import { testAsRoot } from '../../support/as-root';
import { run } from '../../../src/process/run';

const ROOT = join(__dirname, '../../..');

test('is the one of this process', () => {
  const { username, uid } = userInfo();
  expect(account()).toEqual({ username, uid });
});

testAsRoot('an id without an account is named, with what to do', async () => {
  const program = `process.setuid(54321); const { account } = require('${ROOT}/src/process/account');
    try { account(); } catch (error) { console.log(error.code + ' ' + error.message); }`;
  const { stdout } = await run('node', ['--require', './scripts/ts-node.cjs', '--eval', program], { cwd: ROOT });
  expect(stdout).toBe(
    'account-missing the user id of this process has no account (received 54321): ' +
      'run this as a user that `getent passwd 54321` knows, or give the id an account\n',
  );
});
