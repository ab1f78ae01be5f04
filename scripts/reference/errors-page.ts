import { exitCodeOf } from '../../src/cli/exit-codes';
import { ERROR_CODES, type ErrorCode, HELPER_CODES, HUB_ANSWERS } from '../../src/model/error-codes';

/** The page of all codes of errors, with the exit code or status that each goes with. */
export function renderErrors(): string {
  const errors = Object.entries(ERROR_CODES).map(([code, { when }]) => [
    code,
    String(exitCodeOf(code as ErrorCode)),
    when,
  ]);
  const helper = Object.entries(HELPER_CODES).map(([code, when]) => [code, when]);
  const hub = Object.entries(HUB_ANSWERS).map(([code, { status, when }]) => [code, String(status), when]);
  return `${[
    '# Error codes',
    [
      'With `--json`, a command that fails prints `{"error": {"code", "message", "problem", "place", "remedy"}}` on',
      'standard error. Codes keep their meaning from version to version. The exit code is that of a command which the',
      'error ends ([what exit codes mean](../cli.md#exit-codes)); an error of a deploy goes to Terraform, and `deploy`',
      "ends with cdktf's exit code. What `status` says of a VM is in [docs/troubleshooting.md](../troubleshooting.md).",
    ].join('\n'),
    table(['code', 'exit code', 'when'], errors),
    '## From a VM',
    [
      'For a VM to which something could not be added, `add-package --json` and `add-ghc --json` give a code of the table',
      'above, or one that the VM answered:',
    ].join('\n'),
    table(['code', 'when'], helper),
    '## From the State Hub over HTTP',
    [
      'The body of a failure is `{"error": {"code", "message"}}`. Status 507 comes with a code of the first table,',
      '`hub-full` or `hub-storage`.',
    ].join('\n'),
    table(['code', 'status', 'when'], hub),
  ].join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const marked = rows.map(([code = '', ...others]) => line([`\`${code}\``, ...others]));
  return [line(head), line(head.map(() => '---')), ...marked].join('\n');
}
