from __future__ import annotations
from types import SimpleNamespace
import numpy as np
def test_x(trained: SimpleNamespace, tiny):
    print(trained.trained.held_out.sentence(), trained.trained.seconds)
    print(trained.trained.epochs[0], trained.trained.epochs[59], trained.trained.epochs[60], trained.trained.epochs[-1])
    m=trained.model; r=m.match.reference
    rows,lives=tiny.world()
    from strandloom.workflows.taxonomy.posterior import tally,call
    for g in ("Alpha","Beta","Gamma","Delta"):
        a,b=(r.taxonomy.lookup(f"{g} {e}") for e in ("australis","borealis"))
        h=r.haplotype[r.species==a][0]
        ev=m.evidence(r.codes[r.offsets[h]:r.offsets[h+1]],np.array([0,r.offsets[h+1]-r.offsets[h]]))
        sc=m.sequence_scores(ev)
        for s in (a,b):
            for x in lives[r.taxonomy.species[s]]:
                pl=m.ranges.places(*(np.array([v]) for v in tiny.centres[x]))
                po=m.posterior(ev,sc,query=np.array([0,0]),place=np.array([-1,0]),places=pl)
                t=tally(po,ev,m.taxa(ev)).ranks[0]
                print(g,s,x,[(int(gg),int(tt),round(float(p),3)) for gg,tt,p in zip(t.group,t.taxon,t.mean) if tt in (a,b)])
