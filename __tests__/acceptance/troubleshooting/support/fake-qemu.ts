import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageFingerprint } from '../../../../src/drivers/qemu/overlay';
import { writeRecord } from '../../../../src/drivers/qemu/record';
import { QEMU_FILES, qemuArguments } from '../../../../src/drivers/qemu/arguments';
import { FakeQmpServer } from '../../../src/drivers/qemu/fake-qmp-server';

const HARDWARE = { cpus: 2, memoryMib: 2048, mac: '52:54:00:00:00:01' } as const;
/** It has no namespace. */
const OPEN = { userNetwork: 'open', relayPort: 12220 } as const;
const UUID = '00000000-0000-4000-8000-000000000001';

/** Stands in for the QEMU of one VM, as its driver finds it: a process of its argv, its control socket, its files. */
export class FakeQemu {
  private child: ChildProcess | undefined;
  private control: FakeQmpServer | undefined;
  /** What `query-status` answers. */
  status = 'running';

  constructor(
    private readonly directory: string,
    private readonly fleet: string,
    private readonly name: string,
  ) {
    mkdirSync(directory, { recursive: true });
    this.makeDisk('none', 0);
  }

  /** The VM exists, its disk made from an image that was built as many days ago. */
  makeDisk(imageHash: string, daysAgo: number): void {
    const imagePath = join(this.directory, 'image-stand-in');
    writeFileSync(imagePath, '');
    const built = Date.now() / 1000 - daysAgo * 86_400 - 60;
    utimesSync(imagePath, built, built);
    const [{ fleet, name }, network] = [this, { network: 'nat', bridgeAdapter: null, ...OPEN } as const];
    writeRecord(
      this.directory,
      { ...HARDWARE, ...network, name, uuid: UUID, fleet, imagePath, imageHash },
      imageFingerprint(imagePath) ?? '',
    );
    writeFileSync(join(this.directory, 'disk.qcow2'), '');
  }

  /** The VM is gone, as after a deletion by hand. */
  remove(): void {
    rmSync(join(this.directory, 'disk.qcow2'));
  }

  async start(): Promise<void> {
    const diskPath = join(realpathSync(this.directory), 'disk.qcow2');
    const argv = qemuArguments({
      ...HARDWARE,
      ...{ name: this.name, fleet: this.fleet, uuid: UUID, diskPath, seedPath: undefined, accelerator: 'tcg' },
      userNetwork: OPEN.userNetwork,
    });
    // A shell that reads until we are gone.
    const child = spawn('sh', ['-c', 'read _', ...argv], { stdio: ['pipe', 'ignore', 'ignore'] });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    this.child = child;
    this.control = await FakeQmpServer.listen(join(this.directory, QEMU_FILES.control), ({ execute, id }) =>
      answer(id, execute === 'query-status' ? { status: this.status } : {}),
    );
  }

  async stop(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    this.control?.close();
    rmSync(join(this.directory, QEMU_FILES.control), { force: true });
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

function answer(id: number, result: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ return: result, id })}\r\n`;
}
