import { printableLine } from '../../../model/printable';

/** A workspace in use, as `assets/cli/drain.sh` reports it. */
export interface Build {
  readonly workspace: string;
  /** `alice@desk, pid 12` */
  readonly who: string;
}

/** Longest name that is repeated, and the most builds of a round: a guest may send any text. */
const LONGEST = 120;
const MOST = 100;

/** Takes the lines of `assets/cli/drain.sh`; calls back at the end of each round. Unknown lines are ignored. */
export function readRounds(onRound: (builds: readonly Build[]) => void): (line: string) => void {
  let builds: Build[] = [];
  return (line) => {
    const [word, workspace = '', ...who] = printableLine(line)
      .slice(0, LONGEST + 'building '.length)
      .split(' ');
    if (word === 'building' && builds.length < MOST)
      builds.push({ workspace, who: who.join(' ') || 'an unknown user' });
    if (word !== 'round') return;
    onRound(builds);
    builds = [];
  };
}

/** `alice-app-0c1d2e3f4a5b (alice@desk, pid 12); …` */
export function describeBuilds(builds: readonly Build[]): string {
  return builds.map(({ workspace, who }) => `${workspace} (${who})`).join('; ');
}
