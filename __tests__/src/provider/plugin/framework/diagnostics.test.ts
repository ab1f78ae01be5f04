import fc from 'fast-check';
import { FleetError } from '../../../../../src/model/errors';
import { errorDiagnostic, warning } from '../../../../../src/provider/plugin/framework/diagnostics';

test('a diagnostic never steers the terminal that Terraform writes it to', () => {
  const said = fc.string({
    unit: fc.constantFrom('\u001b', '\u009b', '\u009d', ']', '[', '2', 'J', 'm', '\u0007', '\r', 'a'),
  });
  fc.assert(
    fc.property(said, fc.boolean(), (text, cancelled) => {
      const errors = [
        new FleetError({ code: 'vm-not-ready', problem: text, place: text, value: text, remedy: text, cause: text }),
        new Error(text),
      ];
      const told = [...errors.map((error) => errorDiagnostic(error, 'creating a VM', cancelled)), warning(text, text)];
      for (const { summary, detail } of told) expect(summary + detail).not.toMatch(/[^\P{Cc}\n\t]/u);
    }),
  );
});
