-- | What makes one run's result different from every other's.
module Fleet.Greeting (greeting) where

greeting :: String -> String
greeting nonce = "built for " ++ reverse nonce
