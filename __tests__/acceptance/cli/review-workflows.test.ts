import { appendFileSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools, findProgram } from '../../support/tools';

const ROOT = resolve(__dirname, '../../..');
const GITHUB = join(ROOT, 'docs/ci/github-review.yml');
const GITLAB = join(ROOT, 'docs/ci/gitlab-review.yml');
const LIMIT = 120_000;

interface GithubWorkflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: { readonly review: { readonly steps: readonly { readonly name?: string; readonly run?: string }[] } };
}
const github = parse(readFileSync(GITHUB, 'utf8')) as GithubWorkflow;
const gitlab = (parse(readFileSync(GITLAB, 'utf8')) as { 'fleet review': { script: readonly string[] } })[
  'fleet review'
];

const actionlint = process.env['ACTIONLINT'] ?? findProgram('actionlint');
const testWithLinter = actionlint === null ? test.skip : test;

testWithLinter(
  `actionlint has nothing against the workflow${actionlint === null ? ' (skipped: neither ACTIONLINT nor the path names actionlint)' : ''}`,
  async () => {
    const { stdout } = await run(actionlint ?? '', [GITHUB]);
    expect(stdout).toBe('');
  },
);

test('the workflow may comment and nothing else', () => {
  expect(github.permissions).toEqual({ contents: 'read', 'pull-requests': 'write' });
});

/** The commands of both, apart from what installs and what needs the service. */
const scripts = {
  github: (name: string) => github.jobs.review.steps.find((step) => step.name === name)?.run ?? '',
  gitlab: (pattern: RegExp) => gitlab.script.filter((line) => pattern.test(line)).join('\n'),
};

describeWithTools(['git', 'bash', 'node'], 'the commands of the workflows, in a clone', () => {
  let clone: string;
  const bash = (script: string, env: Readonly<Record<string, string>> = {}) =>
    run('env', ['--unset=TF_CLI_CONFIG_FILE', 'bash', '-e', '-o', 'pipefail', '-c', script], {
      cwd: clone,
      env,
      acceptExitCodes: [0, 1],
    });
  const commitAll = () => bash('git -c user.name=test -c user.email=test@example.org commit -qam change');

  beforeAll(async () => {
    clone = join(temporaryDirectory('buildfleet clone-'), 'buildfleet');
    await run('git', ['clone', '-q', ROOT, clone]);
    symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  }, LIMIT);

  test(
    'rendered/ as main.ts renders it passes, and the comment says what a change does',
    async () => {
      await bash('sed -i "s/cpus: 2/cpus: 3/" main.ts && node --require ./scripts/ts-node.cjs main.ts');
      await commitAll();
      const stale = await bash(scripts.github('rendered/ is what main.ts renders'));
      expect([stale.exitCode, stale.stdout]).toEqual([0, '']);
      const { stdout: base } = await bash('git rev-parse HEAD~1');
      const summary = join(clone, '../summary');
      await bash(scripts.github('what the change does'), { BASE: base.trim(), GITHUB_STEP_SUMMARY: summary });
      expect(readFileSync(summary, 'utf8')).toMatch(/^\*\*.+\*\*\n/);
      await bash(scripts.gitlab(/buildfleet review/), { CI_MERGE_REQUEST_DIFF_BASE_SHA: base.trim() });
      expect(readFileSync(join(clone, 'review.md'), 'utf8')).toBe(readFileSync(summary, 'utf8'));
    },
    LIMIT,
  );

  test(
    'a stale rendered/ is refused by both',
    async () => {
      appendFileSync(join(clone, 'rendered/fleet/ssh-config'), '# edited by hand\n');
      await commitAll();
      for (const script of [
        scripts.github('rendered/ is what main.ts renders'),
        scripts.gitlab(/ts-node|git (add|diff)/),
      ]) {
        const refused = await bash(script);
        expect([refused.exitCode, refused.stdout]).toEqual([1, expect.stringContaining('-# edited by hand')]);
        await bash('git checkout -q -- rendered');
      }
    },
    LIMIT,
  );
});
