import type { Hold } from '../../../../../src/process/held';

/** What a guest does when a drain is tried. */
interface Answer {
  /** Builds that it tells of, round by round. */
  readonly rounds: readonly (readonly string[])[];
  /** The connection ends after the last round, with this on stderr. */
  readonly broken?: string;
}

/** Stands in for ssh and the drain script behind it: writes into the driver's calls when it begins and ends. */
export class FakeGuest {
  /** One for each connection; with none left there are no builds. */
  answers: Answer[] = [];
  /** Of each connection. */
  readonly commands: string[][] = [];
  /** Called after the last round of each answer. */
  onTold: () => void = () => undefined;

  constructor(private readonly calls: string[]) {}

  readonly hold: Hold = (file, args, { onLine }) => {
    this.commands.push([file, ...args]);
    this.calls.push('drain');
    const { rounds, broken } = this.answers.shift() ?? { rounds: [[]] };
    let end: (stderr: string) => void = () => undefined;
    const ended = new Promise<{ stderr: string; exitCode: number }>((resolve) => {
      end = (stderr) => {
        resolve({ stderr, exitCode: 255 });
      };
    });
    setImmediate(() => {
      for (const builds of rounds) {
        for (const build of builds) onLine(`building ${build}`);
        onLine('round');
      }
      this.onTold();
      if (broken !== undefined) end(broken);
    });
    return {
      ended,
      release: async () => {
        this.calls.push('released');
        end('');
        await ended;
      },
      letGo: () => {
        this.calls.push('let go');
        end('');
      },
    };
  };
}
