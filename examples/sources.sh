#!/usr/bin/env bash
# Environments of the human body from genomes; six real samples and simulated mixtures are asked.
#   STRANDLOOM_DATA=… examples/sources.sh OUT [more options of train, such as --no-judge]
set -euo pipefail
OUT=${1:?usage: STRANDLOOM_DATA=… examples/sources.sh OUT}
D=${STRANDLOOM_DATA:?the folder with source_genomes, hmp_reads and yeast_epigenome}
mkdir -p "$OUT"

# 26 genomes of four environments. Seen: how well reads of left-out genomes and genera are answered, beside naive Bayes.
strandloom sources train "$D/source_genomes/genomes.tsv" --out "$OUT/run" "${@:2}"

# Six samples of one person. Seen: adapters that are cut off, shares with intervals, and how much is unknown.
strandloom sources estimate "$OUT/run/bundle" "$D/hmp_reads/samples.tsv" --out "$OUT/samples"

# The same reads one by one, beside naive Bayes.
strandloom sources evaluate "$OUT/run/bundle" "$D/hmp_reads/samples.tsv" --out "$OUT/judged"

# Samples of known composition, up to 60 % yeast. Seen: how far off the shares are, by method.
strandloom sources simulate "$D/source_genomes/genomes.tsv" --samples 8 --reads 5000 \
  --foreign-genome "$D/yeast_epigenome/S_cerevisiae.R64-1-1.fa.gz" --foreign 0.6 --out "$OUT/mixtures"
strandloom sources evaluate "$OUT/run/bundle" "$OUT/mixtures/truth.tsv" --out "$OUT/mixtures-judged"
