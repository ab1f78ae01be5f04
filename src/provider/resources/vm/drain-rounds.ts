/** A workspace in use, as `assets/cli/drain.sh` reports it. */
export interface Build {
  readonly workspace: string;
  /** `alice@desk, pid 12` */
  readonly who: string;
}

/** Longest name that is shown: a guest may send any text. */
const LONGEST = 120;

/** Takes the lines of `assets/cli/drain.sh`; calls back at the end of each round. Unknown lines are ignored. */
export function readRounds(onRound: (builds: readonly Build[]) => void): (line: string) => void {
  let builds: Build[] = [];
  return (line) => {
    const [word, workspace = '', ...who] = printable(line).split(' ');
    if (word === 'building') builds.push({ workspace, who: who.join(' ') || 'an unknown user' });
    if (word !== 'round') return;
    onRound(builds);
    builds = [];
  };
}

/** `alice-app-0c1d2e3f4a5b (alice@desk, pid 12); …` */
export function describeBuilds(builds: readonly Build[]): string {
  return builds.map(({ workspace, who }) => `${workspace} (${who})`).join('; ');
}

function printable(line: string): string {
  return line.replaceAll(/\p{C}/gu, ' ').slice(0, LONGEST + 'building '.length);
}
