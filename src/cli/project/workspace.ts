import { createHash } from 'node:crypto';
import { FleetError } from '../../model/errors';

/** Where all workspaces of a build machine are. */
export const BUILD_ROOT = '/build';

/** Owner of a workspace: several users share a machine, and the account on it. */
export interface Owner {
  readonly user: string;
  /** Name of the workstation. */
  readonly host: string;
}

const NAME = /^[a-z0-9][a-z0-9-]*-[0-9a-f]{12}$/;

/**
 * Name of the directory on a build machine that holds a project: `dev-myapp-0c1d2e3f4a5b`, readable by its first
 * parts and told apart from all others by the last one, which stands for the user, the workstation and the whole path.
 *
 * @param root absolute path of the project, without symbolic links
 */
export function workspaceName(owner: Owner, root: string): string {
  const identity = [owner.host, owner.user, root].join('\0');
  const digest = createHash('sha256').update(identity).digest('hex').slice(0, 12);
  const project = root.slice(root.lastIndexOf('/') + 1);
  return [readable(owner.user, 'user'), readable(project, 'project'), digest].join('-');
}

/**
 * Absolute path of a workspace on its machine.
 *
 * @throws FleetError `workspace-refused` for any other name: files there are deleted as the project changes
 */
export function workspacePath(name: string): string {
  if (!isWorkspaceName(name)) {
    throw new FleetError({
      code: 'workspace-refused',
      problem: `this names no directory of ours in ${BUILD_ROOT}`,
      value: name,
      remedy: 'report this: it is a defect of buildfleet',
    });
  }
  return `${BUILD_ROOT}/${name}`;
}

/** Where a machine keeps what belongs to a workspace and is not in it: the paths of those files begin with this. */
export function booksPath(name: string): string {
  return workspacePath(name).replace(BUILD_ROOT, `${BUILD_ROOT}/.buildfleet`);
}

/** Whether {@link workspaceName} may have given a name. */
export function isWorkspaceName(name: string): boolean {
  return NAME.test(name) && name.length <= 100;
}

function readable(text: string, otherwise: string): string {
  const plain = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 24)
    .replace(/^-+|-+$/g, '');
  return plain === '' ? otherwise : plain;
}
