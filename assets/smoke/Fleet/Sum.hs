-- | Something to compute that has a known answer.
module Fleet.Sum (sumOfSquares) where

sumOfSquares :: Integer -> Integer
sumOfSquares n = sum [k * k | k <- [1 .. n]]
