"""Other ways to compute a network than torch in fp32: one library a file, each answering as fp32 does or refused."""
