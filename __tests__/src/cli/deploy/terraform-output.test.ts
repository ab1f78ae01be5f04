import fc from 'fast-check';
import { programOutput, TerraformOutput } from '../../../../src/cli/deploy/terraform-output';

/** As cdktf 0.21 prints it where its output is no terminal. */
const DEPLOY = [
  '',
  '\u001b[33m⠋  Synthesizing\u001b[39m',
  '\u001b[2K\u001b[1A\u001b[2K\u001b[1A\u001b[2K\u001b[G',
  '0 Stacks deploying     0 Stacks done     1 Stack waiting',
  '\u001b[2K\u001b[1A\u001b[2K\u001b[Gfleet  Initializing the backend...',
  '       Terraform has been successfully initialized!',
  '1 Stack deploying     0 Stacks done     0 Stacks waiting',
  '\u001b[2K\u001b[Gfleet  # buildfleet_vm.alpha will be created',
  '       Plan: 1 to add, 2 to change, 3 to destroy.',
  'fleet  buildfleet_vm.alpha (alpha/Resource): Creating...',
  'fleet  null_resource.alpha_smoke (alpha/smoke/Resource) (local-exec): Executing: ["/bin/sh" "-c" "x"]',
  '       null_resource.alpha_smoke (alpha/smoke/Resource) (local-exec): haskell-build-alpha  tunnel  ok',
].join('\n');

const FRAMED = [
  'fleet  ╷',
  '       │ Error: haskell-build-alpha: the VM was not ready within 600 s',
  '       │ ',
  '       │   with buildfleet_vm.alpha (alpha/Resource),',
  '       ╵',
  'fleet  ╷',
  '       │ Warning: it is late',
  '       ╵',
  'fleet  ╷',
  '       │ Error: a second one',
  '       ╵',
  'Invoking Terraform CLI failed with exit code 1',
  '',
].join('\n');

function read(text: string): TerraformOutput {
  const output = new TerraformOutput('fleet');
  output.take(text);
  output.end();
  return output;
}

test('what Terraform says is left, without margin, colours and what cdktf draws', () => {
  expect(read(DEPLOY).text).toMatchInlineSnapshot(`
"Initializing the backend...
Terraform has been successfully initialized!
# buildfleet_vm.alpha will be created
Plan: 1 to add, 2 to change, 3 to destroy.
buildfleet_vm.alpha (alpha/Resource): Creating...
null_resource.alpha_smoke (alpha/smoke/Resource) (local-exec): Executing: ["/bin/sh" "-c" "x"]
null_resource.alpha_smoke (alpha/smoke/Resource) (local-exec): haskell-build-alpha  tunnel  ok"
`);
});

test('tells what the run is at', () => {
  const output = new TerraformOutput('fleet');
  const phases = DEPLOY.split('\n').map((line) => {
    output.take(`${line}\n`);
    return output.phase;
  });
  expect([...new Set(phases)]).toEqual(['synthesizing', 'starting Terraform', 'looking at what is there', 'changing']);
  expect(output.planned).toEqual({ add: 1, change: 2, destroy: 3 });
  expect(output.done).toBeUndefined();
});

test('the end of an apply and of a destroy', () => {
  expect(read('fleet  Apply complete! Resources: 9 added, 1 changed, 2 destroyed.\n')).toMatchObject({
    ...{ phase: 'finished', done: { add: 9, change: 1, destroy: 2 } },
  });
  expect(read('fleet  Destroy complete! Resources: 9 destroyed.\n').done).toEqual({ add: 0, change: 0, destroy: 9 });
  expect(read('No changes. Your infrastructure matches the configuration.').hasNoChanges).toBe(true);
});

test('errors in full, warnings not, with and without frames', () => {
  const errors = [
    'Error: haskell-build-alpha: the VM was not ready within 600 s\n\n  with buildfleet_vm.alpha (alpha/Resource),',
    'Error: a second one',
  ];
  expect(read(FRAMED).errors).toEqual(errors);
  expect(read(FRAMED.replace(/^(fleet {2}| {7})[╷╵]\n/gm, '').replace(/│ /g, '')).errors).toEqual(errors);
});

test('nothing depends on where the output is cut', () => {
  const text = `${DEPLOY}\n${FRAMED}`;
  const whole = read(text);
  fc.assert(
    fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 30 }), (cuts) => {
      const places = [0, ...cuts.sort((one, other) => one - other), text.length];
      const output = new TerraformOutput('fleet');
      for (const [n, place] of places.slice(1).entries()) output.take(text.slice(places[n], place));
      output.end();
      expect([output.text, output.errors, output.phase]).toEqual([whole.text, whole.errors, whole.phase]);
    }),
  );
});

test('only what a program prints is its output', () => {
  const lines = read(DEPLOY).text.split('\n');
  expect(lines.map(programOutput).filter((line) => line !== undefined)).toEqual(['haskell-build-alpha  tunnel  ok']);
});
