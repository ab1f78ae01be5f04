import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A shell in which a line is typed up to some place, and Tab pressed there. */
export interface ShellWithTab {
  /** The last argument that `buildfleet` gets when Enter follows. A slash at the end of a directory does not count. */
  readonly complete: (typed: string) => string;
  /** Every candidate as an argument that `buildfleet` would get, sorted. */
  readonly list: (typed: string) => readonly string[];
}

export interface Place {
  readonly cwd: string;
  readonly home: string;
}

/** Prints what it is given in the shell that was completed in; the program itself is asked by its path. */
const STUB = `buildfleet() { printf '<%s>\\n' "$@"; printf 'EN%s\\n' D; }`;
const SECONDS = 20;

/**
 * bash and its readline, typed into.
 *
 * @param setup what the user's ~/.bashrc has
 */
export function bash({ cwd, home }: Place, setup: string): ShellWithTab {
  const rc = join(home, 'bashrc');
  writeFileSync(rc, `PS1=; PS2=\n${setup}\n${STUB}\n`);
  const type = (keys: string) =>
    argumentsIn(
      execFileSync('bash', ['--noprofile', '--rcfile', rc, '-i'], {
        cwd,
        env: { ...process.env, HOME: home, INPUTRC: '/dev/null', TERM: 'dumb' },
        input: `${keys}\n`,
        encoding: 'utf8',
        // It says that it has no job control, and repeats what was typed.
        stdio: ['pipe', 'pipe', 'ignore'],
        timeout: SECONDS * 1000,
        killSignal: 'SIGKILL',
      }),
    );
  return {
    complete: (typed) => lastOf(type(`${typed}\t`)),
    // readline's insert-completions
    list: (typed) => type(`${typed}\u001b*`).slice(wordsBefore(typed)).sort(),
  };
}

/**
 * zsh and its line editor on a pseudo terminal.
 *
 * @param setup what the user's ~/.zshrc has
 */
export function zsh({ cwd, home }: Place, setup: string): ShellWithTab {
  const rc = join(home, 'rc.zsh');
  const insertAll = [
    `zstyle ':completion:all:*' insert yes`,
    `zstyle ':completion:all::::' completer _all_matches _complete`,
    `zle -C all complete-word _generic`,
    `bindkey '^T' all`,
  ];
  writeFileSync(rc, [setup, STUB, ...insertAll, `printf 'RE%s\\n' ADY`].join('\n'));
  const type = (keys: string) =>
    argumentsIn(
      execFileSync('zsh', ['-f', join(__dirname, 'type-into-zsh.zsh'), rc, keys], {
        cwd,
        env: { ...process.env, HOME: home, TERM: 'dumb' },
        encoding: 'utf8',
        timeout: SECONDS * 1000,
        killSignal: 'SIGKILL',
      }),
    );
  return {
    complete: (typed) => lastOf(type(`${typed}\t`)),
    list: (typed) => type(`${typed}\u0014`).slice(wordsBefore(typed)).sort(),
  };
}

/** fish, which tells what it would put in the place of the last word, quoted. */
export function fish({ cwd, home }: Place, setup: string): ShellWithTab {
  const list = (typed: string) =>
    execFileSync(
      'fish',
      [
        '--no-config',
        '-c',
        `${setup}
        for found in (complete --do-complete --escape -C"$argv[1]")
          eval printf "'%s\\n'" (string split -m1 \\t -- $found)[1]
        end`,
        '--',
        typed,
      ],
      { cwd, env: { ...process.env, HOME: home }, encoding: 'utf8', timeout: SECONDS * 1000, killSignal: 'SIGKILL' },
    )
      .split('\n')
      .slice(0, -1)
      .sort();
  return {
    complete: (typed) => {
      const found = list(typed);
      expect(found).toHaveLength(1);
      return lastOf(found);
    },
    list,
  };
}

function argumentsIn(output: string): string[] {
  return [...output.replaceAll('\r', '').matchAll(/^<(.*)>$/gm)].map(([, argument = '']) => argument);
}

function lastOf(words: readonly string[]): string {
  return (words.at(-1) ?? '').replace(/(?<=.)\/$/, '');
}

/** Arguments before the one that is completed; only for lines without quotes. */
function wordsBefore(typed: string): number {
  return typed.split(' ').length - 2;
}
