import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import type { VmSpec } from '../../../src/drivers/driver';
import { QemuDriver } from '../../../src/drivers/qemu/driver';
import { writeSeedIso } from '../../../src/drivers/seed-iso';
import { freshMetaData, vmSeed } from '../../../src/provider/resources/vm/seed';
import { identityResource } from '../../../src/provider/resources/identity';
import { withFleet } from '../bench-fleet';
import type { Benchmark } from '../figure';

const NAME = 'haskell-build-more';

const NO_KEYS_YET = {
  ...{ tunnelPublicKey: undefined, tunnelFingerprint: undefined },
  ...{ hostPublicKey: undefined, hostFingerprint: undefined },
};

const SILENT = { step: () => undefined, amount: () => undefined };

/** Disk space of one more VM before it starts: all files that the provider makes for it, by the provider's own code. */
export const disk: Benchmark = (context) =>
  withFleet(context, async (fleet) => {
    context.progress('making one VM that does not start');
    const { signal } = context;
    const { paths } = fleet.project;
    await fleet.synth();
    await fleet.terraform.init();
    const imagePath = await fleet.image();
    const before = allocatedBytes(paths.stateDirectory);

    const settings = { fleet: 'fleet', stateDirectory: paths.stateDirectory, cacheDirectory: fleet.cacheDirectory };
    const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined };
    const identity = await identityResource(settings).create(
      { ...NO_KEYS_YET, vmName: NAME, files: 'intact' },
      { signal, log: silent, progress: SILENT, warn: () => undefined, keep: () => undefined },
    );
    const spec: VmSpec = {
      ...{ name: NAME, uuid: 'd2a0f6a4-8d0f-5c3e-9b1a-3f6d2c1b0a99', fleet: 'fleet', imagePath, imageHash: 'bench' },
      ...{ cpus: 2, memoryMib: 2048, mac: '52:54:00:00:00:01', network: 'nat', bridgeAdapter: null },
      ...{ userNetwork: 'isolated', relayPort: 12220, isWarm: false },
    };
    const driver = new QemuDriver({ paths, run, accelerator: () => Promise.resolve('tcg') });
    await driver.create(spec, signal);
    const seed = vmSeed(paths, {
      ...{
        ...spec,
        id: spec.uuid,
        hypervisor: 'qemu',
        warmStart: null,
        identity,
        tunnelPort: 14221,
        readyTimeoutSeconds: 600,
        drainTimeoutSeconds: 600,
        developerKey: null,
        heartbeatSeconds: 30,
      },
      relay: { host: '10.0.2.2', port: 14220, user: 'operator', hostPublicKey: identity.hostPublicKey },
      hub: { url: 'http://127.0.0.1:14200', port: 14200, domain: 'railiance', capabilityType: 'haskell-build-agent' },
      ...{ developerPublicKeys: [identity.hostPublicKey], powerState: 'running', seed: 'removed', problem: '' },
    });
    const path = join(paths.vm(NAME), 'seed.new.iso');
    await writeSeedIso({ ...freshMetaData(NAME, seed.digest), userData: seed.userData, path, run, signal });
    await driver.attachSeed(spec, path, signal);

    const mebibytes = (allocatedBytes(paths.stateDirectory) - before) / 2 ** 20;
    return {
      figures: [{ what: 'disk of one more VM before it runs', value: mebibytes, unit: 'MiB', limit: { plus: 5 } }],
    };
  });

/** Blocks that the file system gave to the directory and everything below it. */
function allocatedBytes(path: string): number {
  const seen = lstatSync(path, { throwIfNoEntry: false });
  if (seen === undefined) return 0;
  const below = seen.isDirectory() ? readdirSync(path).map((name) => allocatedBytes(join(path, name))) : [];
  return below.reduce((sum, bytes) => sum + bytes, seen.blocks * 512);
}
