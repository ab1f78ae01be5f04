/** Shape of a project as developers have it, small enough for an emulated machine. */
export interface Shape {
  /** Text files, by path below the project's directory. */
  readonly files: Readonly<Record<string, string>>;
  /** Change of one place in the sources. */
  readonly edit: { readonly file: string; readonly from: string; readonly to: string };
  /** Output of the program before and after the edit. */
  readonly says: readonly [before: string, after: string];
  /** Executable that `fetch` brings; undefined: the shape has none. */
  readonly executable: string | undefined;
}

/** No optimization, and little garbage collection: an emulated machine compiles a few lines a second. */
const QUICK = 'ghc-options: -O0 +RTS -A64m -RTS';

const greeting = (edited: boolean) => `hello from the ${edited ? 'second' : 'first'} edition`;

/** A line of Haskell that every shape has in one place, and the edit that changes it. */
const EDITION = `edition :: String
edition = "first"
`;

function edition(file: string): Pick<Shape, 'edit' | 'says'> {
  return { edit: { file, from: '"first"', to: '"second"' }, says: [greeting(false), greeting(true)] };
}

const TEST_SUITE = `test-suite tests
  type: exitcode-stdio-1.0
  main-is: Tests.hs
  hs-source-dirs: test
  default-language: Haskell2010
  ${QUICK}
`;

/** A library and a program in packages of their own, with tests in the library's. */
export const SEVERAL_PACKAGES: Shape = {
  ...edition('core/src/Core.hs'),
  executable: 'greet',
  files: {
    'cabal.project': 'packages: core\n          app\noptimization: False\n',
    'core/core.cabal': `cabal-version: 2.4
name: core
version: 0.1

library
  exposed-modules: Core
  hs-source-dirs: src
  build-depends: base
  default-language: Haskell2010
  ${QUICK}

${TEST_SUITE}  build-depends: base, core
`,
    'core/src/Core.hs': `module Core (greeting) where

greeting :: String
greeting = "hello from the " ++ edition ++ " edition"

${EDITION}`,
    'core/test/Tests.hs': `import Control.Monad (unless)
import Core (greeting)
import System.Exit (exitFailure)

main :: IO ()
main = unless (take 5 greeting == "hello") exitFailure
`,
    'app/app.cabal': `cabal-version: 2.4
name: app
version: 0.1

executable greet
  main-is: Main.hs
  build-depends: base, core
  default-language: Haskell2010
  ${QUICK}
`,
    'app/Main.hs': `import Core (greeting)

main :: IO ()
main = putStrLn greeting
`,
  },
};

/** One package, no `cabal.project`: a signature that is filled in twice, by public and by private libraries. */
export const BACKPACK: Shape = {
  ...edition('loud/Voice.hs'),
  executable: 'voices',
  files: {
    'voices.cabal': `cabal-version: 2.4
name: voices
version: 0.1

common shared
  build-depends: base
  default-language: Haskell2010
  ${QUICK}

library speaker
  import: shared
  hs-source-dirs: speaker
  signatures: Voice
  exposed-modules: Speaker

library loud
  import: shared
  hs-source-dirs: loud
  exposed-modules: Voice

executable voices
  import: shared
  main-is: Main.hs
  hs-source-dirs: app
  build-depends: speaker, loud

${TEST_SUITE}  build-depends: base, speaker, loud
`,
    'speaker/Voice.hsig': 'signature Voice where\n\nedition :: String\n',
    'speaker/Speaker.hs': `module Speaker (greeting) where

import Voice (edition)

greeting :: String
greeting = "hello from the " ++ edition ++ " edition"
`,
    'loud/Voice.hs': `module Voice (edition) where\n\n${EDITION}`,
    'app/Main.hs': 'import Speaker (greeting)\n\nmain :: IO ()\nmain = putStrLn greeting\n',
    'test/Tests.hs': `import Speaker (greeting)
import System.Exit (exitFailure)

main :: IO ()
main = if null greeting then exitFailure else putStrLn "it speaks"
`,
  },
};

/** One package without a `cabal.project`, with C, a lexer for alex, a file of data, and golden files of its tests. */
export const C_ALEX_AND_DATA: Shape = {
  ...edition('data/edition.txt'),
  edit: { file: 'data/edition.txt', from: 'first', to: 'second' },
  executable: 'words',
  files: {
    'words.cabal': `cabal-version: 2.4
name: words
version: 0.1
data-dir: data
data-files: edition.txt
extra-source-files: cbits/twice.h

common shared
  build-depends: base, array
  default-language: Haskell2010
  hs-source-dirs: src
  other-modules: Lexer
  c-sources: cbits/twice.c
  include-dirs: cbits
  ${QUICK}

executable words
  import: shared
  main-is: Main.hs
  other-modules: Paths_words
  autogen-modules: Paths_words

test-suite tests
  import: shared
  type: exitcode-stdio-1.0
  main-is: Golden.hs
  hs-source-dirs: test
`,
    'src/Lexer.x': `{
module Lexer (wordsOf, twice) where

import Foreign.C.Types (CInt (..))
}

%wrapper "basic"

tokens :-
  $white+ ;
  [a-z]+  { id }

{
wordsOf :: String -> [String]
wordsOf = alexScanTokens

foreign import ccall unsafe "twice.h twice" twice :: CInt -> CInt
}
`,
    'cbits/twice.h': 'int twice(int);\n',
    'cbits/twice.c': '#include "twice.h"\n\nint twice(int number) { return 2 * number; }\n',
    'data/edition.txt': 'first',
    'src/Main.hs': `import Lexer (wordsOf)
import Paths_words (getDataFileName)

main :: IO ()
main = do
  edition <- getDataFileName "edition.txt" >>= readFile
  putStrLn (unwords (wordsOf ("hello   from the " ++ edition ++ " edition")))
`,
    'test/Golden.hs': `import Lexer (twice, wordsOf)
import System.Exit (die)

main :: IO ()
main = do
  golden <- readFile "test/golden/words.txt"
  -- Read to its end, which closes it.
  _ <- pure $! length golden
  let actual = unlines (wordsOf "one  two" ++ [show (twice 21)])
  if actual == golden then putStrLn "as the golden file has it" else writeFile "test/golden/words.txt" actual >> die "not so"
`,
    'test/golden/words.txt': 'one\ntwo\n42\n',
  },
};

/** A library for programs in other languages, in a package that also has a program. */
export const FOREIGN_LIBRARY: Shape = {
  ...edition('src/Greeting.hs'),
  executable: undefined,
  files: {
    'shout.cabal': `cabal-version: 2.4
name: shout
version: 0.1

common shared
  build-depends: base
  default-language: Haskell2010
  other-modules: Greeting
  hs-source-dirs: src
  ${QUICK}

foreign-library shout
  import: shared
  type: native-shared
  other-modules: Export

test-suite tests
  import: shared
  type: exitcode-stdio-1.0
  main-is: Tests.hs
`,
    'src/Greeting.hs': `module Greeting (greeting) where

greeting :: String
greeting = "hello from the " ++ edition ++ " edition"

${EDITION}`,
    'src/Export.hs': `module Export () where

import Foreign.C.String (CString, newCString)
import Greeting (greeting)

foreign export ccall shout :: IO CString

shout :: IO CString
shout = newCString greeting
`,
    'src/Tests.hs': `import Greeting (greeting)
import System.Exit (exitFailure)

main :: IO ()
main = if null greeting then exitFailure else putStrLn "it greets"
`,
  },
};

/** A package that is described to hpack alone. */
export const HPACK_ONLY: Shape = {
  ...edition('src/Greeting.hs'),
  executable: 'hello',
  files: {
    'package.yaml': `name: hello
version: 0.1.0
dependencies: base
${QUICK}
executables:
  hello:
    main: Main.hs
    source-dirs: [app, src]
tests:
  tests:
    main: Tests.hs
    source-dirs: [test, src]
`,
    'stack.yaml': 'resolver: lts-22.0\n',
    'src/Greeting.hs': FOREIGN_LIBRARY.files['src/Greeting.hs']!,
    'app/Main.hs': 'import Greeting (greeting)\n\nmain :: IO ()\nmain = putStrLn greeting\n',
    'test/Tests.hs': FOREIGN_LIBRARY.files['src/Tests.hs']!,
  },
};
