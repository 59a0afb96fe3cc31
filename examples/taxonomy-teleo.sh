#!/usr/bin/env bash
# Fish from teleo sequences: the marker is cut out of whole 12S records; held-out sequences are judged and assigned.
#   STRANDLOOM_DATA=… examples/taxonomy-teleo.sh OUT [more options of train, such as --members 1]
set -euo pipefail
OUT=${1:?usage: STRANDLOOM_DATA=… examples/taxonomy-teleo.sh OUT}
D=${STRANDLOOM_DATA:?the folder with fish12s_full, fish12s_mifish and fish_geo}
mkdir -p "$OUT"

# Records as deposited, whole genes and amplicons of other markers among them, with lineages in one column. Seen: how many hold this
# marker (between both primer sites, or a whole insert without them), and why the others were dropped (dropped.tsv).
strandloom taxonomy build "$D/fish12s_full/fish12s_full.tsv.gz" --marker teleo \
  --exclude "$D/fish12s_mifish/mifish_dev_ids.txt.gz" --out "$OUT/reference"

strandloom taxonomy train "$OUT/reference" --out "$OUT/run" \
  --ranges "$D/fish_geo/species_ecoregions.tsv.gz" --ranges "$D/fish_geo/ecoregion_cells_0p5deg.tsv.gz" \
  --ranges "$D/fish_geo/occurrence_cells_0p5deg.tsv.gz" "${@:2}"

# The records that were left out, where they hold this marker, with a place where one is known: record_id … sequence, lat, lon.
awk -F'\t' -v OFS='\t' '
  FNR == 1 { file++ }
  file == 1 { held[$1]; next }
  file == 2 { place[$1] = $2 OFS $3; next }
  FNR == 1 { print $0, "lat", "lon"; next }
  $1 in held { print $0, ($1 in place ? place[$1] : OFS) }
' <(gunzip -c "$D/fish12s_mifish/mifish_dev_ids.txt.gz") <(gunzip -c "$D/fish_geo/mifish_dev_locations.tsv.gz") \
  <(gunzip -c "$D/fish12s_mifish/teleo_reference.tsv.gz") > "$OUT/held_out.tsv"

# Seen: what so short an insert can decide, and what location adds. Some held-out species have no other record of this marker, so that
# the reference lacks them: these can only be right at a wider rank.
strandloom taxonomy evaluate "$OUT/run/bundle" "$OUT/held_out.tsv" --baselines fast --out "$OUT/judged"

# The same sequences as if nobody knew them; each is called at its own place.
strandloom taxonomy assign "$OUT/run/bundle" "$OUT/held_out.tsv" --out "$OUT/found"
head -n 3 "$OUT/found/assignments.tsv"
