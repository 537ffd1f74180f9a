package publish

// prove holds the next list, which came about as it will at a reader, from
// the delta's bytes, against what the rows ask for, by other means: every
// entry that they touch is looked up, and how many there are and their checksum are
// counted from the changes. What nobody touched is thereby proved to be there still.
func (d *draft) prove(t touched) error {
	base, next, dropped := d.base.List, d.state.List, d.manifest.State.Dropped
	for _, e := range t.removed {
		if got, ok := next.Lookup(e.Rule, e.Key); ok && got.Outright() == e.Outright() {
			return d.defect("an entry that was reinstated is still there")
		}
	}
	for _, e := range t.entries {
		if got, ok := next.Lookup(e.Rule, e.Key); !ok || got != e {
			return d.defect("an entry that was revoked is not there")
		}
	}
	count, sum := base.Len()-len(t.replaced)+len(t.entries), base.Sum()
	if base.NextExpiry() <= dropped {
		whole, err := base.Whole()
		if err != nil {
			return err
		}
		for e := range whole.Snapshot().Entries() {
			if e.Exp <= dropped {
				count--
				sum.Sub(e)
			}
		}
	}
	for _, e := range t.replaced {
		sum.Sub(e)
	}
	for _, e := range t.entries {
		sum.Add(e)
	}
	if next.Len() != count || next.Sum() != sum {
		return d.defect("the delta does not lead to the list that it was made for")
	}
	d.result.Dropped = base.Len() - len(t.replaced) + len(t.entries) - next.Len() - t.revived
	return nil
}
