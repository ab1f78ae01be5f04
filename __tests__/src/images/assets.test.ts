import { HOST_SCRIPTS, PROVISIONING_SCRIPTS } from '../../../src/model/image-definition';
import { hostScripts, imageAssets } from '../../../src/images/assets';

test('what runs on the host lies beside what an image is made with, and is no part of its definition', () => {
  const image = imageAssets().map(({ path }) => path);
  expect(image).toEqual(expect.arrayContaining([...PROVISIONING_SCRIPTS]));
  expect(image.filter((path) => (HOST_SCRIPTS as readonly string[]).includes(path))).toEqual([]);
  expect(hostScripts().map(({ path, executable }) => [path, executable])).toEqual(
    HOST_SCRIPTS.map((path) => [path, true]),
  );
});
