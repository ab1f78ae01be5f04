import { VBoxManage } from '../../../../src/drivers/virtualbox/client';
import { forgetMedia } from '../../../../src/drivers/virtualbox/removal';
import { CommandError, type Run } from '../../../../src/process/run';

const UUID = '011fd1f0-03ba-4729-814b-2df78532a590';
const LISTED = `UUID:           ${UUID}\nParent UUID:    base\nState:          created\nLocation:       /vms/alpha/disk.vdi\n`;
/** As VirtualBox says it of an id that it does not know. */
const UNKNOWN = `VBoxManage: error: The given path '${UUID}' is not fully qualified
VBoxManage: error: Details: code VBOX_E_FILE_ERROR (0x80bb0004), component MediumWrap, interface IMedium
VBoxManage: error: Context: "Refresh()" at line 70 of file VBoxManageDisk.cpp
`;

/** A fake VBoxManage that lists the disk this many times, and knows no medium. */
function listing(times: number) {
  const calls: string[] = [];
  const run: Run = (file, args) => {
    const command = args.join(' ');
    calls.push(command);
    if (command.startsWith('closemedium')) {
      return Promise.reject(new CommandError('failed', file, '', UNKNOWN, 1, undefined, false, undefined));
    }
    const isListed = command.includes('hdds') && calls.filter((one) => one.includes('hdds')).length <= times;
    return Promise.resolve({ stdout: isListed ? LISTED : '', stderr: '', exitCode: 0 });
  };
  return { client: new VBoxManage({ run, serverInterval: 1 }), calls };
}
const { signal } = new AbortController();

test('a disk that has gone since it was listed is as good as deleted', async () => {
  const { client, calls } = listing(1);
  await forgetMedia(client, '/vms/alpha', signal);
  expect(calls.filter((one) => one.startsWith('closemedium'))).toEqual([`closemedium disk ${UUID} --delete`]);
});

test('one that is still there, and can neither be deleted nor forgotten, is an error', async () => {
  await expect(forgetMedia(listing(9).client, '/vms/alpha', signal)).rejects.toThrow(/is not fully qualified/);
});
