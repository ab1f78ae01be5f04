import { cpus, totalmem } from 'node:os';
import { version as cdktf } from 'cdktf/package.json';
import { run } from '../../src/process/run';
import { TERRAFORM } from './terraform';

/** Facts about the machine that the numbers depend on, by name, in the order of the report. */
export async function describeMachine(): Promise<Record<string, string>> {
  return {
    CPU: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`,
    Memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    Node: process.versions.node,
    Terraform: await firstVersion(TERRAFORM),
    cdktf,
    QEMU: await firstVersion('qemu-system-x86_64'),
    mmdebstrap: await firstVersion('mmdebstrap'),
  };
}

async function firstVersion(program: string): Promise<string> {
  const { stdout } = await run(program, ['--version']);
  return /\d+\.\d+[.\d]*/.exec(stdout)?.[0] ?? stdout.trim();
}
