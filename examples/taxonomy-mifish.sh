#!/usr/bin/env bash
# Fish from MiFish sequences and places: reference, model, its test, a field study off Portugal, Darwin Core.
#   STRANDLOOM_DATA=… examples/taxonomy-mifish.sh OUT [more options of train, such as --members 1]
set -euo pipefail
OUT=${1:?usage: STRANDLOOM_DATA=… examples/taxonomy-mifish.sh OUT}
D=${STRANDLOOM_DATA:?the folder with fish12s_mifish, fish_geo and edna_berlengas}
mkdir -p "$OUT"

# The reference without the development records, on which the model is judged below. Seen: how many records and species stay, which names
# were repaired, how many sequences several species share, how many records look mislabelled (suspect_records.tsv).
strandloom taxonomy build "$D/fish12s_mifish/mifish_reference.tsv.gz" --marker mifish \
  --exclude "$D/fish12s_mifish/mifish_dev_ids.txt.gz" --out "$OUT/reference"

# Ranges of four kinds. Seen: what each file was taken for, names that the reference does not have, how many species have a range; at the
# end how many held-out records get the right species by sequence alone, and at a place of their range.
strandloom taxonomy train "$OUT/reference" --out "$OUT/run" \
  --ranges "$D/fish_geo/species_ecoregions.tsv.gz" --ranges "$D/fish_geo/ecoregion_cells_0p5deg.tsv.gz" \
  --ranges "$D/fish_geo/ecoregions.tsv.gz" --ranges "$D/fish_geo/occurrence_cells_0p5deg.tsv.gz" \
  --ranges "$D/fish_geo/species_drainage_basins.tsv.gz" --ranges "$D/fish_geo/basins.tsv.gz" \
  --ranges "$D/fish_geo/species_bounds_fishbase.tsv.gz" "${@:2}"

# The development records, which are not in that reference. Seen in judged/report.html: the model beside simpler methods; sequences that
# one species has alone, that several share, and new ones apart; and places at which the true species is taken off the list.
awk -F'\t' 'NR == FNR { held[$1]; next } FNR == 1 || $1 in held' \
  <(gunzip -c "$D/fish12s_mifish/mifish_dev_ids.txt.gz") <(gunzip -c "$D/fish12s_mifish/mifish_reference.tsv.gz") > "$OUT/known.tsv"
strandloom taxonomy evaluate "$OUT/run/bundle" "$OUT/known.tsv" \
  --locations "$D/fish_geo/mifish_dev_locations.tsv.gz" --out "$OUT/judged"

# The Berlengas archipelago, 35 samples. Seen: primers and adapters that are still attached are cut off; in found/report.html the map, and
# the calls that location changed, with what speaks for both species.
strandloom taxonomy assign "$OUT/run/bundle" "$D/edna_berlengas/asvs.fasta.gz" \
  --counts "$D/edna_berlengas/counts.tsv.gz" --samples "$D/edna_berlengas/samples.tsv.gz" --out "$OUT/found"

# Occurrences for OBIS and GBIF; what only the authors know (seq_meth …) is still missing and was named above.
head -n 3 "$OUT/found/darwin_core/occurrence.tsv"
