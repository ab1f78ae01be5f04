import { chmodSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { removeAbandonedWrites } from '../../files/atomic';
import { withFileAdvice } from '../../files/file-errors';
import { FleetError, isFleetError } from '../../model/errors';
import { identityShape } from '../../model/resources/identity';
import type { State } from '../../model/resource-shape';
import { run as runCommand, type Run } from '../../process/run';
import type { Resource, ResourceContext } from '../plugin/resource';
import { removeEmptyDirectory } from '../../files/directories';
import { ensureKeyPairs, inspectKeyPair, keyComment, removeAbandonedKeys, removeKeyPair } from '../services/key-pairs';
import { fleetPaths } from './fleet-paths';
import type { ProviderSettings } from './settings';

type IdentityState = State<typeof identityShape>;

/** The handler of `buildfleet_identity`: two key pairs in a directory of their own. */
export function identityResource(settings: ProviderSettings, run: Run = runCommand): Resource<typeof identityShape> {
  const paths = fleetPaths(settings);

  const ensure = (vmName: string, { signal, progress }: ResourceContext): Promise<IdentityState> => {
    const { directory, tunnelKey, hostKey } = paths.identity(vmName);
    return withFileAdvice(directory, async () => {
      const names = [tunnelKey, hostKey].map((path) => ({ file: basename(path), comment: keyComment(vmName, path) }));
      progress.step('making key pairs');
      await ensureKeyPairs(run, directory, names, signal);
      chmodSync(directory, 0o700);
      return observe(vmName, inspectKeyPair) ?? missing(vmName, directory);
    });
  };

  /** Null if there is neither private key; one alone has to be completed, or removed. */
  const observe = (vmName: string, inspect: typeof inspectKeyPair): IdentityState | null => {
    const { tunnelKey, hostKey } = paths.identity(vmName);
    const [tunnel, host] = [inspect(tunnelKey), inspect(hostKey)];
    if (tunnel === null && host === null) return null;
    const files = [tunnel?.files ?? 'incomplete', host?.files ?? 'incomplete'] as const;
    return {
      vmName,
      files: files.find((state) => state !== 'intact') ?? 'intact',
      tunnelPublicKey: tunnel?.publicKey ?? '',
      tunnelFingerprint: tunnel?.fingerprint ?? '',
      hostPublicKey: host?.publicKey ?? '',
      hostFingerprint: host?.fingerprint ?? '',
    };
  };

  return {
    shape: identityShape,
    create: (planned, context) => ensure(planned.vmName, context),
    update: (prior, _planned, context) => ensure(prior.vmName, context),
    read: (state, context) =>
      Promise.resolve(
        observe(state.vmName, (path) => {
          try {
            return inspectKeyPair(path);
          } catch (error) {
            if (!isFleetError(error)) throw error;
            // The plan must still show everything else; the update reports the remedy again.
            context.warn(`a key of ${state.vmName} cannot be read`, error.message);
            return { publicKey: '', fingerprint: '', files: 'incomplete' };
          }
        }),
      ),
    plan: (prior) => ({
      unknown: [
        ...(prior.tunnelPublicKey === '' ? (['tunnelPublicKey', 'tunnelFingerprint'] as const) : []),
        ...(prior.hostPublicKey === '' ? (['hostPublicKey', 'hostFingerprint'] as const) : []),
      ],
    }),
    delete: async (state) => {
      const { directory, tunnelKey, hostKey } = paths.identity(state.vmName);
      await withFileAdvice(directory, () => {
        removeAbandonedKeys(directory);
        removeAbandonedWrites(directory);
        removeAbandonedKeys(dirname(directory));
        for (const key of [tunnelKey, hostKey]) removeKeyPair(key);
        // Files of others stay, and keep their directory.
        for (const path of [directory, dirname(directory), paths.stateDirectory]) removeEmptyDirectory(path);
      });
    },
    import: (id) => {
      const { directory } = paths.identity(id);
      return withFileAdvice(directory, () => observe(id, inspectKeyPair) ?? missing(id, directory));
    },
  };
}

function missing(vmName: string, directory: string): never {
  throw new FleetError({
    code: 'identity-missing',
    problem: `there are no keys of a VM of this name`,
    place: directory,
    value: vmName,
    remedy: 'give the name of a VM whose key pairs lie below identities/ in the state directory',
  });
}
