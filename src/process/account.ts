import { userInfo } from 'node:os';
import { FleetError } from '../model/errors';

/** The account that this process runs as. */
export interface Account {
  readonly username: string;
  readonly uid: number;
}

/**
 * Finds it by its id.
 *
 * @throws FleetError `account-missing`: neither ssh nor sshd works for such an id
 */
export function account(): Account {
  try {
    const { username, uid } = userInfo();
    return { username, uid };
  } catch (cause) {
    const uid = process.getuid?.() ?? -1;
    throw new FleetError({
      code: 'account-missing',
      problem: 'the user id of this process has no account',
      value: uid,
      remedy: `run this as a user that \`getent passwd ${uid}\` knows, or give the id an account`,
      cause,
    });
  }
}
