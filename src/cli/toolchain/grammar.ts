import { FleetError } from '../../model/errors';

/**
 * Names that the VM's helper takes (assets/haskell/files/build-helper.py has the reasons). It checks them again; here
 * a slip costs no connection.
 */
const PACKAGE = /^[a-z0-9](?:[a-z0-9+.-]{0,126}[a-z0-9]|[a-z0-9+.-]{0,125}\+\+)$/;
const PACKAGE_GRAMMAR =
  'name packages as Debian does: at least two of a-z, 0-9, +, - and ., from a letter or digit to one or to ++; no version, architecture, path or pattern';

const VERSION = /^[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}$/;

const MOST_PACKAGES = 100;

/** @throws FleetError `usage`, naming the first that is no name of a package */
export function checkPackageNames(names: readonly string[]): readonly string[] {
  const wrong = names.find((name) => !PACKAGE.test(name));
  if (wrong !== undefined) throw usage('this is not the name of a package', wrong, PACKAGE_GRAMMAR);
  const unique = [...new Set(names)];
  if (unique.length > MOST_PACKAGES) {
    throw usage('too many packages were named', String(unique.length), `name at most ${MOST_PACKAGES} at once`);
  }
  return unique;
}

/** @throws FleetError `usage` */
export function checkGhcVersion(version: string): string {
  if (VERSION.test(version)) return version;
  throw usage('this is not a version of GHC', version, 'give two to four numbers with dots between them: 9.10.1');
}

function usage(problem: string, value: string, remedy: string): FleetError {
  return new FleetError({ code: 'usage', problem, value, remedy });
}
