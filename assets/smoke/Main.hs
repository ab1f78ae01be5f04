-- | Compiled and run on a build machine by @buildfleet smoke@: writes its result into the file that it is given.
module Main (main) where

import Fleet.Greeting (greeting)
import Fleet.Sum (sumOfSquares)
import System.Environment (getArgs)
import System.Exit (die)

main :: IO ()
main = do
  arguments <- getArgs
  case arguments of
    [nonce, output] -> writeFile output (unlines [greeting nonce, show (sumOfSquares 100)])
    _ -> die "usage: smoke NONCE OUTPUT"
