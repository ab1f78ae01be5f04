import { ok, type Observation, problem } from '../../../model/finding';
import { loginObstacles } from '../../../ssh/loopback-login';
import type { Machine } from '../machine';

/** VMs can log in at 127.0.0.1, as the account that deploys. */
export async function checkLogin({ login }: Machine): Promise<Observation[]> {
  const obstacles = await loginObstacles(login);
  if (obstacles.length === 0) return [ok(`as ${login.account.username} at localhost`)];
  return obstacles.map(({ place, problem: what, remedy }) =>
    problem(place === undefined ? what : `${place}: ${what}`, remedy),
  );
}
