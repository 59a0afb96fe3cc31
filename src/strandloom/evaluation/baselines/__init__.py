"""The trivial and classical classifiers every network is compared with."""
