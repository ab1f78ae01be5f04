import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, run, type Run } from '../../../../src/process/run';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { VBoxManage } from '../../../../src/drivers/virtualbox/client';

const UNHEARD = `VBoxManage: error: Failed to create the VirtualBox object!
VBoxManage: error: Code NS_ERROR_FAILURE (0x80004005) - Operation failed (extended info not available)
VBoxManage: error: Most likely, the VirtualBox COM server is not running or failed to start.
`;

const REFUSED = `VBoxManage: error: Invalid machine name
VBoxManage: error: Details: code NS_ERROR_FAILURE (0x80004005), component MachineWrap, interface IMachine
VBoxManage: error: Context: "CreateMachine(...)" at line 339 of file VBoxManageMisc.cpp
`;

/** As when VBoxSVC was killed in the middle. */
const BROKEN_OFF = `VBoxManage: error: Code NS_ERROR_FAILURE (0x80004005) - Operation failed (extended info not available)
VBoxManage: error: Context: "RTEXITCODE handleImportAppliance(HandlerArg*)" at line 1480 of file VBoxManageAppliance.cpp
`;

/** A VBoxManage of a fake program that fails with these words one after the other, and then succeeds. */
function failingWith(...complaints: readonly string[]) {
  const calls: string[] = [];
  const run: Run = (file, args) => {
    const stderr = complaints[calls.length];
    calls.push(args.join(' '));
    if (stderr === undefined) return Promise.resolve({ stdout: 'done\n', stderr: '', exitCode: 0 });
    return Promise.reject(new CommandError('command failed', file, '', stderr, 1, undefined, false, undefined));
  };
  return { client: new VBoxManage({ run, serverInterval: 1 }), calls };
}

test('a command that did not get to VBoxSVC is repeated', async () => {
  const { client, calls } = failingWith(UNHEARD, UNHEARD);
  expect(await client.run(['createvm', '--name', 'alpha'])).toBe('done\n');
  expect(calls).toEqual(Array.from({ length: 3 }, () => 'createvm --name alpha'));
});

test('a list is, too', async () => {
  const { client, calls } = failingWith(UNHEARD);
  expect(await client.list(['list', 'vms'])).toBe('done\n');
  expect(calls).toEqual(['list vms', 'list vms']);
});

test('in the end it is an error with its words', async () => {
  const { client, calls } = failingWith(...Array.from({ length: 9 }, () => UNHEARD));
  await expect(client.run(['createvm'])).rejects.toThrow(/COM server is not running or failed to start/);
  expect(calls).toHaveLength(5);
});

test('what VBoxSVC has refused is not repeated', async () => {
  const { client, calls } = failingWith(REFUSED);
  await expect(client.run(['createvm'])).rejects.toThrow('Invalid machine name');
  expect(calls).toHaveLength(1);
});

test('nor is what broke off in the middle', async () => {
  const { client, calls } = failingWith(BROKEN_OFF);
  await expect(client.run(['import'])).rejects.toThrow('NS_ERROR_FAILURE');
  expect(calls).toHaveLength(1);
});

describe('a VBoxManage that crashes', () => {
  /** A fake program that breaks down at its first calls, and then succeeds. */
  function crashing(times: number) {
    const directory = temporaryDirectory();
    const [program, calls] = [join(directory, 'fake-VBoxManage'), join(directory, 'calls')];
    writeFileSync(
      program,
      `#!/bin/sh\necho "$*" >>'${calls}'\n[ "$(wc -l <'${calls}')" -gt ${times} ] || kill -SEGV $$\necho done\n`,
    );
    chmodSync(program, 0o700);
    const client = new VBoxManage({ run, program });
    return { client, calls: () => readFileSync(calls, 'utf8').trimEnd().split('\n') };
  }
  const { signal } = new AbortController();

  test('is asked again for a list, and for a change of a machine', async () => {
    const listing = crashing(1);
    expect(await listing.client.list(['list', 'vms'])).toBe('done\n');
    expect(listing.calls()).toHaveLength(2);
    const changing = crashing(2);
    expect(await changing.client.change(['modifyvm', 'alpha'], signal)).toBe('done\n');
    expect(changing.calls()).toEqual(Array.from({ length: 3 }, () => 'modifyvm alpha'));
  });

  test('is not asked for ever', async () => {
    const { client, calls } = crashing(9);
    await expect(client.change(['modifyvm', 'alpha'], signal)).rejects.toThrow(/ended by SIGSEGV/);
    expect(calls()).toHaveLength(3);
  });

  test('is not asked twice to make a thing, which may be there by now', async () => {
    const { client, calls } = crashing(1);
    await expect(client.run(['createvm'])).rejects.toThrow(/ended by SIGSEGV/);
    expect(calls()).toHaveLength(1);
  });
});
