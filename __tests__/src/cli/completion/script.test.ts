import { completionScript } from '../../../../src/cli/completion/script';
import { SHELLS } from '../../../../src/cli/completion/shells';

test.each(SHELLS)('the script for %s asks the program by its path, with any characters in it', (shell) => {
  const script = completionScript(shell, String.raw`/it's $HOME\$& "here"/buildfleet`);
  const path =
    shell === 'fish'
      ? String.raw`'/it'\''s $HOME\\$& "here"/buildfleet'`
      : String.raw`'/it'\''s $HOME\$& "here"/buildfleet'`;
  expect(script).toContain(path);
  expect(script).not.toContain('@PROGRAM@');
});
