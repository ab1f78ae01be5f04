import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { doctorReportSchema, type Finding } from '../../../src/cli/doctor/finding';
import { describeWithTools } from '../../support/tools';
import { buildfleet } from '../../support/buildfleet';
import { freePort, writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';

jest.setTimeout(120_000);

describeWithTools(['terraform', 'qemu-system-x86_64', 'mmdebstrap', 'xorriso', 'sshd'], 'buildfleet doctor', () => {
  let home: string;
  let squatter: Server;

  beforeAll(async () => {
    home = temporaryDirectory();
    squatter = createServer();
    await new Promise<void>((listening) => squatter.listen(0, '127.0.0.1', listening));
  });

  afterAll(() => {
    squatter.close();
  });

  const examine = async (args: readonly string[]) => {
    const { stdout, exitCode } = await buildfleet(['doctor', '--json', ...args], { env: { HOME: home } });
    const report = doctorReportSchema.parse(JSON.parse(stdout.toString()));
    const of = (check: string): readonly Finding[] => report.findings.filter((finding) => finding.check === check);
    return { report, of, exitCode };
  };

  test('finds the tools of this machine, before the first deploy', async () => {
    const { report, of, exitCode } = await examine([]);

    expect(report.fleet).toBeNull();
    for (const check of ['node', 'terraform', 'qemu', 'mmdebstrap', 'debian keyring', 'xorriso', 'sshd'])
      expect(of(check)).toEqual([expect.objectContaining({ level: 'ok', remedy: null })]);
    expect(exitCode).toBe(report.findings.some(({ level }) => level === 'problem') ? 5 : 0);
  });

  test('finds what is wrong with a deployed fleet, and ends with 5', async () => {
    const { port } = squatter.address() as { port: number };
    const fleet = writeStandInFleet(join(home, 'state'), '/no/key', `http://127.0.0.1:${await freePort()}`, [
      { id: 'alpha', port, hostKey: 'ssh-ed25519 AAAA' },
    ]);
    mkdirSync(join(home, '.ssh'));
    writeFileSync(join(home, '.ssh/config'), 'Host *\n');

    const { report, of, exitCode } = await examine(['--fleet', fleet]);

    expect(exitCode).toBe(5);
    expect(report.fleetFile).toBe(fleet);
    expect(of('sshd')).toEqual([expect.objectContaining({ level: 'problem' })]);
    expect(of('tunnel ports')).toContainEqual(
      expect.objectContaining({ level: 'problem', found: expect.stringContaining(`pid ${process.pid}`) as string }),
    );
    expect(of('hub')).toEqual([expect.objectContaining({ level: 'problem' })]);
    expect(of('ssh config')).toEqual([expect.objectContaining({ level: 'warning' })]);
    for (const { level, remedy } of report.findings)
      if (level === 'problem' || level === 'warning') expect(remedy).toMatch(/^[^\n]{10,}[^.\n]$/);
  });

  test('shows people a table, and below it what to do', async () => {
    const { stdout } = await buildfleet(['doctor', '--fleet', join(home, 'state/fleet.json')], { env: { HOME: home } });

    expect(stdout.toString()).toMatch(/^CHECK +LEVEL +FOUND\nnode +ok +\d/);
    expect(stdout.toString()).toMatch(/\n\nhub: run `cdktf deploy \S+`, which starts it/);
  });
});
